"""What a network makes of searched positions: layers and maps whose numbers are known."""

import numpy as np
import pytest
import torch

import workbench
from envs.games import TIC_TAC_TOE, hex_game
from tests.analyses.search.hand_made import Playing, Solver, exact_values, minimax
from tests.analyses.search.test_look_ahead import Shifting
from tests.search.playing import GAME, searching_policy
from tests.search.playing import Playing as PlayingFour
from workbench.analyses.saliency import saliency
from workbench.analyses.saliency.evidence import evidence
from workbench.analyses.search.key_squares import find_key_pairs
from workbench.analyses.search.nodes import (
    activations_at,
    board_under_map,
    place_case,
    preferred_action,
    told_then,
)
from workbench.analyses.search.places import check_network, node_position, position_place
from workbench.errors import WorkbenchError
from workbench.figures.search_nodes import board_map_figure, layer_grid, node_layer_figure
from workbench.policies.module_policy import module_policy
from workbench.search import SearchSettings, choose_action, play_line, rebuild, view_node
from workbench.search.games import describe, observe
from workbench.search.policy import SearchPolicy

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    out = tmp_path_factory.mktemp("nodes") / "four.zarr"
    policy = searching_policy(simulations=40)
    return policy, workbench.record(policy, PlayingFour, out=out, episodes=1, seed=4)


@pytest.fixture(scope="module")
def shifting(tmp_path_factory):
    """The logit of the centre is 3 where the player to move holds the corner a3, and nothing else moves it."""
    out = tmp_path_factory.mktemp("nodes") / "three.zarr"
    policy = SearchPolicy(module_policy(Shifting(), Playing()), SearchSettings(simulations=20))
    return policy, workbench.record(policy, Playing, out=out, episodes=4, seed=1)


def test_layers_at_a_node_are_what_the_network_gives_there(planned):
    policy, recording = planned
    row = 1
    trace, root = recording.search_trace(row), recording.search["position"][row]
    check_network(trace, policy)
    elsewhere = position_place(GAME, play_line(GAME, GAME.start(), (0, 1, 1)))
    for node in (0, trace.nodes // 2, trace.nodes - 1):
        if trace.terminal[node]:
            continue
        position = node_position(trace, GAME, root, node)
        found = activations_at(policy.policy, [position_place(GAME, position)])
        # What the search was told there, and what was recorded of the root.
        assert found.value[0] == pytest.approx(float(trace.value[node]), abs=1e-6)
        edges = trace.edges_of(node)
        shares = np.exp(found.logits[0, trace.edge_action[edges]])
        told = trace.root_prior if node == 0 else trace.prior[edges]
        assert shares / shares.sum() == pytest.approx(told, abs=1e-5)
        then = told_then(trace, node, found)
        assert then.value == pytest.approx(then.value_now, abs=1e-6)
        assert then.priors == pytest.approx(told)
        assert then.largest_difference < 1e-5
        # Another place's answers are none of this node's.
        assert told_then(trace, node, activations_at(policy.policy, [elsewhere])).largest_difference > 1e-3
        if node == 0:
            assert list(found.layers) == list(recording.layers)
            for name, values in found.layers.items():
                assert values[0] == pytest.approx(recording.activations[name][row], abs=1e-6)
    both = activations_at(policy.policy, [position_place(GAME, one) for one in (root, position)], ["body.1"])
    expected = policy.module.body[1](torch.as_tensor(observe(GAME, np.stack([root, position]))).flatten(1))
    assert both.layers["body.1"] == pytest.approx(expected.detach().numpy(), abs=1e-6)
    assert both.modules["body.1"] == "Linear"


def test_another_network_is_told_by_its_fingerprint(planned):
    import dataclasses

    policy, recording = planned
    trace = recording.search_trace(0)
    with torch.no_grad():
        other = searching_policy()
        other.module.moves.bias[0] += 1e-3
    with pytest.raises(WorkbenchError, match=r"fingerprint .* is not the one that this search asked"):
        check_network(trace, other)
    with pytest.raises(WorkbenchError, match="does not say which weights it asked"):
        check_network(dataclasses.replace(trace, fingerprint=""), policy)


def test_what_the_search_prefers_at_a_node_is_its_choice(planned):
    _, recording = planned
    trace = recording.search_trace(0)
    assert preferred_action(trace, 0) == choose_action(trace)
    state = rebuild(trace)
    child = int(view_node(trace).child.max())
    lonely = next(n for n in range(trace.nodes) if state.node_visits[n] == 1 and not trace.terminal[n])
    edges = trace.edges_of(lonely)
    assert preferred_action(trace, lonely) == trace.edge_action[edges][trace.prior[edges].argmax()]
    assert preferred_action(trace, child) in trace.edge_action[trace.edges_of(child)]
    with pytest.raises(WorkbenchError, match="there is no node 9999"):
        node_position(trace, GAME, recording.search["position"][0], 9999)


def test_a_map_finds_the_one_square_that_counts(shifting):
    policy, recording = shifting
    # First a3, then c1, b1: the second player is to move in the one, the first in the other.
    mine = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), (0, 8))
    theirs = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), (1, 0))
    for position, height in ((mine, 3.0), (theirs, 0.0)):
        case = place_case(recording, policy.policy, position_place(TIC_TAC_TOE, position), 4, baseline="zero")
        maps = saliency(case, "integrated_gradients")
        expected = np.zeros((3, 3))
        expected[0, 0] = height
        assert maps.picture()[0] == pytest.approx(expected, abs=1e-5)
        assert maps.target_values[0] == pytest.approx(height)
    case = place_case(recording, policy.policy, position_place(TIC_TAC_TOE, mine), 4, baseline="zero")
    known = evidence(case, saliency(case, "integrated_gradients"), thorough=False)
    # Taking the first region away takes all there is; random orders take it later.
    deletion = known.fidelity.curves["map"].deletion[0]
    assert deletion[1:] == pytest.approx(np.full(len(deletion) - 1, -3.0), abs=1e-5)
    assert known.fidelity.deletion_below_random.mean > 0.5
    value = place_case(recording, policy.policy, position_place(TIC_TAC_TOE, mine), None)
    assert saliency(value, "occlusion").target == "value"


