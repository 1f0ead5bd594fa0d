"""Nodes of searches in environments as places that a network is asked about: what it says there is known."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers import TimeLimit

import workbench
from tests.search.environments.planning_agents import Counting, untrained
from tests.search.environments.worlds import Masked, Tangle
from workbench.analyses.saliency import saliency
from workbench.analyses.saliency.evidence import evidence
from workbench.analyses.search.nodes import activations_at, place_case, preferred_action, told_then
from workbench.analyses.search.places import check_network, visited_place
from workbench.errors import WorkbenchError
from workbench.recording.searched import SearchedStep
from workbench.search import choose_action, rebuild
from workbench.search.environments import GuidingPolicy

torch.set_num_threads(1)
FEW = {"simulations": 12}


@pytest.fixture(scope="module")
def pole(tmp_path_factory):
    """A linear network that plans in CartPole."""
    policy = untrained(gymnasium.make("CartPole-v1"))
    out = tmp_path_factory.mktemp("places") / "pole.zarr"
    made = workbench.record(policy, "CartPole-v1", out=out, steps=12, environments=1, search={"simulations": 30})
    return policy, made


def inner_nodes(trace):
    return [node for node in range(trace.nodes) if not trace.terminal[node]]


def test_what_the_network_says_at_every_node_is_what_the_search_was_told(pole):
    policy, made = pole
    searched = SearchedStep(made, 1)
    trace = searched.trace
    check_network(trace, policy)
    nodes = inner_nodes(trace)
    assert len(nodes) > 10
    places = [visited_place(searched, policy, node) for node in nodes]
    together = activations_at(policy, places)
    for row, (node, place) in enumerate(zip(nodes, places, strict=True)):
        alone = activations_at(policy, [place])
        then = told_then(trace, node, alone)
        assert then.value == pytest.approx(then.value_now, abs=1e-5)
        assert then.priors == pytest.approx(then.priors_now, abs=1e-5)
        expected = policy.module.moves(torch.as_tensor(place.observation)).detach().numpy()
        assert alone.layers["moves"][0] == pytest.approx(expected, abs=1e-6)
        assert together.layers["moves"][row] == pytest.approx(expected, abs=1e-5)
    assert places[0].observation == pytest.approx(made.steps["observation"][1])
    assert activations_at(policy, [places[0]]).layers["moves"][0] == pytest.approx(made.activations["moves"][1])
    # Asked at another node it says something else.
    assert told_then(trace, nodes[-1], activations_at(policy, [places[0]])).largest_difference > 1e-3
    assert preferred_action(trace, 0) == choose_action(trace)
    searched.close()


def test_a_map_at_a_node_is_weight_times_what_is_seen_there(pole):
    policy, made = pole
    searched = SearchedStep(made, 1)
    node = inner_nodes(searched.trace)[-1]
    place = visited_place(searched, policy, node)
    weights = policy.module.moves.weight.detach().numpy()
    for action in (0, 1):
        case = place_case(made, policy, place, action, baseline="zero")
        maps = saliency(case, "integrated_gradients")
        assert maps.target_values[0] == pytest.approx(activations_at(policy, [place]).logits[0, action], abs=1e-6)
        assert maps.values[""][0] == pytest.approx(weights[action] * place.observation, abs=1e-5)
        assert maps.unit == "nats"
    value = place_case(made, policy, place, None, baseline="zero")
    maps = saliency(value, "integrated_gradients")
    expected = policy.module.worth.weight.detach().numpy()[0] * place.observation
    assert maps.values[""][0] == pytest.approx(expected, abs=1e-5)
    assert maps.unit == "return"
    known = evidence(value, maps, thorough=False)
    assert known.fidelity.curves["map"].deletion.shape[0] == 1
    searched.close()


def test_a_memory_is_led_to_the_node(tmp_path):
    policy = untrained(Tangle(), Counting)
    made = workbench.record(policy, Tangle, out=tmp_path / "t.zarr", steps=6, environments=1, search=FEW)
    searched = SearchedStep(made, 4, Tangle())
    trace = searched.trace
    deep = set()
    for node in inner_nodes(trace):
        place = visited_place(searched, policy, node)
        depth = len(trace.path(node)) - 1
        # Its value is the number of steps that it remembers.
        found = activations_at(policy, [place])
        assert found.value[0] == made.steps["t"][4] + depth == float(trace.value[node])
        assert told_then(trace, node, found).largest_difference < 1e-6
        case = place_case(made, policy, place, None)
        assert saliency(case, "feature_ablation").target_values[0] == found.value[0]
        deep.add(depth)
    assert max(deep) >= 3


def test_what_may_be_done_at_a_node_goes_along(tmp_path):
    policy = untrained(Masked())
    policy.takes_action_masks = True
    make = lambda: TimeLimit(Masked(), 6)  # noqa: E731
    made = workbench.record(policy, make, out=tmp_path / "m.zarr", episodes=2, search=FEW)
    searched = SearchedStep(made, 1, make())
    some = 0
    for node in inner_nodes(searched.trace):
        place = visited_place(searched, policy, node)
        allowed = searched.trace.edge_action[searched.trace.edges_of(node)]
        assert np.flatnonzero(place.legal).tolist() == allowed.tolist()
        assert told_then(searched.trace, node, activations_at(policy, [place])).largest_difference < 1e-5
        for action in np.flatnonzero(~place.legal):
            some += 1
            with pytest.raises(WorkbenchError, match="is not legal at this place"):
                place_case(made, policy, place, int(action))
    assert some
    with pytest.raises(WorkbenchError, match="there is no 99"):
        place_case(made, policy, place, 99)


def test_chance_on_the_way_is_said_where_it_was_met_anew(tmp_path):
    env = gymnasium.make("FrozenLake-v1")
    policy = untrained(env)
    made = workbench.record(
        policy, "FrozenLake-v1", out=tmp_path / "l.zarr", steps=3, environments=1, search={"simulations": 40}
    )
    searched = SearchedStep(made, 1)
    for node in inner_nodes(searched.trace):
        place = visited_place(searched, policy, node)
        assert place.exact
        assert told_then(searched.trace, node, activations_at(policy, [place])).largest_difference < 1e-5
    # A search that cannot be made again: its outcomes are drawn until they look the same.
    other = SearchedStep(made, 1)
    other.trace = replace(other.trace, seed=other.trace.seed + 1)
    places = {node: visited_place(other, policy, node) for node in inner_nodes(other.trace)}
    assert places[0].exact
    assert not all(place.exact for place in places.values())
    for node, place in places.items():
        assert told_then(other.trace, node, activations_at(policy, [place])).largest_difference < 1e-5


def test_values_from_rollouts_are_not_held_against_the_network(tmp_path):
    policy = untrained(Tangle())
    made = workbench.record(
        policy, Tangle, out=tmp_path / "t.zarr", steps=2, environments=1, search={"simulations": 8}, search_rollouts=4
    )
    searched = SearchedStep(made, 0, Tangle())
    then = told_then(searched.trace, 0, activations_at(policy, [visited_place(searched, policy, 0)]))
    assert then.value is None
    assert then.value_now is not None
    assert then.largest_difference < 1e-5


def test_another_network_and_ends_are_said(pole, tmp_path):
    policy, made = pole
    trace = made.search_trace(0)
    other = untrained(gymnasium.make("CartPole-v1"))
    with torch.no_grad():
        other.module.moves.bias[0] += 1
    with pytest.raises(WorkbenchError, match="is not the one that this search asked"):
        check_network(trace, other)
    assert trace.fingerprint == GuidingPolicy(policy).fingerprint
    searched = SearchedStep(made, 0)
    with pytest.raises(WorkbenchError, match="there is no node 9999"):
        visited_place(searched, policy, 9999)
    short = lambda: TimeLimit(Tangle(), 2)  # noqa: E731
    tangled = untrained(Tangle())
    ends = workbench.record(tangled, short, out=tmp_path / "s.zarr", steps=2, environments=1, search=FEW)
    step = SearchedStep(ends, 0, short())
    over = int(np.flatnonzero(step.trace.terminal)[0])
    assert rebuild(step.trace).node_visits[over] > 0
    with pytest.raises(WorkbenchError, match=f"ends at node {over}, by itself or by its step limit"):
        visited_place(step, tangled, over)
