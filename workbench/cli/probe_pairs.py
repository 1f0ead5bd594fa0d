"""`workbench probe --pair`: what two places of a network know together, and neither alone."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.analysis_options import ProbeOptions
from workbench.cli.option_kinds import UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.recorded_names import read_concepts
from workbench.cli.table import format_table, to_json
from workbench.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.analyses.probing.bilinear import PairResult
    from workbench.recording import Recording

MOST_SINGULAR_VALUES = 5


def probe_pairs(options: ProbeOptions, recording: "Recording") -> None:
    """Probe two places together, and print the scores beside those of each alone.

    Raises:
        UsageError: Layers were named with --layer, too; or several probes should be kept.
        WorkbenchError: What the analysis raises.
    """
    if options.layer:
        raise UsageError("--pair names the layers itself; leave out --layer.")
    if options.out is not None and len(options.concept) != 1:
        raise UsageError(f"--out keeps one probe, of one --concept; {len(options.concept) or 'all'} were asked for.")
    assert options.pair is not None
    concepts = read_concepts(recording, options.concept)
    from workbench.analyses.concepts import telling_concepts
    from workbench.analyses.probing.bilinear import probe_pair
    from workbench.analyses.probing.places import parse_place

    first, second = map(parse_place, options.pair)
    found = []
    for concept in concepts or telling_concepts(recording):
        progress = TerminalProgress(f"probing for {concept.name}", "probes")
        try:
            found.append(probe_pair(recording, concept, first, second, seed=options.seed, progress=progress))
        finally:
            progress.close()
    if options.json:
        facts = {"recording": options.recording, "seed": options.seed, "pairs": [_facts(one) for one in found]}
        sys.stdout.write(f"{to_json(facts)}\n")
    else:
        sys.stdout.write(f"{_describe(found)}\n")
    if options.out is not None:
        from workbench.exports.output import writing

        with writing(options.out, overwrite=options.overwrite) as partial:
            found[0].probe.save(partial)
        sys.stderr.write(f"{options.out}\n")


def _facts(one: "PairResult") -> dict[str, Any]:
    beside = {name: getattr(one, name) for name in ("additive", "first_alone", "second_alone", "control")}
    return {
        "concept": one.concept, "first": one.first.words, "second": one.second.words,
        "classes": None if one.classes is None else list(one.classes), "steps": one.steps, "episodes": one.episodes,
        "metric": one.metric, "chance": one.chance, "score": asdict(one.score),
        **{name: {"score": asdict(b.score), "difference": asdict(b.difference)} for name, b in beside.items()},
        "parts": list(one.parts), "singular_values": one.singular_values.tolist(), "decodable": one.decodable,
        "verdict": one.verdict, "notes": list(one.notes),
    }  # fmt: skip


def _describe(found: "Sequence[PairResult]") -> str:
    first = found[0]
    header = ("concept", "together [95 %]", "side by side", "first alone", "second alone", "random labels", "verdict")
    rows = [
        (
            printable(one.concept),
            str(one.score),
            *(str(each.score) for each in (one.additive, one.first_alone, one.second_alone, one.control)),
            one.verdict,
        )
        for one in found
    ]
    lines = [
        f"first:  {printable(first.first.words)}, {first.parts[0]} main parts",
        f"second: {printable(first.second.words)}, {first.parts[1]} main parts",
        "",
        format_table(header, rows),
        "",
        "Classes are scored by balanced accuracy, numbers by R², on episodes that the probe was not made from.",
    ]
    for one in found:
        shown = ", ".join(f"{value:.2g}" for value in one.shares_of_singular_values[:MOST_SINGULAR_VALUES])
        lines.append(
            f"{printable(one.concept)}: {one.steps:,} steps of {one.episodes:,} episodes; chance {one.chance:.2g}; "
            f"largest singular values of the products' weights, in shares of the first: {shown}"
        )
        lines += [f"{printable(one.concept)}: {printable(note)}" for note in one.notes]
    return "\n".join(lines)
