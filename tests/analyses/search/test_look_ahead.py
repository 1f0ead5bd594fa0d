"""Look-ahead that was planted, and look-ahead that is not there."""

import numpy as np
import pytest
import torch
from torch import nn

import workbench
from envs.games import TIC_TAC_TOE
from tests.analyses.search.hand_made import Knowing, Playing
from workbench.analyses.concepts import offered_concepts, read_concept
from workbench.analyses.search.look_ahead import patch_squares, probe_look_ahead
from workbench.analyses.search.matches import draw_openings
from workbench.errors import WorkbenchError
from workbench.policies.module_policy import module_policy
from workbench.policies.types import PolicyOutput
from workbench.search import SearchSettings, choose_action, play_line
from workbench.search.games import describe
from workbench.search.history import principal_variation

torch.set_num_threads(1)
SETTINGS = SearchSettings(simulations=40)
MOST = 250


class Planner(nn.Module):
    """Decides as `Knowing`; one layer holds, as its weights, the move after next at positions that it was taught; one
    does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plan = nn.Linear(MOST, 9, bias=False)
        self.other = nn.Linear(18, 9)
        self._evaluate, self._number = Knowing(0.3, 0.5), dict[bytes, int]()
        nn.init.zeros_(self.plan.weight)

    def teach(self, observations, moves) -> None:
        for seen, move in zip(observations, moves, strict=True):
            number = self._number.setdefault(seen.tobytes(), len(self._number))
            with torch.no_grad():
                self.plan.weight[:, number] = 0
                self.plan.weight[move, number] = 1

    def policy_output(self, inputs, _state, _starts) -> PolicyOutput:
        logits, values = self._evaluate(inputs.numpy())
        one_hot = torch.zeros(len(inputs), MOST)
        for row, seen in enumerate(inputs.numpy()):
            if seen.tobytes() in self._number:
                one_hot[row, self._number[seen.tobytes()]] = 1
        nothing = 0 * (self.plan(one_hot) + self.other(inputs.flatten(1))).sum(1)
        return PolicyOutput(logits=torch.as_tensor(logits) + nothing[:, None], value=torch.as_tensor(values) + nothing)


@pytest.fixture(scope="module")
def planner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ahead")
    torch.manual_seed(0)
    network = Planner()
    policy = module_policy(network, Playing())
    common = {"episodes": 45, "seed": 3, "search": SETTINGS, "environments": 20}
    first = workbench.record(policy, Playing, out=folder / "first.zarr", layers=[], **common)
    lines = [
        principal_variation(trace, first=choose_action(trace)) for trace in map(first.search_trace, range(len(first)))
    ]
    rows = [row for row, line in enumerate(lines) if len(line) > 2]
    network.teach(first.steps["observation"][np.array(rows)], [lines[row][2] for row in rows])
    return policy, workbench.record(policy, Playing, out=folder / "second.zarr", layers=["plan", "other"], **common)


def test_what_is_planned_is_a_concept(planner):
    _, recording = planner
    concept = read_concept(recording, "planned_in:2")
    assert "planned_in:2" in offered_concepts(recording)
    for row in range(0, len(recording), 17):
        trace = recording.search_trace(row)
        line = principal_variation(trace, first=choose_action(trace))
        value = int(concept.values[row])
        assert value == -1 if len(line) < 3 else concept.classes[value] == TIC_TAC_TOE.action_names[line[2]]


def test_a_network_that_knows_the_move_after_next_is_told_from_one_that_does_not(planner):
    policy, recording = planner
    found = {one.layer: one for one in probe_look_ahead(recording, policy)}
    assert found["plan"].planned.score.value > 0.9
    assert found["plan"].seen
    assert not found["other"].seen
    assert found["plan"].planned.random_network.difference.low > 0
    assert found["plan"].played is not None


def test_a_recording_without_searches_plans_nothing(planner, tmp_path):
    policy, _ = planner
    plain = workbench.record(policy, Playing, out=tmp_path / "plain.zarr", episodes=3)
    assert "planned_in:2" not in offered_concepts(plain)
    with pytest.raises(WorkbenchError, match="holds none; record an agent that searches"):
        read_concept(plain, "planned_in:2")


class Shifting(nn.Module):
    """The centre's logit is 3 times what lies in the corner: the first layer has it there, the second moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv2d(2, 2, 1, bias=False)
        self.far = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.head = nn.Flatten()
        with torch.no_grad():
            self.near.weight[:] = torch.eye(2)[:, :, None, None]
            self.far.weight.zero_()
            for channel in range(2):
                self.far.weight[channel, channel, 0, 0] = 3.0

    def policy_output(self, inputs, _state, _starts) -> PolicyOutput:
        moved = self.head(self.far(self.near(inputs))[:, :1])
        return PolicyOutput(logits=moved, value=moved[:, 0])


