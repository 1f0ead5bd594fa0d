"""The solver says what looking at everything says, what the literature says, and what another solver says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.games import TIC_TAC_TOE, Game, Solver, connect_four, hex_game, position_after, solver_for
from tests.envs.games.reference import Plain, minimax, plain

SMALL, FOUR, HEX = connect_four(4, 5), connect_four(6, 7), hex_game(4)
EMPTY_BOARD = [-2, -1, 0, 1, 0, -1, -2]
"""Scores of Connect Four's first moves by column: P. Pons, blog.gamesolver.org; that it is a win: J. Allen (1988)."""


def random_position(game: Game, draws: list[int], free: int = 0) -> tuple[np.ndarray, Plain]:
    """Where random moves lead, one after the other as long as the game goes on and more cells are free than `free`."""
    position, other = game.start(), plain(game)
    for draw in draws:
        legal = other.legal()
        if not legal or game.longest - len(other.stones) <= free:
            break
        action = legal[draw % len(legal)]
        position, other = game.after(position, action), other.after(action)
    return position, other


def check_solution(game: Game, solver: Solver, position: np.ndarray, other: Plain, known: dict) -> None:
    solution = solver.solve(position)
    score = minimax(other, known)
    assert solution.score == score
    assert solution.value == np.sign(score)
    assert (solution.player, solution.moves_made) == (other.player, len(other.stones))
    assert solution.complete
    legal = other.legal()
    scores = {action: -minimax(other.after(action), known) for action in legal}
    for action in range(game.actions):
        if action not in scores:
            assert math.isnan(solution.action_scores[action])
            assert math.isnan(solution.action_values[action])
            continue
        assert solution.action_scores[action] == scores[action]
        assert solution.action_values[action] == np.sign(scores[action])
    kept = [action for action in legal if np.sign(scores[action]) == np.sign(score)]
    assert np.flatnonzero(solution.optimal).tolist() == kept
    assert np.flatnonzero(solution.quickest).tolist() == [action for action in legal if scores[action] == score]
    weak = solver.solve(position, only_values=True)
    assert weak.value == solution.value
    np.testing.assert_array_equal(weak.action_values, solution.action_values)
    np.testing.assert_array_equal(weak.optimal, solution.optimal)


def test_every_position_of_tic_tac_toe() -> None:
    known: dict = {}
    solver, seen = Solver(TIC_TAC_TOE, table_bits=8), set()
    waiting = [(TIC_TAC_TOE.start(), plain(TIC_TAC_TOE))]
    positions, scores = [], []
    while waiting:
        position, other = waiting.pop()
        if tuple(position) in seen:
            continue
        seen.add(tuple(position))
        positions.append(position)
        scores.append(minimax(other, known))
        if len(seen) % 20 == 0:
            check_solution(TIC_TAC_TOE, solver, position, other, known)
        waiting.extend((TIC_TAC_TOE.after(position, action), other.after(action)) for action in other.legal())
    assert len(seen) == 5478
    np.testing.assert_array_equal(solver_for(TIC_TAC_TOE).solve(np.stack(positions)).score, scores)


KNOWN: dict[str, dict] = {}


@settings(max_examples=80)
@given(game=st.sampled_from((SMALL, FOUR, HEX)), draws=st.lists(st.integers(0, 10**6), min_size=36, max_size=36))
def test_late_positions_as_by_plain_minimax(game: Game, draws: list[int]) -> None:
    position, other = random_position(game, draws, free=7)
    check_solution(game, solver_for(game), position, other, KNOWN.setdefault(game.name, {}))


@pytest.mark.torture
@settings(max_examples=300)
@given(
    game=st.sampled_from((SMALL, FOUR, HEX, hex_game(3), connect_four(5, 5))),
    draws=st.lists(st.integers(0, 10**6), min_size=36, max_size=36),
)
def test_more_late_positions_as_by_plain_minimax(game: Game, draws: list[int]) -> None:
    position, other = random_position(game, draws, free=10)
    check_solution(game, solver_for(game), position, other, KNOWN.setdefault(game.name, {}))


@pytest.mark.parametrize(
    ("rows", "columns", "value"),
    [
        (4, 4, 0),
        (4, 5, 0),
        (5, 4, 0),
        (5, 5, 0),
        (4, 6, -1),
        pytest.param(5, 6, 0, marks=pytest.mark.torture),
        pytest.param(6, 4, 0, marks=pytest.mark.torture),
        pytest.param(6, 5, 0, marks=pytest.mark.torture),
        pytest.param(4, 7, 0, marks=pytest.mark.torture),
    ],
)
def test_small_boards_of_connect_four_have_the_values_that_tromp_found(rows: int, columns: int, value: int) -> None:
    """The table of heights and widths on John's Connect Four Playground (tromp.github.io/c4/c4.html)."""
    game = connect_four(rows, columns)
    solution = Solver(game).solve(game.start(), node_limit=10**9, only_values=rows * columns > 25)
    assert solution.value == value
    if value == 0:
        assert solution.plies_to_end == rows * columns
    # Mirror images are worth the same.
    np.testing.assert_array_equal(solution.action_values, solution.action_values[::-1])


