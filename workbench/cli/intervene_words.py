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
        controls = f"{len(effect.controls)} random changes of the same size, {effect.controls.mean():.3g} on average"
        more = f"as large or larger in {effect.chance:.2g} of them (with this one counted)"
        rows.append(("|change| less theirs" + unit, str(effect.above_controls), f"{controls}; {more}"))
    if effect.account != "mean":
        rows.append(("most likely action changed", f"{int(effect.flipped.sum())} of {len(effect.flipped)}", ""))
    before, after = effect.account_before.mean(axis=0), effect.account_after.mean(axis=0)
    accounts = [
        (f"{effect.account} {place}", _number_in_words(old), _number_in_words(new))
        for place, (old, new) in enumerate(zip(before, after, strict=True))
    ]
    return "\n\n".join(
        (
            f"{printable(effect.words)}; measured: {printable(effect.target)}, {_steps(len(effect.rows))}",
            format_table(("decision", "how much", "beside"), rows),
            format_table(("mean over the steps", "before", "after"), accounts, right=(1, 2)),
        )
    )


def describe_behaviour(effect: "BehaviourEffect") -> str:
    """What a change did to whole episodes."""
    rows = [(name, *(_short(part) for part in found)) for name, found in effect.estimates.items()]
    title = f"behaviour, {len(effect.seeds):,} episodes of the same seeds"
    table = format_table((title, "without", "with", "with − without [95 % interval]"), rows)
    return table if effect.visits is None else f"{table}\n\n{_describe_visits(effect)}"


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
            rows.append((f"{name} {side}", *(f"{100 * share:.1f}" for share in shares), change))
    title = f"where {printable(visits.label)} is [% of steps]"
    return format_table((title, "without", "with", "with − without"), rows, right=(1, 2, 3))


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


def describe_state(effect: "StateEffect", names: "Sequence[str]") -> str:
    """What an edit of the environment's state did."""
    known = list(names) if len(names) == len(effect.before) else [str(place) for place in range(len(effect.before))]
    rows = [
        (f"{effect.account} of {printable(name)}", _number_in_words(old), _number_in_words(new))
        for name, old, new in zip(known, effect.before, effect.after, strict=True)
    ]
    if effect.value_before is not None and effect.value_after is not None:
        rows.append(("value", _number_in_words(effect.value_before), _number_in_words(effect.value_after)))
    shifted = "total variation" if effect.account == "probability" else "largest difference"
    beside = "no control: only edits by whole numbers have random ones"
    if effect.chance is not None:
        beside = (
            f"{len(effect.controls)} random edits of the same kind: {effect.controls.mean():.3g} on average, as large "
            f"or larger in {effect.chance:.2g} of them (with this one counted)"
        )
    return "\n\n".join(
        (
            f"{printable(effect.words)}, at row {effect.row}",
            format_table(("the decision", "before", "after"), rows, right=(1, 2)),
            f"shift ({shifted}): {effect.shift:.3g}; {beside}",
        )
    )


def state_facts(effect: "StateEffect") -> dict[str, Any]:
    """Everything but the observations in plain JSON."""
    plain = ("words", "row", "account", "value_before", "value_after", "shift", "chance")
    facts = {name: getattr(effect, name) for name in plain}
    return facts | {name: getattr(effect, name).tolist() for name in ("before", "after", "controls")}


def _short(number: Any) -> str:
    if number.low is None:
        return _number_in_words(number.mean)
    return f"{number.mean:.4g} [{number.low:.4g}, {number.high:.4g}]".replace("-", "−")


def describe_search(found: "PatchSearch") -> str:
    """What patching each unit did."""
    unit = f" [{found.unit}]" if found.unit else ""
    strongest = [(layer, name, _number_in_words(effect)) for layer, name, effect in found.strongest(STRONGEST)]
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
    facts = {
        name: getattr(effect, name) for name in ("words", "target", "unit", "account", "chance", "verdict", "seed")
    }
    arrays = ("rows", "episodes", "before", "after", "account_before", "account_after", "flipped", "controls")
    return {
        **facts,
        **{name: getattr(effect, name).tolist() for name in arrays},
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
            }
            for layer in found.layers
        ],
        "skipped": found.skipped,
    }


def _number_in_words(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _steps(count: int) -> str:
    return f"{count:,} step{'s' * (count != 1)}"
