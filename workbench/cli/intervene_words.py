"""What interventions did, as text for a terminal and as plain JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.table import format_table
from workbench.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.analyses.intervention import BehaviourEffect, DecisionEffect, PatchSearch, StateEffect

STRONGEST = 15


def describe_effect(effect: "DecisionEffect") -> str:
    """What a change did to decisions, beside its controls."""
    unit = f" [{effect.unit}]" if effect.unit else ""
    rows = [
        ("change" + unit, str(effect.effect), ""),
        ("|change|" + unit, str(effect.size), effect.verdict),
    ]
    if effect.above_controls is not None and effect.chance is not None:
        count = len(effect.controls)
        controls = f"{count} different random change{'s' * (count != 1)} of the same size, "
        controls += f"{effect.controls.mean():.3g} on average"
        more = f"as large or larger in {effect.chance:.2g} of them (with this one counted)"
        rows.append(("|change| less theirs" + unit, str(effect.above_controls), f"{controls}; {more}"))
    if effect.account != "mean":
        rows.append(("most likely action changed", f"{int(effect.flipped.sum())} of {len(effect.flipped)}", ""))
    blocks = [
        f"{printable(effect.words)}; measured: {printable(effect.target)}, {_steps(len(effect.rows))}",
        format_table(("decision", "how much", "beside"), rows),
        format_table(("mean over the steps", "before", "after"), _accounts(effect), right=(1, 2)),
    ]
    return "\n\n".join(blocks)


def _accounts(effect: "DecisionEffect") -> list[tuple[str, str, str]]:
    """What the policy says of each option, mean over the steps, and what is done of it where that is a number."""
    words = {
        "probability": "probability of {}",
        "q": "Q of {} [return]",
        "mean": "mean of {}, before squashing or clipping",
    }
    told = [(words[effect.account], effect.account_before, effect.account_after)]
    if effect.log_odds_before is not None and effect.log_odds_after is not None:
        told.append(("log-odds of {} [nats]", effect.log_odds_before, effect.log_odds_after))
    if effect.actions_before is not None and effect.actions_after is not None:
        told.append(("{}, as it is done", effect.actions_before, effect.actions_after))
    return [
        (title.format(printable(name)), _number_in_words(float(old)), _number_in_words(float(new)))
        for title, before, after in told
        for name, old, new in zip(effect.options, before.mean(axis=0), after.mean(axis=0), strict=True)
    ]


def describe_behaviour(effect: "BehaviourEffect") -> str:
    """What a change did to whole episodes."""
    rows = [(name, *(_short(part) for part in found)) for name, found in effect.estimates.items()]
    title = f"behaviour, {len(effect.seeds):,} episodes of the same seeds"
    table = format_table((title, "without", "with", "with − without [95 % interval]"), rows)
    table += f"\n{_methods(effect)}"
    return table if effect.visits is None else f"{table}\n\n{_describe_visits(effect)}"


def _methods(effect: "BehaviourEffect") -> str:
    """How the intervals were had."""
    told = {}
    for name, found in effect.estimates.items():
        methods = [one.method for one in found if one.low is not None]
        if methods:
            told[name] = (methods[0], methods[-1])
    if not told:
        return "no intervals: all episodes are alike, or fewer than 5"
    parts = [
        f"{printable(name)}: {means}" + (f", of the difference {difference}" if difference != means else "")
        for name, (means, difference) in told.items()
    ]
    return f"intervals over episodes, {'; '.join(parts)}; none where all episodes are alike, or fewer than 5"


def _describe_visits(effect: "BehaviourEffect") -> str:
    """Quarters of the grid, which a terminal can show; the JSON has every square."""
    import numpy as np

    visits = effect.visits
    assert visits is not None
    upper, left = (size // 2 for size in visits.without.shape)
    rows = []
    for name, rows_of in (("upper", slice(None, upper)), ("lower", slice(upper, None))):
        for side, columns in (("left", slice(None, left)), ("right", slice(left, None))):
            shares = [float(np.sum(grid[rows_of, columns])) for grid in (visits.without, visits.with_change)]
            change = f"{100 * (shares[1] - shares[0]):+.1f}".replace("-", "−")
            borders = (
                f"rows {_range(rows_of, visits.without.shape[0])}, columns {_range(columns, visits.without.shape[1])}"
            )
            rows.append((f"{name} {side} ({borders})", *(f"{100 * share:.1f}" for share in shares), change))
    title = f"where {printable(visits.label)} is [% of steps]"
    return format_table((title, "without", "with", "with − without"), rows, right=(1, 2, 3))


def _range(part: slice, size: int) -> str:
    start, stop, _ = part.indices(size)
    return f"{start} to {stop - 1}"


def describe_sweep(effects: "Sequence[DecisionEffect]", scales: "Sequence[float]") -> str:
    """What several multiples of one vector did."""
    unit = f" [{effects[0].unit}]" if effects[0].unit else ""
    rows = [
        (
            f"{scale:g}".replace("-", "−"),
            _short(effect.effect),
            _short(effect.size),
            _number_in_words(float(effect.controls.mean())) if effect.controls.size else "none",
            "" if effect.chance is None else f"{effect.chance:.2g}",
            f"{int(effect.flipped.sum())} of {len(effect.flipped)}",
        )
        for effect, scale in zip(effects, scales, strict=True)
    ]
    header = (
        "scale",
        f"change{unit} [95 %]",
        f"|change|{unit}",
        "random vectors'",
        "share as large",
        "other action",
    )
    first = effects[0]
    title = f"{printable(first.target)}, {_steps(len(first.rows))} of {first.effect.episodes:,} episodes"
    return f"{title}\n\n{format_table(header, rows, right=(0,))}"


def describe_state(effect: "StateEffect") -> str:
    """What an edit of the environment's state did."""
    words = {
        "probability": "probability of {}",
        "q": "Q of {} [return]",
        "mean": "mean of {}, before squashing or clipping",
    }
    told = [(words[effect.account], effect.before, effect.after)]
    if effect.log_odds_before is not None and effect.log_odds_after is not None:
        told.append(("log-odds of {} [nats]", effect.log_odds_before, effect.log_odds_after))
    rows = [
        (title.format(printable(name)), _number_in_words(float(old)), _number_in_words(float(new)))
        for title, before, after in told
        for name, old, new in zip(effect.options, before, after, strict=True)
    ]
    if effect.value_before is not None and effect.value_after is not None:
        rows.append(("value", _number_in_words(effect.value_before), _number_in_words(effect.value_after)))
    shifted = "total variation" if effect.account == "probability" else "largest difference"
    beside = "no control: only edits by whole numbers have random ones"
    if not effect.controls_asked:
        beside = "no control was asked for"
    if effect.chance is not None:
        beside = (
            f"{len(effect.controls)} different random edits of the same kind: {effect.controls.mean():.3g} on average, "
            f"as large or larger in {effect.chance:.2g} of them (with this one counted)"
        )
    return "\n\n".join(
        (
            f"{printable(effect.words)}, at episode {effect.episode}, step {effect.step}",
            format_table(("the decision", "before", "after"), rows, right=(1, 2)),
            f"shift ({shifted}): {effect.shift:.3g}; {beside}",
        )
    )


