"""Training by self-play: what is learnt of a search, and that a training can be taken up again."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.alphazero.network import checkpoint_file, checkpoints, load_network, rounded
from agents.alphazero.runs import find_run
from agents.alphazero.self_play import play_games, what_was_found
from agents.alphazero.symmetries import symmetries
from agents.alphazero.train import Options, train
from envs.games import TIC_TAC_TOE, connect_four, hex_game, position_after, solver_for
from envs.games.playouts import RandomPlayouts
from workbench.errors import WorkbenchError
from workbench.search import SearchSettings, search
from workbench.search.evaluators import UniformEvaluator
from workbench.search.games import describe, observe, play_moves

SMALL = dataclasses.replace(
    find_run("tic_tac_toe"), channels=4, blocks=1, iterations=3, games=6, simulations=8, window=2, passes=1.0, batch=16
)


def found_at(moves: list[int], simulations: int = 60) -> tuple[np.ndarray, float]:
    position = position_after(TIC_TAC_TOE, moves)
    trace = search(TIC_TAC_TOE, position[None], UniformEvaluator(9), SearchSettings(simulations=simulations))[0]
    return what_was_found(trace, 9)


def test_a_proven_win_is_what_is_learnt() -> None:
    # The first player has a3 and b3, and completes the row with the third cell.
    policy, value = found_at([0, 3, 1, 4])
    assert policy[2] == 1
    assert value == 1


def test_a_proven_loss_has_no_share() -> None:
    # The second player must stop the row at the third cell: everything else is lost.
    policy, value = found_at([0, 4, 1], simulations=400)
    assert policy[2] == 1
    assert policy.sum() == pytest.approx(1)
    assert value >= -1


def test_what_is_learnt_of_a_lost_position_is_its_value() -> None:
    # Whoever is to move faces two open rows.
    policy, value = found_at([0, 1, 4, 8, 3], simulations=2_000)
    assert value == -1
    assert policy.sum() == pytest.approx(1)
    assert not policy[[0, 1, 3, 4, 8]].any()


def test_games_end_as_their_positions_say() -> None:
    games = 8
    played = play_games(
        TIC_TAC_TOE, UniformEvaluator(9), SearchSettings(simulations=4, noise=0.25), games=games, drawn_moves=9,
        random_moves=4, seed=(0, 1),
    )  # fmt: skip
    facts = describe(TIC_TAC_TOE, played.positions)
    assert not facts["ended"].any()
    assert len(played.lengths) == len(played.first_player) == games
    assert (played.lengths >= 5).all()
    assert set(played.outcomes) <= {-1.0, 0.0, 1.0}
    np.testing.assert_allclose(played.policies.sum(1), 1, rtol=1e-5)
    assert not played.policies[~facts["legal"]].any()
    # The outcome of a position before the last move that wins is that the mover wins.
    for position, policy, outcome in zip(played.positions, played.policies, played.outcomes, strict=True):
        _, then = play_moves(TIC_TAC_TOE, position[None], np.array([policy.argmax()]))
        if policy.max() == 1 and then["ended"][0] and then["outcome"][0] == -1:
            assert outcome == 1
    # A game does not depend on how many are played beside it, beyond the last bits of a network.
    again = play_games(
        TIC_TAC_TOE, UniformEvaluator(9), SearchSettings(simulations=4, noise=0.25), games=games, drawn_moves=9,
        random_moves=4, seed=(0, 1), threads=2,
    )  # fmt: skip
    np.testing.assert_array_equal(played.positions, again.positions)


@pytest.mark.parametrize(("game", "count"), [(TIC_TAC_TOE, 8), (connect_four(4, 5), 2), (hex_game(4), 2)])
def test_symmetries_keep_what_is_true(game, count: int) -> None:  # type: ignore[no-untyped-def]
    turns = symmetries(game)
    assert len(turns) == count
    random = np.random.default_rng(0)
    position = game.start()
    for _ in range(4):
        facts = game.facts(position)
        position = game.after(position, int(random.choice(np.flatnonzero(facts["legal"]))))
    seen = observe(game, position[None])
    values = solver_for(game).solve(position).action_values
    back = RandomPlayouts(game)
    different = set()
    for cells, actions in turns:
        turned = seen.reshape(1, 2, -1)[:, :, cells].reshape(seen.shape)
        there = back.positions(turned)[0]
        different.add(there.tobytes())
        np.testing.assert_array_equal(solver_for(game).solve(there).action_values, values[actions])
    assert len(different) > 1


def test_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(Options(seed=5, out=whole), SMALL)
    for _ in range(3):
        train(Options(seed=5, out=parts, minutes=0.0), SMALL)
    assert [file.name for file in checkpoints(whole)] == [f"iteration_{number:03d}.pt" for number in range(4)]
    for file in checkpoints(whole):
        one, other = (load_network(SMALL, folder / file.name).state_dict() for folder in (whole, parts))
        for name, tensor in one.items():
            assert tensor.equal(other[name])
    assert (
        not load_network(SMALL, whole / "iteration_000.pt")
        .state_dict()["embedding.weight"]
        .equal(load_network(SMALL, whole / "iteration_003.pt").state_dict()["embedding.weight"])
    )
    with pytest.raises(WorkbenchError, match="a training with seed 5 instead of 6; go on with the same settings"):
        train(Options(seed=6, out=whole), SMALL)


def test_what_plays_is_what_is_kept(tmp_path: Path) -> None:
    train(Options(seed=5, out=tmp_path, iterations=1), SMALL)
    network = load_network(SMALL, checkpoint_file(tmp_path, 1))
    for name, tensor in rounded(network, SMALL).state_dict().items():
        assert tensor.equal(network.state_dict()[name])


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"iteration_009.pt of tic_tac_toe is not there; train it"):
        load_network(SMALL, tmp_path / "iteration_009.pt")
    torch.save({"something": torch.zeros(3)}, tmp_path / "iteration_000.pt")
    with pytest.raises(WorkbenchError, match="is no checkpoint of tic_tac_toe"):
        load_network(SMALL, tmp_path / "iteration_000.pt")
    with pytest.raises(WorkbenchError, match="No training run is called 'chess'; there are: tic_tac_toe, "):
        find_run("chess")
