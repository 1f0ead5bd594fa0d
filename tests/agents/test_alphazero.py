"""Training by self-play: what is learnt of a search, and that a training can be taken up again."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import workbench
from agents.alphazero.inside import BLOCK, WIN, find_pairs
from agents.alphazero.network import checkpoint_file, checkpoints, load_network, rounded
from agents.alphazero.runs import RUNS, find_run
from agents.alphazero.self_play import play_games, what_was_found
from agents.alphazero.symmetries import symmetries
from agents.alphazero.train import Options, train
from envs.games import TIC_TAC_TOE, connect_four, hex_game, position_after, solver_for
from workbench.analyses.search.every_line import every_line
from workbench.analyses.search.matches import draw_openings, net_policy, raw_player
from workbench.analyses.search.strength import truth_of
from workbench.errors import WorkbenchError
from workbench.search import SearchSettings, search
from workbench.search.evaluators import TorchEvaluator, UniformEvaluator
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


def _position_seen(game, observations):  # type: ignore[no-untyped-def]
    """`[B, W]` of `[B, 2, rows, columns]`: with as many stones of both, the first player is to move."""
    board = game.board
    rows, columns = np.divmod(np.arange(board.rows * board.columns), board.columns)
    bits = np.uint64(1) << (board.corner + rows * board.down + columns * board.right).astype(np.uint64)
    planes = observations.reshape(len(observations), 2, -1) > 0.5
    words = np.where(planes, bits, np.uint64(0)).sum(-1, dtype=np.uint64)
    first_moves = planes[:, 0].sum(-1) == planes[:, 1].sum(-1)
    return np.ascontiguousarray(np.where(first_moves[:, None], words, words[:, ::-1]))


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
    np.testing.assert_array_equal(_position_seen(game, seen)[0], position)
    different = set()
    for cells, actions in turns:
        turned = seen.reshape(1, 2, -1)[:, :, cells].reshape(seen.shape)
        there = _position_seen(game, turned)[0]
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
    with pytest.raises(WorkbenchError, match=r"iteration_009.pt .* is not there \(there is none\); train it"):
        load_network(SMALL, tmp_path / "iteration_009.pt")
    torch.save({"something": torch.zeros(3)}, tmp_path / "iteration_000.pt")
    with pytest.raises(WorkbenchError, match="is no checkpoint of tic_tac_toe"):
        load_network(SMALL, tmp_path / "iteration_000.pt")
    with pytest.raises(WorkbenchError, match="No training run is called 'chess'; there are: tic_tac_toe, "):
        find_run("chess")


@pytest.mark.parametrize("sort", [WIN, BLOCK])
def test_pairs_differ_in_the_stone_that_makes_the_move(sort: str) -> None:
    run = find_run("tic_tac_toe")
    pairs = find_pairs(run, sort, 12)
    assert len(pairs.moves) == 12
    differ = pairs.clean ^ pairs.corrupted
    assert (np.bitwise_count(differ).sum(1) == 2).all()
    for clean, corrupted, move, (row, column) in zip(
        pairs.clean, pairs.corrupted, pairs.moves, pairs.keys, strict=True
    ):
        # The key square holds a stone of another player in each.
        cells = [run.game.cells(one)[row, column] for one in (clean, corrupted)]
        assert cells[0] == -cells[1] != 0
        facts = run.game.facts(clean)
        solved = solver_for(run.game).solve(clean)
        if sort == WIN:
            assert run.game.facts(run.game.after(clean, int(move)))["outcome"] == -1
        else:
            # Whatever else is played loses.
            others = facts["legal"].copy()
            others[move] = False
            assert (solved.action_values[others] == -1).all()
        ended = run.game.facts(run.game.after(corrupted, int(move)))
        assert sort == BLOCK or not ended["ended"] or ended["outcome"] == 0


def test_what_ships_is_small_and_whole() -> None:
    files = [file for run in RUNS for file in checkpoints(run.folder)]
    assert sum(file.stat().st_size for file in files) <= 10_000_000
    for run in RUNS:
        log = json.loads((run.folder / "training.json").read_text())
        assert len(checkpoints(run.folder)) == len(log["iterations"]) + 1
        assert log["settings"]["games"] == run.games
        # Of every run the last network, and one on the way, by name.
        last = workbench.load_policy(f"agents.alphazero:{run.name}")
        way = workbench.load_policy(f"agents.alphazero:{run.name}_003")
        assert last.settings["iteration"] == len(log["iterations"])
        assert way.settings["iteration"] == 3


@pytest.mark.parametrize("first", [True, False])
def test_no_reply_beats_tic_tac_toe_without_a_search(first: bool) -> None:
    run = find_run("tic_tac_toe")
    evaluate = TorchEvaluator(load_network(run, checkpoints(run.folder)[-1]))
    assert every_line(run.game, raw_player(run.game, evaluate), moves_first=first).worst == 0


def test_training_made_the_difference() -> None:
    """Right moves at positions of Connect Four that the solver knows; the untrained network is the control."""
    run = find_run("connect_four_4x5")
    positions = np.concatenate([draw_openings(run.game, 40, moves, seed=11) for moves in (4, 8, 12)])
    right, decisive, chance = truth_of(run.game, positions, solver_for(run.game))
    shares = []
    for file in (checkpoints(run.folder)[0], checkpoints(run.folder)[-1]):
        policy = net_policy(run.game, TorchEvaluator(load_network(run, file)), positions)
        shares.append(right[np.arange(len(positions)), policy.argmax(1)][decisive].mean())
    n = int(decisive.sum())
    assert n >= 50
    assert shares[0] < chance + 3 * np.sqrt(chance * (1 - chance) / n)
    assert shares[1] > 0.8
