"""Board games as environments: whose move, whose reward, where an episode begins, and what is true of it."""

import copy
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from envs import BoardGame, find_state_editor
from envs.games import Game, hex_game, position_after


def make(name: str, **options: Any) -> BoardGame:
    environment = gymnasium.make(f"envs:{name}-v0", **options).unwrapped
    assert isinstance(environment, BoardGame)
    return environment


def test_a_game_from_start_to_end() -> None:
    environment = make("ConnectFour", rows=4, columns=5)
    observation, info = environment.reset(seed=0)
    assert not observation.any()
    assert info["truth"]["player"] == 0
    rewards = []
    for action in (2, 0, 2, 0, 2, 1, 2):
        before = environment.position
        observation, reward, terminated, truncated, info = environment.step(action)
        rewards.append(reward)
        assert not truncated
        assert info["truth"]["moves_made"] == len(rewards)
        assert info["truth"]["player"] == len(rewards) % 2
        # The stone just set is the other player's by now.
        assert observation[1].sum() == (len(rewards) + 1) // 2
        np.testing.assert_array_equal(environment.position, environment.game.after(before, action))
        np.testing.assert_array_equal(info["truth"]["board"], environment.game.cells(environment.position))
    assert terminated
    assert rewards == [0, 0, 0, 0, 0, 0, 1]
    assert (info["truth"]["value"], info["truth"]["optimal_action"]) == (-1, -1)
    assert not info["action_mask"].any()
    assert not environment.action_masks().any()
    with pytest.raises(ResetNeeded, match="the game is over"):
        environment.step(0)


def test_a_draw_rewards_nobody() -> None:
    environment = make("TicTacToe")
    environment.reset(options={"moves": [0, 4, 8, 1, 7, 6, 2, 5]})
    _, reward, terminated, _, info = environment.step(3)
    assert (reward, terminated, info["truth"]["value"], info["truth"]["score"]) == (0, True, 0, 0)


@pytest.mark.parametrize(
    ("name", "options", "value"),
    [("TicTacToe", {}, 0), ("ConnectFour", {"rows": 4, "columns": 5}, 0), ("Hex", {}, 1), ("Hex", {"size": 3}, 1)],
)
def test_who_plays_what_the_truth_calls_optimal_gets_what_it_calls_the_value(
    name: str, options: dict[str, Any], value: int
) -> None:
    environment = make(name, **options)
    random = np.random.default_rng(4)
    for _ in range(20):
        _, info = environment.reset()
        assert info["truth"]["value"] == value
        terminated, reward = False, 0.0
        while not terminated:
            truth = info["truth"]
            assert truth["optimal_actions"][truth["optimal_action"]]
            action = int(random.choice(np.flatnonzero(truth["optimal_actions"])))
            _, reward, terminated, _, info = environment.step(action)
            # An optimal move keeps the value, seen from the other side.
            assert info["truth"]["value"] == -truth["value"]
        assert reward == abs(value)


def test_openings_are_drawn_from_the_episodes_generator_and_never_end_the_game() -> None:
    environment = make("ConnectFour", random_opening=12)
    first = [environment.reset(seed=3 if episode == 0 else None)[1]["truth"] for episode in range(20)]
    again = [environment.reset(seed=3 if episode == 0 else None)[1]["truth"] for episode in range(20)]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one["board"], other["board"])
        assert one["moves_made"] == 12
    assert len({truth["board"].tobytes() for truth in first}) > 15
    for name, moves in (("TicTacToe", 8), ("Hex", 14)):
        full = make(name, random_opening=moves)
        for seed in range(10):
            _, info = full.reset(seed=seed)
            assert info["action_mask"].any()
            assert info["truth"]["moves_made"] == moves
    # What is asked for is not drawn.
    assert environment.reset(options={"moves": [1]})[1]["truth"]["moves_made"] == 1


