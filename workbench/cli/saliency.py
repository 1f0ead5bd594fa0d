"""`workbench saliency`: what recorded decisions rest on, with the evidence."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.cli.analysis_options import SaliencyOptions
from workbench.cli.option_kinds import UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.steps import chosen_rows, import_modules
from workbench.cli.table import format_table, to_json
from workbench.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from workbench.analyses.saliency import Case, SaliencyMaps
    from workbench.analyses.saliency.evidence import Evidence

SUFFIXES = (".png", ".svg", ".pdf", ".npz")
STRONGEST = 10
"""Regions that are listed."""


def run(options: SaliencyOptions) -> None:
    """Explain decisions, and print the strongest regions and the evidence.

    Raises:
        WorkbenchError: What `prepare`, `saliency` and `evidence` raise; or a module cannot be imported.
    """
    if options.out is not None and options.out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out takes a name that ends in {', '.join(SUFFIXES)}; came {options.out.name!r}.")
    import_modules(options.imports)
    from workbench.analyses.saliency import prepare, saliency
    from workbench.analyses.saliency.evidence import evidence
    from workbench.recording import open_recording
    from workbench.recording.spaces_only import environment_or_spaces

    recording = open_recording(options.recording)
    progress = TerminalProgress("explaining", "rows")
    try:
        case = prepare(
            recording,
            chosen_rows(recording, options.episode, options.step, options.sample, options.seed),
            policy=recording.policy(environment_or_spaces(recording), trust_pickle=options.trust_pickle),
            target=options.target,
            layer=options.layer,
            baseline=options.baseline,
            patch=options.patch,
            window=options.window,
            seed=options.seed,
            batch_size=options.batch_size,
            progress=progress,
        )
        found = []
        for method in options.method:
            maps = saliency(case, method)
            found.append((maps, evidence(case, maps, thorough=not options.quick)))
    finally:
        progress.close()
    if options.json:
        facts = [{"recording": options.recording, **map_facts(case, maps, known)} for maps, known in found]
        if len(found) > 1:
            for one, others in zip(facts, _agreement([maps for maps, _ in found]), strict=True):
                one["agreement"] = others
        sys.stdout.write(f"{to_json(facts[0] if len(facts) == 1 else facts)}\n")
    else:
        blocks = [describe_maps(case, maps, known) for maps, known in found]
        if len(found) > 1:
            blocks.append(_describe_agreement([maps for maps, _ in found]))
        sys.stdout.write("\n\n".join(blocks) + "\n")
    if options.out is not None:
        _write(options, case, *found[0])


def describe_maps(case: "Case", maps: "SaliencyMaps", known: "Evidence", *, where: str = "") -> str:
    """The strongest regions of maps and their evidence, for people.

    Args:
        case: What was explained.
        maps: One method's.
        known: The evidence for them.
        where: Which decision it was; empty: as recorded.
    """
    from workbench.figures.saliency_words import evidence_rows

    count = len(maps.rows)
    if not where:
        where = (
            f"step {maps.times[0]} of episode {maps.episodes[0]}"
            if count == 1
            else f"{count:,} steps of {len(np.unique(maps.episodes)):,} episodes"
        )
    site = "the observation" if maps.layer is None else f"the layer {maps.layer}"
    lines = [
        f"{maps.method} of {printable(maps.target)}, at {where}",
        f"attributed to {printable(site)}, against the baseline {maps.baseline}",
        _numbers_in_words(maps),
    ]
    scores, there = _mean_magnitudes(maps) if count > 1 else (maps.regions[0], np.flatnonzero(maps.exists[0]))
    order = there[np.argsort(-np.abs(scores[there]), kind="stable")]
    title = f"attribution [{maps.unit}]" if maps.unit else "attribution"
    rows = [
        (printable(maps.region_names[place]), f"{scores[place]:.4g}".replace("-", "−")) for place in order[:STRONGEST]
    ]
    left = len(order) - len(rows)
    more = f"… and {left:,} more of smaller attribution" if left else ""
    header = (f"region ({maps.region_kind})", title if count == 1 else f"mean |{title}|")
    evidence = [(row.what, row.value, row.control, row.says) for row in evidence_rows(known)]
    told = "evidence" if count == 1 else f"evidence [95 % interval over {len(np.unique(maps.episodes)):,} episodes]"
    blocks = [
        "\n".join(filter(None, lines)),
        "\n".join(filter(None, [format_table(header, rows, right=(1,)), more])),
        format_table((told, "this map", "beside", "what it says"), evidence),
    ]
    disagreement = case.question.decisions.largest_disagreement()
    if disagreement > 1e-3:
        blocks.append(
            f"The policy's answers differ from the recorded ones by up to {disagreement:.3g}: is it the one that acted?"
        )
    return "\n\n".join(blocks)


def _mean_magnitudes(maps: "SaliencyMaps") -> "tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]":
    """Mean |attribution| of each region over the decisions at which it existed, and which existed at any."""
    counts = maps.exists.sum(axis=0)
    return np.where(maps.exists, np.abs(maps.regions), 0).sum(axis=0) / np.maximum(counts, 1), np.flatnonzero(counts)


def _agreement(maps: "Sequence[SaliencyMaps]") -> list[dict[str, float]]:
    """By method, its rank correlation with each of the others."""
    from workbench.analyses.saliency.sanity import agreement

    found = agreement(maps)
    return [
        {other: float(found.correlations[i, j]) for j, other in enumerate(found.methods) if j != i}
        for i in range(len(found.methods))
    ]


def _describe_agreement(maps: "Sequence[SaliencyMaps]") -> str:
    names = [one.method for one in maps]
    rows = [
        (name, *("–" if other == name else f"{row[other]:.2f}".replace("-", "−") for other in names))
        for name, row in zip(names, _agreement(maps), strict=True)
    ]
    title = f"agreement, rank correlation of |attribution| (n = {len(maps[0].rows):,})"
    return format_table((title, *names), rows, right=tuple(range(1, len(names) + 1)))


def _numbers_in_words(maps: "SaliencyMaps") -> str:
    parts = []
    if len(maps.rows) == 1:
        parts.append(f"target: {maps.target_values[0]:.4g}")
    if "completeness_gap" in maps.facts:
        most = "" if len(maps.rows) == 1 else " at most"
        parts.append(f"completeness gap: {100 * maps.facts['completeness_gap'].max():.2g} %{most}")
    if "points" in maps.facts:
        few, many = int(maps.facts["points"].min()), int(maps.facts["points"].max())
        parts.append(f"{few} points a path" if few == many else f"{few} to {many} points a path")
    for name in ("perturbations", "masks", "coalitions", "layer"):
        if name in maps.facts:
            parts.append(f"{name}: {maps.facts[name]}")
    return "; ".join(parts).replace("-", "−")


def map_facts(case: "Case", maps: "SaliencyMaps", known: "Evidence") -> dict[str, Any]:
    """Everything about one method's maps in plain JSON."""
    return {
        "method": maps.method,
        "target": maps.target,
        "unit": maps.unit,
        "baseline": maps.baseline,
        "layer": maps.layer,
        "seed": maps.seed,
        "policy_disagreement": case.question.decisions.largest_disagreement(),
        "rows": maps.rows.tolist(),
        "episodes": maps.episodes.tolist(),
        "steps": maps.times.tolist(),
        "target_values": maps.target_values.tolist(),
        "regions": list(maps.region_names),
        "region_kind": maps.region_kind,
        # What did not exist (before an episode's first observation) has none.
        "attributions": np.where(maps.exists, maps.regions, np.nan).tolist(),
        "facts": {name: fact.tolist() if hasattr(fact, "tolist") else fact for name, fact in maps.facts.items()},
        "evidence": _evidence_facts(known),
    }


