"""`workbench intervene`: what a change of the agent, or of what it sees, does to its decisions and behaviour."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.options import InterveneOptions, UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.steps import chosen_rows, import_modules, named_row
from workbench.cli.table import format_table, to_json
from workbench.errors import WorkbenchError
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.intervention import BehaviourEffect, Change, DecisionEffect, PatchSearch
    from workbench.policies.types import Policy
    from workbench.recording import Recording

BACKGROUND_STEPS = 256
STRONGEST = 15


def run(options: InterveneOptions) -> None:
    """Change what is asked for, and print what that does.

    Raises:
        WorkbenchError: What `decision_effect`, `behaviour_effect` and `search_patches` raise.
    """
    import_modules(options.imports)
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    rows = chosen_rows(recording, options.episode, options.step, options.sample, options.seed)
    policy = recording.policy(trust_pickle=options.trust_pickle)
    facts: dict[str, Any] = {"recording": options.recording}
    if options.search_from is not None:
        found = _search(options, recording, policy, rows)
        _print(options, facts | _search_facts(found), _describe_search(found))
        return
    changes = _changes(options, recording, policy)
    effect = _effect(options, recording, policy, rows, changes)
    behaviour = None if options.rollouts is None else _behaviour(options, recording, policy, changes)
    text = _describe_effect(effect) + ("" if behaviour is None else f"\n\n{_describe_behaviour(behaviour)}")
    facts |= {
        "decisions": _effect_facts(effect),
        "behaviour": None if behaviour is None else _behaviour_facts(behaviour),
    }
    _print(options, facts, text)


def _print(options: InterveneOptions, facts: dict[str, Any], text: str) -> None:
    sys.stdout.write(f"{to_json(facts) if options.json else text}\n")


def _changes(options: InterveneOptions, recording: "Recording", policy: "Policy") -> "list[Change]":
    import numpy as np

    from workbench.analyses.intervention import ablate, clamp, layer_values, patch, set_number, steer

    asked = [
        name
        for name, given in (
            ("--ablate", options.ablate),
            ("--clamp", options.clamp),
            ("--patch-from", options.patch_from),
            ("--steer", options.steer),
        )
        if given is not None
    ]
    changes: list[Change] = [set_number(*_number(recording, text)) for text in options.set]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} exclude each other; give one of them.")
    if not asked and not changes:
        raise UsageError(
            "Nothing is changed: give --ablate, --clamp, --patch-from, --steer or --set (or --search-from)."
        )
    if not asked:
        return changes
    if options.layer is None:
        raise UsageError(f"{asked[0]} needs --layer; the layers are: {', '.join(recording.layers) or 'not recorded'}.")
    count = min(BACKGROUND_STEPS, len(recording))
    drawn = np.sort(np.random.default_rng(options.seed).choice(len(recording), count, replace=False))
    like = layer_values(recording, policy, options.layer, drawn)
    units = options.units or None
    if options.ablate is not None:
        changes.append(ablate(options.layer, units, like, how=options.ablate, seed=options.seed))
    elif options.clamp is not None:
        changes.append(clamp(options.layer, units or tuple(range(like.shape[1])), options.clamp, like))
    elif options.patch_from is not None:
        donor = layer_values(
            recording, policy, options.layer, [named_row(recording, options.patch_from, "--patch-from")]
        )
        changes.append(patch(options.layer, units, donor[0], like))
    else:
        changes.append(steer(options.layer, _vector(options), options.scale))
    return changes


def _number(recording: "Recording", text: str) -> tuple[int, float, str]:
    name, _, value = text.partition("=")
    names = recording.observation_names or []
    try:
        place = names.index(name) if name in names else int(name)
        return place, float(value), name if name in names else f"number {place}"
    except ValueError:
        there = ", ".join(names) if names else "numbered from 0"
        raise UsageError(f"--set takes NAME=VALUE, the value a number; came {text!r}; names: {there}.") from None


def _vector(options: InterveneOptions) -> Any:
    import numpy as np
    import torch

    assert options.steer is not None
    try:
        vector = np.load(options.steer, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise WorkbenchError(f"{str(options.steer)!r} is no array that numpy.save wrote: {error}.") from error
    return torch.as_tensor(np.asarray(vector, np.float32))


def _effect(
    options: InterveneOptions, recording: "Recording", policy: "Policy", rows: Any, changes: "list[Change]"
) -> "DecisionEffect":
    from workbench.analyses.intervention import decision_effect

    return decision_effect(
        recording,
        policy,
        rows,
        changes,
        target=_target(options, recording, policy, rows),
        controls=options.controls,
        seed=options.seed,
    )


def _target(options: InterveneOptions, recording: "Recording", policy: "Policy", rows: Any) -> Any:
    if options.target is None:
        return None
    from workbench.analyses.saliency import prepare

    return prepare(recording, rows[:1], policy=policy, target=options.target, background_steps=1).question.target


def _behaviour(
    options: InterveneOptions, recording: "Recording", policy: "Policy", changes: "list[Change]"
) -> "BehaviourEffect":
    from workbench.analyses.intervention import behaviour_effect

    assert options.rollouts is not None
    if options.rollouts < 1:
        raise UsageError(f"--rollouts must be at least 1; it is {options.rollouts}.")
    progress = TerminalProgress("acting", "episodes")
    try:
        return behaviour_effect(
            policy, changes, recording.make_environment, episodes=options.rollouts, seed=options.seed, progress=progress
        )
    finally:
        progress.close()


def _search(options: InterveneOptions, recording: "Recording", policy: "Policy", rows: Any) -> "PatchSearch":
    from workbench.analyses.intervention import search_patches

    assert options.search_from is not None
    if len(rows) != 1:
        raise UsageError("--search-from patches into one step; give --episode and --step instead of --sample.")
    progress = TerminalProgress("patching", "layers")
    try:
        return search_patches(
            recording,
            policy,
            named_row(recording, options.search_from, "--search-from"),
            int(rows[0]),
            layers=None if options.layer is None else [options.layer],
            target=_target(options, recording, policy, rows),
            progress=progress,
        )
    finally:
        progress.close()


def _describe_effect(effect: "DecisionEffect") -> str:
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


def _describe_behaviour(effect: "BehaviourEffect") -> str:
    rows = [(name, *(_short(part) for part in found)) for name, found in effect.estimates.items()]
    title = f"behaviour, {len(effect.seeds):,} episodes of the same seeds"
    return format_table((title, "without", "with", "with − without [95 % interval]"), rows)


def _short(number: Any) -> str:
    if number.low is None:
        return _number_in_words(number.mean)
    return f"{number.mean:.4g} [{number.low:.4g}, {number.high:.4g}]".replace("-", "−")


def _describe_search(found: "PatchSearch") -> str:
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


def _effect_facts(effect: "DecisionEffect") -> dict[str, Any]:
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


def _behaviour_facts(effect: "BehaviourEffect") -> dict[str, Any]:
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
    }


def _search_facts(found: "PatchSearch") -> dict[str, Any]:
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
