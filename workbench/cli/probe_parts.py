"""What `workbench probe` does beyond whole layers: squares, pushes in the live agent, checkpoints of a training."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.analysis_options import ProbeOptions
from workbench.cli.option_kinds import UsageError
from workbench.cli.probe_pairs import probe_pairs
from workbench.cli.progress import TerminalProgress
from workbench.cli.recorded_names import read_concepts
from workbench.cli.table import format_table, to_json
from workbench.errors import WorkbenchError
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.intervals import Estimate
    from workbench.analyses.intervention.decision_effects import DecisionEffect
    from workbench.recording import Recording


def probe_squares(options: ProbeOptions, recording: "Recording") -> None:
    """Probe each square of convolutional layers, and print the scores.

    Raises:
        WorkbenchError: What the analysis raises.
    """
    from workbench.analyses.concepts.squares import offered_square_concepts, read_square_concept

    assert options.squares is not None
    spatial = [name for name, facts in recording.layers.items() if len(facts["shape"]) == 3]
    for name in options.concept:
        # Said before the analysis is imported; that it is the same everywhere, the analysis says.
        read_square_concept(recording, name, [0], constant=True)
    concepts = options.concept or tuple(offered_square_concepts(recording))
    from workbench.analyses.probing.spatial import probe_squares as probe

    progress = TerminalProgress("probing squares", "layers")
    try:
        found = probe(
            recording,
            concepts,
            options.layer or spatial,
            reach=options.squares,
            policy=None if options.no_random_network else recording.policy(trust_pickle=options.trust_pickle),
            seed=options.seed,
            progress=progress,
        )
    finally:
        progress.close()
    if options.json:
        facts = [
            {
                "concept": one.concept, "layer": one.layer, "reach": one.reach, "steps": one.steps,
                "episodes": one.episodes, "classes": list(one.classes), "chance": one.chance, "verdict": one.verdict,
                "score": asdict(one.score), "macro_f1": asdict(one.macro_f1), "square_alone": asdict(one.place),
                "picture": None if one.picture is None else asdict(one.picture),
                "random_network": None if one.random_network is None else asdict(one.random_network),
                "control": asdict(one.control), "by_square": one.by_square.tolist(), "notes": list(one.notes),
            }
            for one in found
        ]  # fmt: skip
        sys.stdout.write(f"{to_json({'recording': options.recording, 'seed': options.seed, 'squares': facts})}\n")
        return
    header = ("concept", "layer", "score [95 %]", "macro F1", "square alone", "picture", "random weights", "verdict")
    rows = [
        (
            printable(one.concept),
            printable(one.layer),
            str(one.score),
            str(one.macro_f1),
            str(one.place.score),
            "–" if one.picture is None else str(one.picture.score),
            "–" if one.random_network is None else str(one.random_network.score),
            one.verdict,
        )
        for one in found
    ]
    first = found[0]
    title = f"Balanced accuracy over the squares of {first.steps:,} steps of {first.episodes:,} episodes"
    sys.stdout.write(
        f"{title}, each probe reading {first.reach}×{first.reach} places\n\n{format_table(header, rows)}\n"
    )


def push(options: ProbeOptions, recording: "Recording") -> None:
    """Push a class in the live agent, and print whether decisions change and behaviour follows.

    Raises:
        UsageError: Not one concept and one layer were named.
        WorkbenchError: What the analyses raise.
    """
    if len(options.concept) != 1 or len(options.layer) != 1:
        raise UsageError("--push takes one --concept and one --layer, whose probe is pushed.")
    [concept] = read_concepts(recording, options.concept)
    if options.push not in (concept.classes or ()):
        what = f"its classes are: {', '.join(concept.classes)}" if concept.classes else "it is a number, without any"
        raise WorkbenchError(f"The concept {concept.name!r} has no class {options.push!r}; {what}.")
    from workbench.analyses.probing import probe_layers
    from workbench.analyses.probing.following import following
    from workbench.analyses.probing.use import use_of
    from workbench.analyses.reading_decisions import draw_rows

    assert options.push is not None
    policy = recording.policy(trust_pickle=options.trust_pickle)
    progress = TerminalProgress("going on", "rollouts")
    try:
        [one] = probe_layers(recording, [concept], options.layer, seed=options.seed)
        use = use_of(recording, policy, one.probe, draw_rows(recording, 40, seed=options.seed), which=options.push)
        followed = following(
            recording, policy, one.probe, options.push, follows=options.follows, seed=options.seed, progress=progress
        )
    finally:
        progress.close()
    effects = {"taken out": use.taken_out, "swapped": use.swapped, "pushed by 1 sd": use.pushed}
    if options.json:
        facts: dict[str, Any] = {
            "recording": options.recording, "concept": one.concept, "layer": one.layer, "class": options.push,
            "probe": {"score": asdict(one.score), "verdict": one.verdict},
            "use": {name: _effect(effect) for name, effect in effects.items()}, "used": use.verdict,
            "follows": [
                {
                    "scale": each.scale, "follows": each.follows, "without": asdict(each.without),
                    "pushed": asdict(each.pushed), "random_directions": each.controls.tolist(),
                    "above_without": asdict(each.above_without), "above_random": asdict(each.above_controls),
                    "verdict": each.verdict,
                }
                for each in followed
            ],
        }  # fmt: skip
        sys.stdout.write(f"{to_json(facts)}\n")
        return
    first = [
        (
            name,
            _words(effect.size),
            f"{effect.controls.mean():.3g}",
            f"{int(effect.flipped.sum())} of {len(effect.rows)}",
        )
        for name, effect in effects.items()
    ]
    second = [
        (
            f"{each.scale:g}",
            _words(each.without),
            _words(each.pushed),
            f"{each.controls.mean():.2f}",
            _words(each.above_controls),
            each.verdict,
        )
        for each in followed
    ]
    header = ("push [sd]", "without", "pushed [95 %]", "random directions", "pushed less random", "verdict")
    lines = [
        f"{printable(one.words)} in {printable(one.layer)}: {one.verdict} ({one.score})",
        "",
        f"Decisions ({use.verdict}); |change| of {printable(use.taken_out.target)} [{use.taken_out.unit or 'no unit'}]",
        "",
        format_table(("direction", "|change| [95 %]", "random directions", "action changed"), first),
        "",
        f"Behaviour: how often {printable(followed[0].follows)}, going on from {len(followed[0].rows)} steps",
        "",
        format_table(header, second),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def probe_course(options: ProbeOptions, recording: "Recording") -> None:
    """Probe several checkpoints of a training, and print a surface for each concept.

    Raises:
        WorkbenchError: What the analysis raises.
    """
    read_concepts(recording, options.concept)
    from workbench.analyses.probing.checkpoints import probe_checkpoints
    from workbench.recording import open_recording

    progress = TerminalProgress("probing", "checkpoints")
    try:
        surfaces = probe_checkpoints(
            [recording, *map(open_recording, options.beside)],
            options.concept or ("action",),
            options.layer or None,
            random_network=not options.no_random_network,
            seed=options.seed,
            progress=progress,
        )
    finally:
        progress.close()
    if options.json:
        facts = [
            {
                "concept": one.concept, "metric": one.metric, "layers": list(one.layers),
                "checkpoints": list(one.checkpoints), "trained": one.trained.tolist(),
                "scores": [[asdict(each.score) for each in row] for row in one.results],
                "less_observation": one.less("observation").tolist(), "selectivity": one.less("control").tolist(),
                "first_known": list(one.first_known),
            }
            for one in surfaces
        ]  # fmt: skip
        sys.stdout.write(f"{to_json({'seed': options.seed, 'surfaces': facts})}\n")
        return
    blocks = []
    for one in surfaces:
        rows = [
            (printable(layer), *(str(row[place].score) for row in one.results), one.first_known[place] or "–")
            for place, layer in enumerate(one.layers)
        ]
        header = ("layer", *map(printable, one.checkpoints), "decodable from")
        blocks.append(f"{printable(one.words)}: {one.metric} [95 %]\n\n{format_table(header, rows)}")
    blocks.append("Note: the recordings are taken for checkpoints of one training, in the order given.")
    sys.stdout.write("\n\n".join(blocks) + "\n")


def _effect(effect: "DecisionEffect") -> dict[str, Any]:
    return {
        "size": asdict(effect.size), "random_directions": effect.controls.mean(axis=1).tolist(),
        "flipped": int(effect.flipped.sum()), "steps": len(effect.rows), "verdict": effect.verdict,
    }  # fmt: skip


def _words(number: "Estimate") -> str:
    if number.low is None:
        return f"{number.mean:.2f}".replace("-", "−")
    return f"{number.mean:.2f} [{number.low:.2f}, {number.high:.2f}]".replace("-", "−")


PARTS: Mapping[str, Callable[[ProbeOptions, "Recording"], None]] = {
    "squares": probe_squares,
    "push": push,
    "pair": probe_pairs,
    "beside": probe_course,
}
"""What is done instead of probing whole layers, by the option that asks for it."""