def test_no_network_is_asked_where_a_game_is_over(shifting):
    policy, recording = shifting
    over = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), (0, 3, 1, 4, 2))
    with pytest.raises(WorkbenchError, match="the network was not asked"):
        position_place(TIC_TAC_TOE, over)
    taken = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), (4,))
    with pytest.raises(WorkbenchError, match="b2 is not legal at this place"):
        place_case(recording, policy.policy, position_place(TIC_TAC_TOE, taken), 4)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, GAME, hex_game(4)], ids=lambda game: game.name)
def test_the_board_lies_under_the_map(game):
    position = play_line(game, game.start(), (0, 1, 2))
    cells = board_under_map(game, position)
    seen = observe(game, position[None])[0]
    # The second player is to move: own stones are −1.
    assert np.array_equal(seen[0] > 0, cells == -1)
    assert np.array_equal(seen[1] > 0, cells == 1)


def test_pictures_have_a_place_for_every_unit_and_one_scale():
    maps = np.arange(24.0).reshape(2, 3, 4)
    grid, words = layer_grid(maps)
    assert words == "2 maps of 3 × 4"
    assert np.isnan(grid).any()
    assert sorted(grid[np.isfinite(grid)]) == list(range(24))
    grid, words = layer_grid(np.arange(70.0))
    assert (grid.shape, words) == ((3, 32), "70 units")
    figure = node_layer_figure("a $layer$", maps, maps - 30)
    here, root, difference = (axis.images[0] for axis in figure.axes[:3])
    assert here.get_clim() == root.get_clim() == (-30, 30)
    assert difference.get_clim() == (-30, 30)
    assert np.nanmax(difference.get_array()) == np.nanmin(difference.get_array()) == 30
    alone = node_layer_figure("root", maps, None)
    assert sum(len(axis.images) for axis in alone.axes[:3]) == 1
    assert alone.get_size_inches().tolist() == figure.get_size_inches().tolist()
    heat = board_map_figure(np.array([[0.5, 0.0], [-0.1, 0.0]]), signed=True, unit="nats", cells=np.eye(2), names="ab")
    assert heat.axes[0].images[0].get_clim() == (-0.5, 0.5)
    assert len(heat.axes[0].patches) == 4


def test_pairs_differ_in_one_stone_and_in_what_is_right():
    pairs = find_key_pairs(TIC_TAC_TOE, Solver(), 12, (3, 4, 5), seed=2)
    assert len(pairs.moves) == 12
    for clean, other, move, key in zip(pairs.clean, pairs.corrupted, pairs.moves, pairs.keys, strict=True):
        one, two = TIC_TAC_TOE.cells(clean), TIC_TAC_TOE.cells(other)
        assert (one != two).sum() == 2
        assert one[tuple(key)] != 0
        assert two[tuple(key)] == 0
        for position, right in ((clean, True), (other, False)):
            legal = np.flatnonzero(describe(TIC_TAC_TOE, position[None])["legal"][0])
            worth = {int(a): -minimax(*map(int, play_line(TIC_TAC_TOE, position, [a]))) for a in legal}
            assert (worth[int(move)] == max(worth.values())) is right
    again = find_key_pairs(TIC_TAC_TOE, exact_values, 12, (3, 4, 5), seed=2)
    assert np.array_equal(pairs.corrupted, again.corrupted)
    with pytest.raises(WorkbenchError, match="No two positions of tic_tac_toe"):
        find_key_pairs(TIC_TAC_TOE, lambda positions: np.full((len(positions), 9), np.nan), 2, (3,))
