"""Probes of each square: a layer that holds a thing on its own square, next to it, or nowhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from tests.analyses.probing.grid_world import SIDE, record_walks, walker
from workbench.analyses.concepts.squares import offered_square_concepts, read_square_concept
from workbench.analyses.probing.spatial import probe_squares
from workbench.analyses.probing.square_features import lattice_of
from workbench.errors import WorkbenchError
from workbench.recording import Recording

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_walks(tmp_path_factory.mktemp("walks") / "x.zarr")


def test_what_lies_on_a_square_is_found_there_and_what_lies_beside_it_only_with_its_neighbours(
    walks: Recording,
) -> None:
    layers = ["places", "beside", "noise"]
    one = {x.layer: x for x in probe_squares(walks, ["here:truth.token"], layers, policy=walker())}
    three = {x.layer: x for x in probe_squares(walks, ["here:truth.token"], layers, reach=3)}
    assert one["places"].score.value > 0.999
    assert one["places"].macro_f1.value > 0.999
    assert one["places"].verdict == "decodable square by square here, but no more than from the observed picture there"
    assert one["beside"].score.value < 0.7
    assert not one["noise"].decodable
    # At the right edge there is no square behind it on which it would show.
    assert np.nanmin(three["beside"].by_square[:, :-1]) > 0.95
    assert not three["noise"].decodable
    assert abs(one["places"].control.score.value - 0.5) < 0.2
    assert one["places"].by_square.shape == (SIDE, SIDE)


def test_where_something_will_go_is_the_path_that_it_takes(walks: Recording) -> None:
    rows = walks.episode(3).rows
    crossed = read_square_concept(walks, "will_cross:truth.token", rows)
    sides = read_square_concept(walks, "enters_from:truth.token", rows)
    here = read_square_concept(walks, "here:truth.token", rows)
    path = [*walks.steps["truth/token"][rows].tolist(), walks.final_truth(3, "token").tolist()]
    for t in range(len(rows)):
        expected = np.zeros((SIDE, SIDE), bool)
        for before, after in zip(path[t:-1], path[t + 1 :], strict=True):
            if before != after:
                expected[tuple(after)] = True
        np.testing.assert_array_equal(crossed.values[t] == 1, expected)
        assert here.values[t].sum() == 1
        assert here.values[t][tuple(path[t])] == 1
    first = next(t for t in range(len(rows)) if path[t] != path[t + 1])
    step = (path[first + 1][0] - path[first][0], path[first + 1][1] - path[first][1])
    side = {(-1, 0): "from below", (0, 1): "from the left", (1, 0): "from above", (0, -1): "from the right"}[step]
    assert sides.classes[sides.values[first][tuple(path[first + 1])]] == side


def test_what_was_cut_off_says_nothing_of_what_would_have_come(tmp_path: Path) -> None:
    from workbench.recording import record

    cut = record(walker(), "TokenWalk-v0", out=tmp_path / "x.zarr", steps=30, seed=0, environments=4)
    assert not cut.episodes["complete"].all()
    number = int(np.flatnonzero(~cut.episodes["complete"])[0])
    rows = np.concatenate([cut.episode(number).rows, cut.episode(int(np.argmax(cut.episodes["complete"]))).rows])
    found = read_square_concept(cut, "will_cross:truth.token", rows)
    unknown = cut.episode(number).length
    assert (found.values[:unknown] == -1).all()
    assert (found.values[unknown:] >= 0).all()
    assert cut.final_truth(number, "token") is None


def test_a_recording_offers_what_it_knows_of_squares(walks: Recording) -> None:
    assert offered_square_concepts(walks) == [
        "here:truth.goal",
        "here:truth.token",
        "will_cross:truth.token",
        "enters_from:truth.token",
        "truth.walls",
    ]
    assert read_square_concept(walks, "truth.walls", [0, 5]).classes == ("no", "yes")


@pytest.mark.parametrize(
    ("squares", "cells", "expected"),
    [
        (6, 6, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]),
        (13, 7, [(0, 0), (2, 1), (4, 2), (6, 3), (8, 4), (10, 5), (12, 6)]),
        (8, 4, [(1, 0), (3, 1), (5, 2), (7, 3)]),
        (3, 6, [(0, 1), (1, 3), (2, 5)]),
    ],
)
def test_cells_lie_on_squares_from_edge_to_edge(squares: int, cells: int, expected: list[tuple[int, int]]) -> None:
    lattice = lattice_of((squares, squares), (cells, cells))
    assert list(zip(lattice.square_rows.tolist(), lattice.cell_rows.tolist(), strict=True)) == expected


@pytest.mark.parametrize("reach", [1, 3])
def test_a_probe_says_what_its_weights_are(walks: Recording, reach: int) -> None:
    """As a convolution, and what is added along its direction moves its answer there and nowhere far from it."""
    probe = probe_squares(walks, ["here:truth.token"], ["places"], reach=reach)[0].probe
    values = walks.activations["places"][:3]
    said = probe.of_values(values)
    weight = probe.weight.T.reshape(2, 3, reach, reach)
    scores = np.stack(
        [
            sum(correlate(values[0, k].astype(float), weight[c, k], mode="constant") for k in range(3)) + probe.bias[c]
            for c in range(2)
        ],
        axis=-1,
    )
    expected = np.exp(scores - scores.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(said[0], expected / expected.sum(axis=-1, keepdims=True), atol=1e-6)
    moved = probe.of_values(values + 5 * probe.direction("yes", [(2, 3)]).numpy())
    change = moved[0, :, :, 1] - said[0, :, :, 1]
    assert change.argmax() == 2 * SIDE + 3 or change.max() < 1e-9
    assert abs(change[5, 0]) < 1e-9


def test_what_cannot_be_probed_by_squares_is_said(walks: Recording) -> None:
    for call, words in [
        (lambda: probe_squares(walks, ["here:truth.token"], ["wish"]), "takes a convolutional layer"),
        (lambda: probe_squares(walks, ["here:truth.token"], ["places"], reach=2), "1 or 3"),
        (lambda: probe_squares(walks, ["here:truth.nothing"], ["places"]), "there are: truth.goal"),
        (lambda: probe_squares(walks, ["here:truth.walls"], ["places"]), "not a row and a column"),
        (lambda: probe_squares(walks, ["action"], ["places"]), "one for each row and column"),
        (lambda: probe_squares(walks, [], ["places"]), "at least one concept"),
    ]:
        with pytest.raises(WorkbenchError, match=words):
            call()