def test_hex_is_won_by_the_first_player_and_on_the_short_diagonal() -> None:
    """J. Nash's argument; on 4 × 4 the openings that win are those between the blunt corners (HexWiki)."""
    solution = solver_for(HEX).solve(HEX.start())
    assert solution.value == 1
    assert [HEX.action_names[action] for action in np.flatnonzero(solution.optimal)] == ["d1", "c2", "b3", "a4"]
    np.testing.assert_array_equal(solution.action_scores, solution.action_scores[::-1])  # Turned by 180°.
    for size in (2, 3):
        game = hex_game(size)
        assert solver_for(game).solve(game.start()).value == 1


def test_scores_tell_how_soon_a_game_ends() -> None:
    # Three in a row, both ends open: the first player wins with the 7th stone, or loses none by waiting.
    position = position_after(FOUR, [3, 3, 2, 2, 4, 4])
    solution = solver_for(FOUR).solve(position)
    assert (solution.value, solution.score, solution.plies_to_end) == (1, 18, 1)
    assert np.flatnonzero(solution.quickest).tolist() == [1, 5]
    assert solution.action_values[[1, 5]].tolist() == [1, 1]
    # The other player, to move there with one stone more on the board, cannot prevent it.
    threatened = solver_for(FOUR).solve(position_after(FOUR, [3, 3, 2, 2, 4]))
    assert (threatened.value, threatened.score, threatened.plies_to_end) == (-1, -18, 2)
    over = solver_for(FOUR).solve(position_after(FOUR, [3, 3, 2, 2, 4, 4, 5]))
    assert (over.value, over.score, over.plies_to_end) == (-1, -18, 0)
    assert not over.optimal.any()
    assert over.complete


def test_what_is_not_found_within_the_limit_is_unknown() -> None:
    solver = Solver(FOUR, table_bits=16)
    solution = solver.solve(FOUR.start(), node_limit=1_000)
    assert math.isnan(solution.value)
    assert math.isnan(solution.score)
    assert not solution.complete
    assert not solution.optimal.any()
    assert solution.nodes == 1_000
    # An action that wins at once is known all the same, and with it the value; what else is optimal is not.
    early = solver.solve(position_after(FOUR, [3, 0, 3, 0, 3, 1]), node_limit=10)
    assert (early.value, early.complete) == (1, False)
    assert early.action_scores[3] == 18
    # What was cut short has left nothing wrong behind.
    late = position_after(FOUR, "dddddcccccabbbeffgg")
    np.testing.assert_array_equal(solver.solve(late).action_scores, Solver(FOUR).solve(late).action_scores)


def test_batches_are_rows_of_single_answers_and_are_read_only() -> None:
    positions = np.stack([random_position(SMALL, [seed * k for k in range(seed)])[0] for seed in range(18)])
    batch = Solver(SMALL).solve(positions)
    assert batch.action_scores.shape == (18, 5)
    for number, position in enumerate(positions):
        one = solver_for(SMALL).solve(position)
        for name in (
            "player",
            "value",
            "score",
            "plies_to_end",
            "action_values",
            "action_scores",
            "optimal",
            "quickest",
        ):
            np.testing.assert_array_equal(getattr(batch, name)[number], getattr(one, name))
    assert Solver(SMALL).solve(positions[:0]).value.shape == (0,)
    with pytest.raises(ValueError, match="read-only"):
        batch.value[0] = 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Solver(FOUR, table_bits=4), "2⁸ to 2²⁶ places; got table_bits=4"),
        (lambda: solver_for(FOUR).solve(FOUR.start(), node_limit=0), "one position at least; got node_limit=0"),
        (lambda: solver_for(FOUR).solve(np.zeros(3, np.uint64)), "got shape \\[3\\]"),
        (lambda: solver_for(FOUR).solve(np.array([[0, 0], [0, 1]], np.uint64)), "as many stones as the second"),
    ],
)
def test_what_cannot_be_solved_is_said_in_a_sentence(call: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()  # type: ignore[operator]


def bitbully_scores(moves: list[int], agent: object, core: object) -> list[float]:
    """What bitbully gives for each column, NaN where nothing fits."""
    board = core.BoardCore()
    assert board.setBoard(moves)
    return [math.nan if score == -1000 else score for score in agent.scoreMoves(board)]


def check_against_bitbully(number: int, fewest: int) -> None:
    core = pytest.importorskip("bitbully.bitbully_core", reason="bitbully is not installed")
    agent, solver, random = core.BitBullyCore(), solver_for(FOUR), np.random.default_rng(20)
    compared = 0
    while compared < number:
        moves: list[int] = []
        position = FOUR.start()
        for _ in range(int(random.integers(fewest, 40))):
            moves.append(int(random.choice(np.flatnonzero(FOUR.facts(position)["legal"]))))
            position = FOUR.after(position, moves[-1])
            if FOUR.facts(position)["ended"]:
                break
        else:
            solution = solver.solve(position)
            assert solution.complete
            np.testing.assert_array_equal(solution.action_scores, bitbully_scores(moves, agent, core), str(moves))
            compared += 1


def test_a_hundred_positions_of_connect_four_as_by_bitbully() -> None:
    check_against_bitbully(100, fewest=18)


@pytest.mark.torture
def test_a_thousand_positions_of_connect_four_as_by_bitbully() -> None:
    check_against_bitbully(1_000, fewest=12)


def test_first_moves_of_connect_four_as_by_bitbullys_book() -> None:
    """The anchor of the scores' meaning: bitbully's book agrees with what was published."""
    bitbully = pytest.importorskip("bitbully", reason="bitbully is not installed")
    scores = bitbully.BitBully().score_all_moves(bitbully.Board())
    assert [scores[column] for column in range(7)] == EMPTY_BOARD
