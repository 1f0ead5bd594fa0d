"""`workbench atlas`: layers as maps, with what the maps are worth."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.cli.analysis_options import AtlasOptions
from workbench.cli.option_kinds import UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.recorded_names import check_layers, read_concepts
from workbench.cli.steps import import_modules
from workbench.cli.table import format_table, to_json
from workbench.errors import WorkbenchError
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.representation import Clustering, IntrinsicDimension, LayerMap, Similarity, TransitionGraph
    from workbench.recording import Recording

PICTURES = (".png", ".svg", ".pdf")
LEAST_TOLD = 0.05
"""Ways out of a cluster that are taken less often are not listed; the JSON has all."""


def run(options: AtlasOptions) -> None:
    """Map layers, and print what there is to say of them.

    Raises:
        UsageError: An option does not fit the others.
        WorkbenchError: What the maps raise.
    """
    clusters = _number_of_clusters(options)
    if options.out is not None and options.out.suffix not in PICTURES:
        raise UsageError(f"--out takes a name that ends in {', '.join(PICTURES)}; came {options.out.name!r}.")
    import_modules(options.imports)
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    layers = options.layer or tuple(recording.layers)
    if options.out is not None and len(layers) != 1:
        raise UsageError(f"--out draws the map of one layer, and {len(layers)} were chosen; give one --layer.")
    if not layers:
        raise WorkbenchError(f"{options.recording} holds no layer; record with layers to map them.")
    check_layers(recording, options.layer)
    if options.out is not None and options.colour != "cluster":
        read_concepts(recording, [options.colour])
    if options.path is not None:
        recording.episode(options.path)
    progress = TerminalProgress("mapping", "steps")
    facts: dict[str, Any] = {"recording": options.recording, "seed": options.seed, "layers": [], "left_out": []}
    try:
        for layer in layers:
            try:
                facts["layers"].append(_layer(options, recording, layer, clusters, progress))
            except WorkbenchError as error:
                # A layer that was not asked for by name is no reason not to tell of the others.
                if options.layer or error.__class__ is not WorkbenchError:
                    raise
                facts["left_out"].append(f"{layer}: {error}")
        if options.similarity:
            facts["similarity"] = _compare(options, recording, progress)
    finally:
        progress.close()
    sys.stdout.write(f"{to_json(facts) if options.json else _describe(facts)}\n")
    if options.out is not None:
        sys.stderr.write(f"{options.out}\n")


def _number_of_clusters(options: AtlasOptions) -> int | str | None:
    if options.clusters in (None, "auto"):
        wanted = options.colour == "cluster" and options.clusters is None
        return "auto" if wanted else options.clusters
    if not str(options.clusters).isdecimal() or len(str(options.clusters)) > 3:
        raise UsageError(f"--clusters takes a whole number or auto; came {options.clusters!r}.")
    return int(str(options.clusters))


def _layer(
    options: AtlasOptions, recording: "Recording", layer: str, clusters: int | str | None, progress: TerminalProgress
) -> dict[str, Any]:
    from workbench.analyses.representation import cluster_layer, intrinsic_dimension, map_layer, transition_graph

    found = map_layer(
        recording, layer, method=options.method, points=options.points, neighbours=options.neighbours,
        minimum_distance=options.minimum_distance, seed=options.seed, progress=progress,
    )  # fmt: skip
    facts = _map_facts(found)
    facts["dimension"] = _dimension_facts(intrinsic_dimension(recording, layer, seed=options.seed, progress=progress))
    clustering = None
    if clusters is not None:
        number = clusters if isinstance(clusters, int) else None
        clustering = cluster_layer(
            recording, layer, number, points=options.points, seed=options.seed, progress=progress
        )
        facts["clusters"] = _cluster_facts(clustering, transition_graph(recording, clustering, seed=options.seed))
    if options.out is not None:
        _draw(options, recording, found, clustering)
    return facts


def _draw(options: AtlasOptions, recording: "Recording", found: "LayerMap", clustering: "Clustering | None") -> None:
    from workbench.analyses.representation.colouring import colour_points
    from workbench.exports.output import writing
    from workbench.figures.atlas import map_figure

    assert options.out is not None
    colouring = colour_points(recording, found.points, options.colour, clustering=clustering)
    figure = map_figure(found, colouring, path=options.path)
    with writing(options.out, overwrite=options.overwrite) as partial:
        figure.savefig(partial, format=options.out.suffix[1:], dpi=150, bbox_inches="tight", facecolor="white")


def _map_facts(found: "LayerMap") -> dict[str, Any]:
    trust = {"map": found.trust, "pca": found.trust_of_pca, "random_plane": found.trust_of_chance}
    components = found.components
    return {
        "layer": found.layer,
        "method": found.method,
        "points": len(found.points),
        "drawn": found.points.words,
        "components": components.method,
        "explained_variance": [asdict(share) for share in components.shares],
        "covered": asdict(components.covered),
        "trustworthiness": {
            name: None if one is None else {"neighbours": one.neighbours, "points": found.trust_points}
            | asdict(one.value)
            for name, one in trust.items()
        },
    }  # fmt: skip


def _dimension_facts(found: "IntrinsicDimension") -> dict[str, Any]:
    return asdict(found) | {"by_size": {str(size): value for size, value in found.by_size.items()}}


def _cluster_facts(found: "Clustering", graph: "TransitionGraph") -> dict[str, Any]:
    return {
        "count": found.count,
        "steps": found.steps.tolist(),
        "components_read": found.read,
        "silhouette": asdict(found.silhouette),
        "silhouette_of_gaussian": found.silhouette_of_chance,
        "silhouette_by_number": {str(number): value for number, value in found.tried.items()},
        "adjusted_rand_index": found.stability.tolist(),
        "jaccard": found.stability_of_cluster.tolist(),
        "examples": found.examples.tolist(),
        "value": [None if one is None else asdict(one) for one in found.value],
        "reward": [asdict(one) for one in found.reward],
        "transitions": graph.counts.tolist(),
        "probability_on_leaving": graph.probabilities.tolist(),
        "stays": graph.stays.tolist(),
        "steps_in_a_row": [asdict(one) for one in graph.dwell],
        "episodes_begin": graph.starts.tolist(),
        "episodes_end": graph.ends.tolist(),
        "predictable": asdict(graph.predictable),
        "predictable_shuffled": asdict(graph.predictable_shuffled),
        "predictable_always": asdict(graph.predictable_always),
        "notes": list(found.notes),
    }


def _compare(options: AtlasOptions, recording: "Recording", progress: TerminalProgress) -> dict[str, Any]:
    from workbench.analyses.representation import compare_layers

    try:
        policy, why = recording.policy(trust_pickle=options.trust_pickle), ""
    except WorkbenchError as error:
        policy, why = None, f"without random weights: {error}"
    found: Similarity = compare_layers(
        recording, options.layer or None, policy=policy, seed=options.seed, progress=progress
    )
    facts = {
        name: value.tolist() if isinstance(value := getattr(found, name), np.ndarray) else value
        for name in ("rows", "columns", "value", "low", "high", "shuffled", "random_weights", "random_low",
                     "random_high", "covered", "steps", "episodes")
    }  # fmt: skip
    return facts | {"notes": [*found.notes, *([why] if why else [])]}


def _describe(facts: dict[str, Any]) -> str:
    header = (
        "layer",
        "two components",
        "participation ratio [95 %]",
        "TwoNN [95 %]",
        "trustworthiness [95 %]",
        "of PCA",
        "of chance",
    )
    rows = []
    for one in facts["layers"]:
        trust, dimension = one["trustworthiness"], one["dimension"]
        rows.append(
            (
                printable(one["layer"]),
                f"{100 * sum(share['value'] for share in one['explained_variance'][:2]):.3g} %",
                _interval(dimension["participation_ratio"], "value"),
                _interval(dimension["two_nn"], "value"),
                _interval(trust["map"], "mean"),
                _plain(trust["pca"]),
                _plain(trust["random_plane"]),
            )
        )
    blocks = [format_table(header, rows)]
    blocks += [f"Mapped: {one['drawn']}." for one in facts["layers"][:1]]
    blocks += [f"Left out: {printable(note)}" for note in facts["left_out"]]
    blocks += [_clusters_in_words(one) for one in facts["layers"] if "clusters" in one]
    if "similarity" in facts:
        blocks.append(_similarity_in_words(facts["similarity"]))
    return "\n\n".join(blocks)


def _clusters_in_words(one: dict[str, Any]) -> str:
    found = one["clusters"]
    header = (
        "cluster",
        "steps",
        "in a row [95 %]",
        "value [95 %]",
        "reward [95 %]",
        "leaves (n)",
        "to [% of n]",
        "comes again",
    )
    rows = []
    for cluster in range(found["count"]):
        leaving = found["probability_on_leaving"][cluster]
        ways = sorted(((way, to) for to, way in enumerate(leaving) if way >= LEAST_TOLD), reverse=True)
        rows.append(
            (
                str(cluster),
                f"{found['steps'][cluster]:,}",
                _interval(found["steps_in_a_row"][cluster], "mean"),
                _interval(found["value"][cluster], "mean"),
                _interval(found["reward"][cluster], "mean"),
                f"{sum(found['transitions'][cluster]) - found['transitions'][cluster][cluster]:,}",
                ", ".join(f"{to}: {100 * way:.0f}" for way, to in ways[:4]) or "–",
                "–" if np.isnan(found["jaccard"][cluster]) else f"{found['jaccard'][cluster]:.2f}",
            )
        )
    rand = np.array(found["adjusted_rand_index"])
    again = (
        f"{rand.mean():.2f} ({rand.min():.2f} to {rand.max():.2f})" if len(rand) else "unknown (fewer than 2 episodes)"
    )
    told = (
        f"{printable(one['layer'])}: silhouette {_interval(found['silhouette'], 'mean')}, of Gaussian numbers "
        f"{found['silhouette_of_gaussian']:.2f}; adjusted Rand index in other episodes {again}; next cluster foretold "
        f"{_interval(found['predictable'], 'mean')}, in random order {_interval(found['predictable_shuffled'], 'mean')}"
    )
    return "\n".join([told, "", format_table(header, rows), *(f"Note: {note}." for note in found["notes"])])


def _similarity_in_words(found: dict[str, Any]) -> str:
    numbers = [str(place) for place in range(len(found["columns"]))]
    rows = [
        (f"{place} {printable(name)}", *(f"{value:.2f}" for value in found["value"][place]),
         "–" if found["random_weights"] is None else _number(found["random_weights"][place]))
        for place, name in enumerate(found["rows"])
    ]  # fmt: skip
    shuffled = max(max(line) for line in found["shuffled"])
    told = (
        f"Linear CKA, {found['steps']:,} steps of {found['episodes']:,} episodes; rows shuffled: at most {shuffled:.2g}"
    )
    return "\n".join(
        [told, "", format_table(("layer", *numbers, "random weights"), rows), *(f"Note: {n}" for n in found["notes"])]
    )


def _interval(one: dict[str, Any] | None, name: str) -> str:
    if one is None or one[name] is None or not np.isfinite(one[name]):
        return "–"
    if one["low"] is None:
        return f"{one[name]:.3g}".replace("-", "−")
    return f"{one[name]:.3g} [{one['low']:.3g}, {one['high']:.3g}]".replace("-", "−")


def _plain(one: dict[str, Any] | None) -> str:
    return "–" if one is None else f"{one['mean']:.3g}"


def _number(value: float | None) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.2f}"
