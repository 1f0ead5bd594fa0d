"""The compiled rules do what the plain ones do, and count what has been counted elsewhere."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.games import (
    TIC_TAC_TOE,
    Game,
    check_position,
    connect_four,
    game_named,
    hex_game,
    position_after,
    winning_stones,
)
from tests.envs.games.reference import plain

SMALL, FOUR, HEX = connect_four(4, 5), connect_four(6, 7), hex_game(4)
GAMES = (TIC_TAC_TOE, SMALL, FOUR, HEX)
OTHERS = (connect_four(7, 8), connect_four(12, 4), connect_four(4, 12), hex_game(2), hex_game(5), hex_game(7))


def describe(game: Game, positions: np.ndarray) -> dict[str, np.ndarray]:
    B = len(positions)
    facts = {"legal": np.ones((B, game.actions), np.bool_), "ended": np.full(B, 9, np.uint8)}
    facts |= {"outcome": np.full(B, 9, np.float32), "player": np.full(B, 9, np.int8)}
    game.describe(positions, *facts.values())
    return facts


def observe(game: Game, positions: np.ndarray) -> np.ndarray:
    observations = np.full((len(positions), *game.observation_shape), 9, np.float32)
    game.observe(positions, observations)
    return observations


def check_games(game: Game, draws: list[int]) -> None:
    """Play one game both ways, then ask about all of its positions at once."""
    other, position, row = plain(game), game.start(), []
    for draw in [*draws, *range(game.longest)]:
        row.append((position, other))
        if other.ended:
            break
        legal = other.legal()
        action = legal[draw % len(legal)]
        position, other = game.after(position, action), other.after(action)
    positions = np.stack([position for position, _ in row])
    facts, observations = describe(game, positions), observe(game, positions)
    for b, (position, other) in enumerate(row):
        assert np.flatnonzero(facts["legal"][b]).tolist() == other.legal()
        assert facts["ended"][b] == other.ended
        assert facts["outcome"][b] == other.outcome
        assert facts["player"][b] == other.player
        np.testing.assert_array_equal(observations[b], other.planes())
        np.testing.assert_array_equal(game.cells(position), other.cells())
        np.testing.assert_array_equal(check_position(game, position), position)
        assert winning_stones(game, position).any() == (other.winner is not None)
    # What `play` says of where it leads is what `describe` says of it, for the whole batch.
    before, actions = positions[:-1], np.zeros(len(row) - 1, np.int16)
    for b, (_, other) in enumerate(row[:-1]):
        actions[b] = next(a for a in other.legal() if (game.after(before[b], a) == positions[b + 1]).all())
    after, played = np.zeros_like(before), describe(game, before)
    game.play(before, actions, after, *played.values())
    np.testing.assert_array_equal(after, positions[1:])
    for name, values in facts.items():
        np.testing.assert_array_equal(played[name], values[1:])


@settings(max_examples=40)
@given(game=st.sampled_from(GAMES), draws=st.lists(st.integers(0, 10**6), max_size=42))
def test_games_go_as_the_plain_rules_have_it(game: Game, draws: list[int]) -> None:
    check_games(game, draws)


@pytest.mark.torture
@settings(max_examples=2_000)
@given(game=st.sampled_from(GAMES + OTHERS), draws=st.lists(st.integers(0, 10**6), max_size=60))
def test_games_on_boards_of_all_sizes(game: Game, draws: list[int]) -> None:
    check_games(game, draws)


def count_positions(game: Game, plies: int) -> list[int]:
    """Different positions after each number of plies."""
    layer, numbers = game.start()[None], [1]
    for _ in range(plies):
        legal = describe(game, layer)["legal"]
        rows, actions = np.nonzero(legal)
        if not len(rows):
            break
        before, after = layer[rows], np.empty((len(rows), 2), np.uint64)
        game.play(before, actions.astype(np.int16), after, *describe(game, before).values())
        layer = np.unique(after, axis=0)
        numbers.append(len(layer))
    return numbers


def test_connect_four_has_as_many_positions_as_counted_by_tromp() -> None:
    """OEIS A212693, by J. Tromp and by S. Edelkamp and P. Kissmann (2008)."""
    assert count_positions(FOUR, 7) == [1, 7, 49, 238, 1120, 4263, 16422, 54859]


def test_tic_tac_toe_has_5478_positions() -> None:
    assert sum(count_positions(TIC_TAC_TOE, 9)) == 5478


@pytest.mark.torture
def test_many_more_positions_of_connect_four() -> None:
    assert count_positions(FOUR, 10)[8:] == [184275, 558186, 1662623]


@settings(max_examples=40)
@given(order=st.permutations(range(16)))
def test_a_full_hex_board_has_exactly_one_winner(order: list[int]) -> None:
    """So a game ends with a win, whatever is played; the winner's chain goes from side to side."""
    position = HEX.start()
    for action in order:
        position = HEX.after(position, action)
        facts = HEX.facts(position)
        if facts["ended"]:
            break
    assert facts["outcome"] == -1
    chain = winning_stones(HEX, position)
    side = 1 - facts["player"]
    assert chain.any(1 - side).all()  # In every row, or column, between the sides.
    np.testing.assert_array_equal(HEX.cells(position)[chain], 1 - 2 * side)


