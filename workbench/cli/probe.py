"""`workbench probe`: what recorded layers know, beside four baselines."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli import probe_parts
from workbench.cli.analysis_options import ProbeOptions
from workbench.cli.option_kinds import UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.recorded_names import check_layers, read_concepts
from workbench.cli.steps import import_modules
from workbench.cli.table import format_table, to_json
from workbench.printable import printable

MOST_MISTAKES = 1_000
"""As `workbench.analyses.probing.mistakes` lists at most; a test holds the two together."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.analyses.probing import Mistakes, ProbeResult
    from workbench.recording import Recording


def run(options: ProbeOptions) -> None:
    """Probe layers for concepts, and print the scores.

    Raises:
        WorkbenchError: What `probe_layers` raises.
    """
    _check(options)
    import_modules(options.imports)
    from workbench.analyses.concepts import telling_concepts
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    if options.concepts:
        names = [concept.name for concept in telling_concepts(recording)]
        sys.stdout.write(to_json(names) + "\n" if options.json else "".join(f"{printable(name)}\n" for name in names))
        return
    check_layers(recording, [*options.layer, *(place.partition("@")[0] for place in options.pair or ())])
    parts = _parts(options)
    if parts:
        probe_parts.PARTS[parts[0]](options, recording)
        return
    concepts = read_concepts(recording, options.concept)
    _check_number(options, len(concepts) * len(options.layer or recording.layers))
    from workbench.analyses.probing import probe_layers

    progress = TerminalProgress("probing", "passes")
    try:
        found = probe_layers(
            recording,
            concepts or None,
            options.layer or None,
            kind=options.kind,
            policy=None if options.no_random_network else recording.policy(trust_pickle=options.trust_pickle),
            seed=options.seed,
            progress=progress,
        )
    finally:
        progress.close()
    wrong = None if options.mistakes is None else _mistakes(options, recording, found)
    if options.json:
        facts = {"recording": options.recording, "seed": options.seed, "probes": [_facts(one) for one in found]}
        told = {} if wrong is None else {"mistakes": asdict(wrong)}
        sys.stdout.write(f"{to_json(facts | told)}\n")
    else:
        sys.stdout.write(f"{_describe(found)}\n")
        if wrong is not None:
            sys.stdout.write(f"\n{_describe_mistakes(wrong, found[0])}\n")
    if options.out is not None:
        _keep(options, found)


def _parts(options: ProbeOptions) -> list[str]:
    """Which of the other things is asked for; at most one."""
    return [name for name in probe_parts.PARTS if getattr(options, name)]


def _check(options: ProbeOptions) -> None:
    parts = _parts(options)
    if len(parts) > 1:
        raise UsageError(f"--{' and --'.join(parts)} exclude each other.")
    if options.follows is not None and parts != ["push"]:
        raise UsageError("--follows says what following a --push means; give --push CLASS, too.")
    if options.out is not None and options.out.suffix != ".npz":
        raise UsageError(f"--out takes a name that ends in .npz; came {options.out.name!r}.")
    if options.mistakes is not None and not 1 <= options.mistakes <= MOST_MISTAKES:
        raise UsageError(f"--mistakes takes a number from 1 to {MOST_MISTAKES:,}; came {options.mistakes}.")
    if not parts:
        return
    idle = ["--mistakes"] if options.mistakes is not None else []
    idle += ["--out"] if options.out is not None and parts != ["pair"] else []
    idle += ["--kind"] if options.kind != "linear" else []
    if idle:
        raise UsageError(f"--{parts[0]} makes linear probes, and lists and keeps none; leave out {', '.join(idle)}.")


def _check_number(options: ProbeOptions, number: int) -> None:
    """Refuse what is of one probe where several will be made; 0 says that it is not known how many."""
    if number > 1 and options.out is not None:
        raise UsageError(f"--out keeps one probe, and {number} would be made; give one --concept and one --layer.")
    if number > 1 and options.mistakes is not None:
        raise UsageError(
            f"--mistakes lists those of one probe, and {number} would be made; give one --concept and one --layer."
        )


def _mistakes(options: ProbeOptions, recording: "Recording", found: "Sequence[ProbeResult]") -> "Mistakes":
    from workbench.analyses.probing import mistakes

    assert options.mistakes is not None
    if len(found) != 1:
        raise UsageError(
            f"--mistakes lists those of one probe, and {len(found)} were made; give one --concept and one --layer."
        )
    return mistakes(recording, found[0], most=options.mistakes)


def _describe_mistakes(wrong: "Mistakes", one: "ProbeResult") -> str:
    sure = "off by (standard deviations)" if one.classes is None else "how sure (classes alike before)"
    rows = [
        (str(each.episode), str(each.t), printable(each.true), printable(each.said), f"{each.confidence:.2f}")
        for each in wrong.found
    ]
    share = "" if one.classes is None else f"{wrong.wrong:,} of {wrong.steps:,} steps are decided wrongly\n\n"
    return share + format_table(("episode", "step", "true", "the probe says", sure), rows)


def _describe(found: "Sequence[ProbeResult]") -> str:
    blocks = []
    for concept in dict.fromkeys(one.concept for one in found):
        mine = [one for one in found if one.concept == concept]
        first = mine[0]
        what = "a number" if first.classes is None else f"{len(first.classes)} classes"
        title = f"{printable(first.words)} ({what}; {first.steps:,} steps of {first.episodes:,} episodes)"
        rows = [
            (
                printable(one.layer),
                str(one.score),
                str(one.observation.score),
                "–" if one.random_network is None else str(one.random_network.score),
                str(one.control.score),
                one.verdict,
            )
            for one in mine
        ]
        header = ("layer", f"{first.metric} [95 %]", "of the observation", "random weights", "random labels", "verdict")
        chance = f"chance is {first.chance:.2g}"
        notes = [f"{printable(one.layer)}: {printable(note)}" for one in mine for note in one.notes]
        codes = [
            f"{printable(one.layer)}: {one.bits_per_step} bits a step, {one.compression} × shorter than even chances"
            for one in mine
            if one.bits_per_step is not None
        ]
        blocks.append("\n".join([f"{title}, {chance}", "", format_table(header, rows), *codes, *notes]))
    return "\n\n".join(blocks)


def _facts(one: "ProbeResult") -> dict[str, Any]:
    """Everything but the probe's weights in plain JSON."""

    def beside(baseline: Any) -> dict[str, Any] | None:
        return None if baseline is None else asdict(baseline)

    plain = ("concept", "layer", "kind", "steps", "episodes", "metric", "chance", "verdict", "decodable")
    return {
        **{name: getattr(one, name) for name in plain},
        "classes": None if one.classes is None else list(one.classes),
        "score": asdict(one.score),
        "observation": beside(one.observation),
        "random_network": beside(one.random_network),
        "control": beside(one.control),
        "bits_per_step": None if one.bits_per_step is None else asdict(one.bits_per_step),
        "compression": None if one.compression is None else asdict(one.compression),
        "confusion": None if one.tally.counts.ndim < 3 else one.tally.counts.sum(axis=0).tolist(),
        "notes": list(one.notes),
    }


def _keep(options: ProbeOptions, found: "Sequence[ProbeResult]") -> None:
    from workbench.exports.output import writing

    assert options.out is not None
    if len(found) != 1:
        raise UsageError(f"--out keeps one probe, and {len(found)} were made; give one --concept and one --layer.")
    with writing(options.out, overwrite=options.overwrite) as partial:
        found[0].probe.save(partial)
    sys.stderr.write(f"{options.out}\n")