def test_patching_finds_the_square_that_carries_it_in_each_layer():
    policy = module_policy(Shifting(), Playing())
    # The player to move holds the corner a3 (or another cell instead); the centre is free in both.
    lines = [((0, 5), (6, 5)), ((0, 7), (2, 7)), ((0, 1), (6, 1)), ((0, 3), (2, 3)), ((0, 2), (5, 2))]
    clean, corrupted = (
        np.stack([play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), pair[side]) for pair in lines]) for side in (0, 1)
    )
    moves, keys = np.full(5, 4), np.zeros((5, 2), np.int64)
    found = patch_squares(policy, TIC_TAC_TOE, clean, corrupted, moves, keys, ["near", "far", "head"])
    near, far, head = found.layers
    # Two stones, and the square on which one of them lies at the other position.
    legal = 6
    # With the stone the logit is 3 and all others 0, or one of them 3 where the stone shifts to a legal cell.
    assert found.clean[0] == pytest.approx(3 - np.log(legal - 1), abs=1e-5)
    assert near.squares.shape == (5, 3, 3)
    assert near.squares[:, 0, 0] == pytest.approx(np.full(5, 3.0), abs=1e-5)
    assert near.at_key.mean == pytest.approx(3.0)
    assert near.difference.mean > 2.5
    # One layer later it is on the square of the move itself.
    assert far.squares[:, 1, 1] == pytest.approx(np.full(5, 3.0), abs=1e-5)
    assert np.abs(far.squares[:, 0, 0]).max() < 1e-5
    assert near.whole == pytest.approx(found.clean - found.corrupted)
    assert found.total.mean == pytest.approx((found.clean - found.corrupted).mean())
    assert head.squares is None
    assert head.whole == pytest.approx(near.whole)


def test_pairs_that_do_not_fit_are_refused():
    policy = module_policy(Shifting(), Playing())
    start = TIC_TAC_TOE.start()[None]
    taken = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), (4,))[None]
    with pytest.raises(WorkbenchError, match="Pairs have two positions"):
        patch_squares(policy, TIC_TAC_TOE, start, start, [4, 4], [[0, 0]], ["near"])
    with pytest.raises(WorkbenchError, match="not legal at the second position of pair 0"):
        patch_squares(policy, TIC_TAC_TOE, start, taken, [4], [[0, 0]], ["near"])
    with pytest.raises(WorkbenchError, match="no layer 'mood'"):
        patch_squares(policy, TIC_TAC_TOE, start, start, [4], [[0, 0]], ["mood"])


def test_a_move_that_is_the_only_one_has_no_odds(planner):
    policy, _ = planner
    last = draw_openings(TIC_TAC_TOE, 1, 8)
    move = int(describe(TIC_TAC_TOE, last)["legal"][0].argmax())
    with pytest.raises(WorkbenchError, match=f"no other move than {move} is legal at both positions"):
        patch_squares(policy, TIC_TAC_TOE, last, last, [move], [(0, 0)], ["other"])