def state_facts(effect: "StateEffect") -> dict[str, Any]:
    """Everything but the observations in plain JSON."""
    plain = (
        "words",
        "row",
        "episode",
        "step",
        "account",
        "options",
        "controls_asked",
        "value_before",
        "value_after",
        "shift",
        "chance",
    )
    facts = {name: getattr(effect, name) for name in plain}
    arrays = ("before", "after", "log_odds_before", "log_odds_after", "controls")
    return facts | {name: _listed(getattr(effect, name)) for name in arrays}


def _short(number: Any) -> str:
    if number.low is None:
        return _number_in_words(number.mean)
    return f"{number.mean:.4g} [{number.low:.4g}, {number.high:.4g}]".replace("-", "−")


def describe_search(found: "PatchSearch") -> str:
    """What patching each unit did."""
    unit = f" [{found.unit}]" if found.unit else ""
    strongest = [
        (printable(layer), name, _number_in_words(effect)) for layer, name, effect in found.strongest(STRONGEST)
    ]
    layers = [
        (
            printable(layer.layer),
            _number_in_words(layer.whole),
            "undecided" if layer.correlation != layer.correlation else f"{layer.correlation:.2f}".replace("-", "−"),
        )
        for layer in found.layers
    ]
    here, there = _number_in_words(found.before), _number_in_words(found.at_donor)
    blocks = [
        f"{printable(found.target)}: {here} here, {there} at the donor",
        format_table(("layer", "unit", f"change when patched{unit}"), strongest, right=(2,)),
        format_table(
            ("layer", f"change when all of it is patched{unit}", "rank correlation of attribution patching"),
            layers,
            right=(1, 2),
        ),
    ]
    blocks += [f"not patched: {printable(name)}: {printable(why)}" for name, why in found.skipped.items()]
    return "\n\n".join(blocks)


def effect_facts(effect: "DecisionEffect") -> dict[str, Any]:
    """Everything in plain JSON."""
    plain = ("words", "target", "unit", "account", "options", "chance", "verdict", "larger", "controls_asked", "seed")
    arrays = (
        "rows", "episodes", "before", "after", "account_before", "account_after", "log_odds_before", "log_odds_after",
        "actions_before", "actions_after", "flipped", "controls",
    )  # fmt: skip
    return {
        **{name: getattr(effect, name) for name in plain},
        **{name: _listed(getattr(effect, name)) for name in arrays},
        "effect": asdict(effect.effect),
        "size": asdict(effect.size),
        "above_controls": None if effect.above_controls is None else asdict(effect.above_controls),
    }


def behaviour_facts(effect: "BehaviourEffect") -> dict[str, Any]:
    """Everything in plain JSON."""
    return {
        "words": effect.words,
        "seeds": effect.seeds.tolist(),
        "measures": {
            name: {
                "without": effect.without[name].tolist(),
                "with": effect.with_change[name].tolist(),
                **{
                    part: asdict(one)
                    for part, one in zip(("mean_without", "mean_with", "difference"), found, strict=True)
                },
            }
            for name, found in effect.estimates.items()
        },
        "visits": None
        if effect.visits is None
        else {
            "label": effect.visits.label,
            "without": effect.visits.without.tolist(),
            "with": effect.visits.with_change.tolist(),
        },
    }


def search_facts(found: "PatchSearch") -> dict[str, Any]:
    """Everything in plain JSON."""
    return {
        "target": found.target,
        "unit": found.unit,
        "before": found.before,
        "at_donor": found.at_donor,
        "strongest": [
            {"layer": layer, "unit": name, "effect": effect} for layer, name, effect in found.strongest(STRONGEST)
        ],
        "layers": [
            {
                "layer": layer.layer,
                "whole": layer.whole,
                "units": list(layer.units),
                "effects": layer.effects.tolist(),
                "estimates": layer.estimates.tolist(),
                "correlation": layer.correlation,
                "same": list(found.same.get(layer.layer, ())),
            }
            for layer in found.layers
        ],
        "skipped": found.skipped,
    }


def _listed(array: Any) -> list[Any] | None:
    return None if array is None else array.tolist()


def _number_in_words(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _steps(count: int) -> str:
    return f"{count:,} step{'s' * (count != 1)}"