def test_hex_joins_the_sides_that_it_says() -> None:
    first = position_after(HEX, ["b1", "a1", "b2", "a2", "b3", "a3", "b4"])
    assert HEX.facts(first)["outcome"] == -1
    second = position_after(HEX, ["a1", "a2", "b1", "b2", "c1", "c2", "d4", "d2"])
    assert HEX.facts(second)["outcome"] == -1
    # Up and to the right is a neighbour, up and to the left is none.
    slanting = position_after(HEX, ["d1", "a1", "c2", "a2", "b3", "b1", "a4"])
    assert HEX.facts(slanting)["ended"]
    assert not HEX.facts(position_after(HEX, ["a1", "d1", "b2", "d2", "c3", "d3", "d4"]))["ended"]


def test_a_game_is_a_value() -> None:
    assert connect_four(6, 7) is connect_four(6, 7)
    for game in GAMES + OTHERS:
        assert game_named(game.name) is copy.deepcopy(game) is pickle.loads(pickle.dumps(game)) is game
    assert len({game.name for game in GAMES + OTHERS}) == len(GAMES + OTHERS)
    for game in GAMES:
        assert len(game.action_names) == len(set(game.action_names)) == game.actions == len(game.action_cells())
        assert len(set(game.cell_names)) == game.longest
    assert FOUR.action_names == tuple("abcdefg")
    assert (FOUR.cell_names[0], FOUR.cell_names[-1]) == ("a6", "g1")
    assert FOUR.action_cells().tolist() == [[-1, column] for column in range(7)]
    assert HEX.action_cells()[6].tolist() == [1, 2]
    assert HEX.action_names[6] == "c2"


@pytest.mark.parametrize(
    ("game", "position", "sentence"),
    [
        (FOUR, [1, 2, 3], "is 2 whole numbers"),
        (FOUR, [-1, 0], "is 2 whole numbers"),
        (FOUR, "start", "is 2 whole numbers"),
        (FOUR, [1 << 6, 0], "first player has a stone outside the board"),
        (FOUR, [1, 1 << 60], "second player has a stone outside the board"),
        (FOUR, [1, 1], "two stones lie on one cell"),
        (FOUR, [0, 1], "as many stones as the second, or one more; got 0 and 1"),
        (FOUR, [0b101, 1 << 7], "a stone hangs in the air"),
        (FOUR, [0b1111, 0b111 << 7 | 1 << 14], "the first player is to move but has won already"),
        (HEX, [0b10000, 0], "outside the board"),
        (HEX, [0b1 | 1 << 5 | 1 << 10 | 1 << 15, 0b1110 | 1 << 7], "the first player is to move but has won"),
        (TIC_TAC_TOE, [0b111, 0b111000], "the first player is to move but has won"),
    ],
)
def test_positions_that_cannot_be(game: Game, position: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_position(game, position)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: connect_four(3, 7), "at least 4 rows and 4 columns"),
        (lambda: connect_four(8, 8), "got 8×8"),
        (lambda: hex_game(8), "2 to 7 rows"),
        (lambda: game_named("chess"), "no game is called 'chess'"),
        (lambda: game_named("hex_4x5"), "no game is called 'hex_4x5'"),
        (lambda: game_named("connect_four_2x5"), "got 2×5"),
        (lambda: position_after(FOUR, "ddddddd"), "move 7, 3 \\(d\\), is not legal here; legal are 0 \\(a\\), 1"),
        (lambda: position_after(FOUR, "abababab"), "move 8, 'b', comes after the end"),
        (lambda: position_after(FOUR, [9]), "a number from 0 to 6 or the name of an action; got 9"),
        (lambda: position_after(FOUR, ["z"]), "got 'z'"),
        (lambda: position_after(FOUR, [1.5]), "got 1.5"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(make: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()  # type: ignore[operator]
