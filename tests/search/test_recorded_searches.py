"""Searches are recorded beside the steps that they decided, and come back as they were."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import zarr

from tests.search.playing import GAME, Playing, searching_policy
from workbench.errors import WorkbenchError
from workbench.recording import open_recording, record
from workbench.search import SearchSettings, TableEvaluator, audit, choose_action, search
from workbench.search.imports import from_record, to_record
from workbench.search.packing import TraceRoom, pack_trace, search_facts, unpack_trace
from workbench.search.policy import SearchPolicy
from workbench.search.positions import positions_of

RULES = ({}, {"rule": "gumbel"}, {"wave": 4}, {"noise": 0.25}, {"prove": False, "value_scale": "siblings"})


def _alike(one, other) -> None:
    for entry in fields(one):
        first, second = getattr(one, entry.name), getattr(other, entry.name)
        if isinstance(first, np.ndarray):
            assert np.array_equal(first, second, equal_nan=first.dtype.kind == "f"), entry.name
            assert first.dtype == second.dtype, entry.name
        else:
            assert first == second, entry.name


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_what_is_packed_is_unpacked_as_it_was(rules):
    settings = SearchSettings(simulations=60, **rules)
    trace = search(GAME, GAME.start()[None], TableEvaluator(5), settings, seed=4)[0]
    room = TraceRoom(simulations=60, actions=5, words=2, rewards=False)
    facts = json.loads(json.dumps(search_facts(GAME.name, settings, trace.fingerprint, room)))
    back = unpack_trace(pack_trace(trace, room), facts, chosen=-1)
    assert back is not None
    _alike(replace(trace, position=None), back)
    assert np.array_equal(positions_of(back, GAME, GAME.start()), trace.position)


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_a_record_in_json_is_read_as_it_was(rules):
    trace = search(GAME, GAME.start()[None], TableEvaluator(5), SearchSettings(simulations=60, **rules), seed=4)[0]
    back = from_record(json.loads(json.dumps(to_record(trace))))
    assert back.simulations == trace.simulations
    assert np.array_equal(back.prior, trace.prior)
    assert np.array_equal(back.leaf, trace.leaf)
    assert audit(back).divergence is None


@pytest.mark.parametrize("deterministic", [True, False])
def test_every_step_has_the_search_that_decided_it(tmp_path, deterministic):
    policy = searching_policy(noise=0.25)
    made = record(
        policy, Playing, out=tmp_path / "games.zarr", episodes=5, environments=2, deterministic=deterministic, seed=7
    )
    assert made.searches
    again = open_recording(tmp_path / "games.zarr")
    for row in range(len(again)):
        trace = again.search_trace(row)
        assert trace.chosen == again.steps["action"][row]
        assert audit(trace).divergence is None
        assert trace.game == "connect_four_4x5"
        assert trace.fingerprint == again.attributes["policy"]["fingerprint"]
        # The root's priors are the recorded network's, up to what the size of a batch changes in the last bits.
        legal = trace.edge_action[trace.edges_of(0)]
        recorded = torch.softmax(torch.as_tensor(again.steps["logits"][row])[legal.astype(int)], 0).numpy()
        assert np.allclose(trace.root_prior, recorded, atol=1e-6)
        assert trace.value[0] == pytest.approx(again.steps["value"][row], abs=1e-6)
        positions = positions_of(trace, GAME, again.search["position"][row])
        seen = np.zeros((1, *GAME.observation_shape), np.float32)
        GAME.observe(positions[:1], seen)
        assert np.array_equal(seen[0], again.steps["observation"][row])
        if deterministic:
            assert trace.noise is None or not trace.settings.noise
            assert trace.chosen == choose_action(trace)
    assert again.verify().whole


def test_the_same_seed_searches_the_same(tmp_path):
    one = record(searching_policy(noise=0.25), Playing, out=tmp_path / "a.zarr", episodes=3, deterministic=False)
    two = record(searching_policy(noise=0.25), Playing, out=tmp_path / "b.zarr", episodes=3, deterministic=False)
    assert np.array_equal(one.steps["action"][:], two.steps["action"][:])
    _alike(one.search_trace(2), two.search_trace(2))


def test_plain_zarr_reads_a_search(tmp_path):
    made = record(searching_policy(), Playing, out=tmp_path / "games.zarr", episodes=1)
    stored = zarr.open_group(tmp_path / "games.zarr", mode="r")
    assert stored["search/counts"].metadata.dimension_names == ("step", "counts.entry")
    assert np.array_equal(stored["search/prior"][:], made.search["prior"][:])


def test_a_recording_without_searches_says_so(tmp_path):
    policy = searching_policy().policy
    made = record(policy, Playing, out=tmp_path / "plain.zarr", episodes=1, deterministic=False)
    assert not made.searches
    assert made.search_trace(0) is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("counts", [10**6, 10, 10], "entries of parent"),
        ("counts", [0, 0, -1], None),
        ("parent", 9999, "before its parent|damaged"),
        ("leaf", 9999, "not there"),
        ("prior", np.nan, "no number from 0 on"),
        ("edge_count", 3, "edges, not"),
    ],
)
def test_a_damaged_search_is_named_with_its_step(tmp_path, name, value, sentence):
    record(searching_policy(), Playing, out=tmp_path / "games.zarr", episodes=1)
    stored = zarr.open_group(tmp_path / "games.zarr", mode="r+")
    array = stored[f"search/{name}"]
    row = array[1]
    row[...] = value
    array[1] = row
    again = open_recording(tmp_path / "games.zarr")
    if sentence is None:
        assert again.search_trace(1) is None
        return
    with pytest.raises(WorkbenchError, match=f"search of step 1 .*({sentence})"):
        again.search_trace(1)


def test_a_search_needs_the_environment():
    policy = searching_policy()
    seen, _ = Playing().reset(seed=0)
    with pytest.raises(WorkbenchError, match="given observations alone"):
        policy.act(seen[None], deterministic=True)


def test_a_recording_that_was_cut_off_goes_on_as_it_would_have(tmp_path, monkeypatch):
    kept = {"episodes": 6, "environments": 2, "deterministic": False, "seed": 3}
    whole = record(searching_policy(noise=0.25), Playing, out=tmp_path / "whole.zarr", **kept)
    acts, act = iter(range(7)), SearchPolicy.act
    monkeypatch.setattr(SearchPolicy, "act", lambda self, *seen, **given: (next(acts), act(self, *seen, **given))[1])
    with pytest.raises(StopIteration):
        record(searching_policy(noise=0.25), Playing, out=tmp_path / "cut.zarr", **kept)
    monkeypatch.undo()
    # Seven acts of two environments each, in the middle of the whole.
    assert len(open_recording(tmp_path / "cut.zarr")) == 14 < len(whole)
    resumed = record(searching_policy(noise=0.25), Playing, out=tmp_path / "cut.zarr", resume=True, **kept)
    assert np.array_equal(whole.steps["action"][:], resumed.steps["action"][:])
    for row in range(len(whole)):
        _alike(whole.search_trace(row), resumed.search_trace(row))


def test_a_layer_that_begins_with_zeros_is_kept(tmp_path):
    policy = searching_policy(simulations=4)
    with torch.no_grad():
        policy.module.moves.weight.zero_()
    record(policy, Playing, out=tmp_path / "zeros.zarr", episodes=1, layers=[])
    kept = open_recording(tmp_path / "zeros.zarr").agent_arrays()
    assert kept["parameters/moves.weight"][...].tolist() == np.zeros((5, 32)).tolist()
    assert open_recording(tmp_path / "zeros.zarr").verify().whole