def _evidence_facts(known: "Evidence") -> dict[str, Any]:
    from dataclasses import asdict

    from workbench.analyses.intervals import Estimate

    def estimates(part: Any) -> dict[str, Any]:
        return {name: asdict(value) for name, value in vars(part).items() if isinstance(value, Estimate)}

    facts: dict[str, Any] = {
        "fidelity": {
            **estimates(known.fidelity),
            "k": known.fidelity.k,
            "random_orders": len(known.fidelity.orders),
            "every_order": known.fidelity.every_order,
            "verdict": known.fidelity.verdict,
        },
        "causal": {
            **estimates(known.causal),
            "donors": known.causal.donors,
            "regions": known.causal.regions,
            "regions_patched": known.causal.patched.shape[1],
            "chances": known.causal.chances.tolist(),
            "spread_over_donors": known.causal.spread.tolist(),
            "verdict": known.causal.verdict,
        },
        "sanity": None,
        "stability": None,
    }
    if known.sanity is not None:
        facts["sanity"] = {
            **estimates(known.sanity),
            "stages": list(known.sanity.stages),
            "flagged": known.sanity.flagged,
            "verdict": known.sanity.verdict,
        }
    if known.stability is not None:
        facts["stability"] = {**estimates(known.stability), "noise": known.stability.noise}
    return facts


def _write(options: SaliencyOptions, case: "Case", maps: "SaliencyMaps", known: "Evidence") -> None:
    from workbench.exports.output import writing

    assert options.out is not None
    suffix = options.out.suffix.lower()
    with writing(options.out, overwrite=options.overwrite) as partial:
        if suffix == ".npz":
            arrays: dict[str, Any] = {
                "rows": maps.rows,
                "episodes": maps.episodes,
                "steps": maps.times,
                "regions": maps.regions,
                "exists": maps.exists,
                "region_names": np.array(maps.region_names),
                "target_values": maps.target_values,
                **{f"values/{name}" if name else "values": array for name, array in maps.values.items()},
            }
            for order, curves in known.fidelity.curves.items():
                arrays |= {f"deletion/{order}": curves.deletion, f"insertion/{order}": curves.insertion}
            np.savez_compressed(partial, **arrays)
        else:
            from workbench.analyses.saliency.seen import seen_at
            from workbench.figures.saliency import SeenStep, saliency_figure

            seen = seen_at(case.question.decisions, 0)
            title = printable(f"{options.recording}, episode {maps.episodes[0]}, step {maps.times[0]}")
            step = SeenStep(title=title, picture=seen.picture, numbers=seen.numbers)
            saliency_figure(step, maps, known).savefig(partial, dpi=110)
    sys.stderr.write(f"{options.out}\n")
