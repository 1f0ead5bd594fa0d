"""Two places together: where neither knows, and both do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import workbench
from tests.analyses.probing.planted import record_knowing
from workbench.analyses.expressions import evaluate
from workbench.analyses.probing.bilinear import probe_pair
from workbench.analyses.probing.pair_probe import load_pair_probe
from workbench.analyses.probing.places import Place, PlaceReader, parse_place
from workbench.analyses.probing.probe import load_probe
from workbench.errors import WorkbenchError
from workbench.recording import Recording

torch.set_num_threads(1)
BOTH = "observation[0] * observation[1] * observation[4] > 0"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_knowing(tmp_path_factory.mktemp("bilinear") / "x.zarr", episodes=40)


def test_what_two_layers_know_together_alone_is_found(recording: Recording) -> None:
    """One holds the product of two numbers, the other a third; the sign of all three is in neither."""
    found = probe_pair(recording, BOTH, Place(layer="product"), Place(layer="other"))
    assert found.verdict == "decodable from the two together, more than from what each of them says"
    assert found.score.value > 0.8
    assert abs(found.additive.score.value - 0.5) < 0.06
    assert abs(found.first_alone.score.value - 0.5) < 0.06
    assert abs(found.control.score.value - 0.5) < 0.06
    # One product of one direction with one: rank 1.
    largest, second = found.singular_values[1][:2]
    assert largest > 5 * second
    shares = found.shares_of_singular_values
    assert shares[0] == 1
    assert shares[1] == pytest.approx(second / largest)


def test_a_pair_is_kept_and_says_the_same_again(recording: Recording, tmp_path: Path) -> None:
    found = probe_pair(recording, BOTH, Place(layer="product"), Place(layer="other"))
    found.probe.save(tmp_path / "pair.npz")
    kept = load_pair_probe(tmp_path / "pair.npz")
    assert (kept.first, kept.second, kept.classes) == (found.first, found.second, found.classes)
    said = kept.apply(recording)
    np.testing.assert_array_equal(said, found.probe.apply(recording))
    truth = evaluate(recording, BOTH)
    assert np.mean(said.argmax(axis=1) == truth) > 0.8, "it was made from these very steps"
    np.testing.assert_allclose(said.sum(axis=1), 1)
    with pytest.raises(WorkbenchError, match="no probe that can be read"):
        load_probe(tmp_path / "pair.npz")
    with pytest.raises(WorkbenchError, match="made from another network"):
        replace(kept, fingerprint="f" * 64).apply(recording)
    with pytest.raises(WorkbenchError, match="these values are"):
        kept.of_values(np.zeros((2, 1)), np.zeros((2, 99)))
    with np.load(tmp_path / "pair.npz") as stored:
        np.savez(tmp_path / "odd.npz", **{**stored, "weight": stored["weight"][1:]})
    with pytest.raises(WorkbenchError, match="do not fit each other"):
        load_pair_probe(tmp_path / "odd.npz")


def test_places_are_read_from_words() -> None:
    assert parse_place("a.b.0") == Place(layer="a.b.0")
    assert parse_place("c@0,3") == Place(layer="c", row=0, column=3)
    assert parse_place("c@truth.p[0], max(truth.p, 1)") == Place(layer="c", row="truth.p[0]", column="max(truth.p, 1)")
    for wrong in ("", "@1,2", "c@1", "c@1,", "c@1,2,3"):
        with pytest.raises(WorkbenchError, match="A place is LAYER or"):
            parse_place(wrong)


def test_what_one_layer_knows_needs_no_pair(recording: Recording) -> None:
    found = probe_pair(recording, "observation[4] > 0", Place(layer="product"), Place(layer="other"))
    assert found.verdict == "decodable, and no more from the two together than from what each of them says"
    assert found.second_alone.score.value > 0.95
    nothing = probe_pair(recording, "truth.coin", Place(layer="product"), Place(layer="other"))
    assert nothing.verdict == "not decodable from the two together by this probe"
    number = probe_pair(recording, "observation[2] * observation[4]", Place(layer="product"), Place(layer="other"))
    assert number.score.value > 0.99
    assert number.additive.score.value < 0.05


def test_squares_are_read_where_they_are(tmp_path: Path) -> None:
    made = workbench.record(
        "agents.cheese_maze:corner_agent", "envs:CheeseMaze-v0", out=tmp_path / "x.zarr", episodes=4, seed=1
    )
    layer = next(layer for layer in made.layers if made.activations[layer].ndim == 4)
    place = Place(layer=layer, row="truth.mouse[0]", column="truth.mouse[1]")
    reader = PlaceReader(made, place)
    values, mouse = made.activations[layer][:], made.steps["truth/mouse"][:]
    inside = (mouse < np.array(values.shape[2:])).all(axis=1)
    np.testing.assert_array_equal(reader.exists, inside)
    for step in np.flatnonzero(inside)[[0, 7, -1]]:
        row, column = mouse[step]
        np.testing.assert_array_equal(reader.read(slice(step, step + 1))[0], values[step, :, row, column])
    found = probe_pair(made, "truth.mouse[0] > truth.cheese[0]", place, Place(layer=layer, row=0, column=0))
    assert np.isfinite(found.score.value)
    with pytest.raises(WorkbenchError, match="has one of them"):
        probe_pair(made, "truth.mouse[0]", Place(layer=layer, row=0), place)
    with pytest.raises(WorkbenchError, match="inside of"):
        probe_pair(made, "truth.mouse[0]", Place(layer=layer, row=99, column=0), place)
