"""Figures of maps: what is drawn is what was found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch

from tests.analyses.representation.planted import record_shapes
from workbench.analyses.representation import cluster_layer, compare_layers, map_layer, transition_graph
from workbench.analyses.representation.colouring import colour_points
from workbench.figures.atlas import map_figure, variance_figure
from workbench.figures.atlas_clusters import contact_sheet, similarity_figure, transition_figure
from workbench.figures.atlas_interactive import map_plot, traces_of
from workbench.figures.class_colours import class_colours, number_limits
from workbench.figures.png import png_bytes
from workbench.recording import Recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_shapes(Path(tmp_path_factory.mktemp("atlas")) / "x.zarr", episodes=6)


def test_every_point_is_on_the_plot_and_can_be_told_from_its_trace(recording: Recording) -> None:
    found = map_layer(recording, "groups")
    for name, count in (("truth.group", 3), ("value", 1)):
        colouring = colour_points(recording, found.points, name)
        places, plot = traces_of(colouring), map_plot(found, colouring, path=2)
        assert sorted(np.concatenate(places).tolist()) == list(range(len(found.points)))
        assert len(places) == count + 1
        for place, trace in zip(places, plot.data, strict=False):
            np.testing.assert_array_equal(trace.x, found.positions[place, 0])
        path = plot.data[count + 1]
        mine = np.flatnonzero(found.points.episodes == 2)
        np.testing.assert_array_equal(path.y, found.positions[mine, 1])
        assert len(png_bytes(map_figure(found, colouring, path=2))) > 10_000
    assert len(png_bytes(variance_figure(found.components))) > 5_000


def test_clusters_and_similarities_are_drawn(recording: Recording) -> None:
    clusters = cluster_layer(recording, "groups", 3)
    picture = np.zeros((8, 8, 3), np.uint8)
    sheet = contact_sheet(clusters, [[picture, picture, None]] * 3)
    # Two rows of three: nowhere is there a third example.
    assert len(sheet.axes) == 6
    assert sum(bool(axis.images) for axis in sheet.axes) == 6
    assert [axis.get_title().split("\n")[0] for axis in sheet.axes[:3]] == ["cluster 0", "cluster 1", "cluster 2"]
    arrows = transition_figure(clusters, transition_graph(recording, clusters)).axes[0].patches
    # Three discs, and one way out of each.
    assert len(arrows) == 6
    graph = transition_graph(recording, clusters)
    told = [text.get_text() for text in transition_figure(clusters, graph).axes[0].texts]
    assert graph.leaves.sum() == graph.counts.sum() - np.trace(graph.counts)
    assert [text for text in told if "%" in text] == [f"100 %\nn = {count:,}" for count in graph.leaves]


def test_the_numbers_of_a_way_lie_on_its_own_arrow(recording: Recording) -> None:
    """There and back are two arrows side by side, and what is written between them might be of either."""
    clusters = cluster_layer(recording, "groups", 3)
    graph = transition_graph(recording, clusters)
    both = replace(
        graph, counts=np.array([[0, 8, 2], [7, 0, 3], [1, 9, 0]]), stays=np.zeros(3),
        probabilities=np.array([[0, 0.8, 0.2], [0.7, 0, 0.3], [0.1, 0.9, 0]]),
    )  # fmt: skip
    figure = transition_figure(clusters, both)
    FigureCanvasAgg(figure).draw()
    [axis] = figure.axes
    arrows = [one for one in axis.patches if isinstance(one, FancyArrowPatch)]
    labels = [one for one in axis.texts if "%" in one.get_text()]
    assert len(arrows) == len(labels) == 6
    paths = [one.get_path().vertices[:3] for one in arrows]
    t = np.linspace(0, 1, 101)[:, None]
    curves = [(1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c for a, b, c in paths]
    for number, label in enumerate(labels):
        distances = [np.abs(curve - np.array(label.xy)).sum(axis=1).min() for curve in curves]
        assert int(np.argmin(distances)) == number
        assert distances[number] < 0.03
    assert len(png_bytes(similarity_figure(compare_layers(recording, ["cloud", "bent"])))) > 5_000


def test_colours_are_told_apart_and_centred() -> None:
    assert len(set(class_colours([f"cluster {one}" for one in range(16)]))) == 16
    assert len(set(class_colours([str(one) for one in range(40)]))) == 40
    assert number_limits(np.array([-3.0, 1.0]))[2] == "RdBu_r"
    low, high, _ = number_limits(np.array([-3.0, 1.0]))
    assert low == -high
    assert number_limits(np.zeros(0))[:2] == (0.0, 1.0)
    assert number_limits(np.full(3, 5.0))[:2] == (5.0, 6.0)