def test_an_episode_begins_where_it_is_told_to() -> None:
    environment = make("Hex")
    position = position_after(environment.game, ["b2", "c3"])
    for options in ({"moves": ["b2", "c3"]}, {"position": position}, {"position": [int(word) for word in position]}):
        environment.reset(options=options)
        np.testing.assert_array_equal(environment.position, position)
    environment.reset(options={"position": position, "moves": [0]})
    np.testing.assert_array_equal(environment.position, environment.game.after(position, 0))
    environment.reset()
    assert environment.position.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"move": [1]}, "the options of a reset are 'position' and 'moves'; got 'move'"),
        ({"moves": [0, 0]}, "move 2, 0 \\(a3\\), is not legal here"),
        ({"moves": [0, 3, 1, 4, 2]}, "the game of tic_tac_toe is over there"),
        ({"moves": [0, 3, 1, 4, 2, 5]}, "comes after the end"),
        ({"position": [1, 1]}, "two stones lie on one cell"),
        ({"position": None}, "2 whole numbers"),
    ],
)
def test_resets_that_cannot_be(options: dict[str, Any], sentence: str) -> None:
    environment = make("TicTacToe")
    environment.reset(options={"moves": [4]})
    with pytest.raises(ValueError, match=sentence):
        environment.reset(options=options)
    assert environment.truth()["moves_made"] == 1


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("ConnectFour", {"rows": 3}, "at least 4 rows"),
        ("Hex", {"size": 9}, "2 to 7 rows"),
        ("TicTacToe", {"random_opening": 9}, "0 to 8 moves of tic_tac_toe; got 9"),
        ("TicTacToe", {"random_opening": -1}, "got -1"),
        ("TicTacToe", {"render_mode": "human"}, "'rgb_array' or None"),
    ],
)
def test_options_out_of_range(name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make(name, **options)


def test_large_boards_are_solved_when_asked_to() -> None:
    assert "value" not in make("ConnectFour").reset()[1]["truth"]
    environment = make("ConnectFour", solve=True)
    _, info = environment.reset(options={"moves": "dddddcccccabbbeffgg"})
    truth = info["truth"]
    assert truth["value"].dtype == truth["score"].dtype == np.float32
    assert truth["optimal_actions"].any() == bool(truth["optimal_action"] >= 0)
    assert not np.isnan(truth["value"])


def test_a_truth_that_is_not_found_in_time_is_not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.board_games.NODE_LIMIT", 50)
    environment = make("ConnectFour", solve=True)
    truth = environment.reset()[1]["truth"]
    assert np.isnan(truth["value"])
    assert np.isnan(truth["score"])
    assert truth["optimal_action"] == -1
    assert not truth["optimal_actions"].any()
    # A move that wins at once tells the value all the same.
    assert environment.reset(options={"moves": "dadada"})[1]["truth"]["value"] == 1


def test_stones_are_moved_and_exchanged() -> None:
    environment = make("ConnectFour", rows=4, columns=5)
    environment.reset(options={"moves": "aab"})
    observation = environment.edit("move_stone", row=3, column=1, to_row=3, to_column=4)
    assert environment.truth()["board"].tolist() == [[0] * 5, [0] * 5, [-1, 0, 0, 0, 0], [1, 0, 0, 0, 1]]
    np.testing.assert_array_equal(observation, environment.observation())
    environment.exchange_stones(3, 0, 2, 0)
    assert environment.truth()["board"][:, 0].tolist() == [0, 0, 1, -1]
    for call, sentence in (
        (lambda: environment.move_stone(3, 0, 3, 3), "hangs in the air"),
        (lambda: environment.move_stone(3, 4, 1, 4), "hangs in the air"),
        (lambda: environment.move_stone(3, 4, 3, 0), "to an empty cell"),
        (lambda: environment.move_stone(0, 4, 3, 2), "to an empty cell"),
        (lambda: environment.move_stone(4, 4, 3, 2), "rows 0 to 3, columns 0 to 4; got 4, 4"),
        (lambda: environment.exchange_stones(2, 0, 3, 4), "a stone of each player"),
        (lambda: environment.exchange_stones(2, 0, 3, 3), "a stone of each player"),
    ):
        state = environment.get_state()
        with pytest.raises(ValueError, match=sentence):
            call()
        np.testing.assert_array_equal(environment.get_state()["position"], state["position"])
    environment.reset(options={"moves": "aabbcce"})
    with pytest.raises(ValueError, match="that would end the game"):
        environment.move_stone(3, 4, 3, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": [1, 1]}, "two stones lie on one cell"),
        ({"last_action": 9}, "last_action is -1 to 8; got 9"),
        ({"last_action": 0}, "last_action is 0 \\(a3\\), but no stone lies there"),
        ({"colour": 1}, "a state has the entries"),
    ],
)
def test_states_that_cannot_be(change: dict[str, Any], message: str) -> None:
    environment = make("TicTacToe")
    environment.reset(options={"moves": [4]})
    with pytest.raises(ValueError, match=message):
        environment.set_state({**environment.get_state(), **change})


def test_a_copy_goes_its_own_way() -> None:
    """Searches copy environments; solver and game are shared, the position is not."""
    environment = make("TicTacToe", random_opening=2)
    environment.reset(seed=1)
    other = copy.deepcopy(environment)
    position = environment.position
    other.step(int(np.flatnonzero(other.action_masks())[0]))
    np.testing.assert_array_equal(environment.position, position)
    assert other.game == environment.game


def test_what_a_search_and_a_viewer_look_for_is_there() -> None:
    wrapped = gymnasium.make("envs:Hex-v0", size=3, render_mode="rgb_array")
    wrapped.reset()
    game = wrapped.unwrapped.game
    assert isinstance(game, Game)
    assert game == hex_game(3)
    assert wrapped.unwrapped.position.dtype == np.uint64
    assert find_state_editor(wrapped) is wrapped.unwrapped
    assert wrapped.unwrapped.metadata["action_names"][:3] == ["a1", "b1", "c1"]
    assert len(wrapped.unwrapped.metadata["observation_names"]) == np.prod(wrapped.observation_space.shape)


@pytest.mark.parametrize(
    ("name", "moves", "last"),
    [("TicTacToe", ["a3", "b2", "b3", "c1", "c3"], "c3"), ("ConnectFour", "dadada", "d"), ("Hex", ["b1", "a1"], "b2")],
)
def test_a_picture_shows_stones_last_move_and_what_has_won(name: str, moves: list[str], last: str) -> None:
    environment = make(name, render_mode="rgb_array")
    frames = []
    environment.reset()
    frames.append(environment.render())
    environment.reset(options={"moves": moves if name != "TicTacToe" else moves[:4]})
    frames.append(environment.render())
    environment.step(environment.game.action_names.index(last))
    frames.append(environment.render())
    # Without a last move the stones are the same, the mark is not there.
    environment.reset(options={"position": position_after(environment.game, moves[:2])})
    unmarked = environment.render()
    environment.reset(options={"moves": moves[:2]})
    assert not np.array_equal(unmarked, environment.render())
    red = [int((np.abs(frame.astype(int) - (214, 69, 65)).sum(2) < 6).sum()) for frame in frames]
    assert red[0] < red[1] < red[2]
    assert len({frame.shape for frame in frames}) == 1
    assert make(name).render() is None
