import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.cheese_maze import CHEESE, FLOOR, MOUSE, WALL, CheeseMaze

STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))
SIZES = st.integers(1, 7).map(lambda half: 2 * half + 1)


def neighbours(walls: npt.NDArray[np.bool_], square: tuple[int, int]) -> dict[int, tuple[int, int]]:
    """Open neighbours by the action that leads there; written without the solver."""
    found = {}
    for action, (row_step, column_step) in enumerate(STEPS):
        row, column = square[0] + row_step, square[1] + column_step
        if 0 <= row < len(walls) and 0 <= column < len(walls) and not walls[row, column]:
            found[action] = (row, column)
    return found


def brute_force_distances(walls: npt.NDArray[np.bool_], goal: tuple[int, int]) -> dict[tuple[int, int], int]:
    """Relax every square until nothing changes."""
    distances = {goal: 0}
    changed = True
    while changed:
        changed = False
        for square in list(distances):
            for other in neighbours(walls, square).values():
                if distances.get(other, 10**9) > distances[square] + 1:
                    distances[other] = distances[square] + 1
                    changed = True
    return distances


def brute_force_parting(
    walls: npt.NDArray[np.bool_], mouse: tuple[int, int], cheese: tuple[int, int], corner: tuple[int, int]
) -> tuple[int, int]:
    to_cheese, to_corner = brute_force_distances(walls, cheese), brute_force_distances(walls, corner)
    here = mouse
    while to_cheese.get(here, 0) > 0 and to_corner.get(here, 0) > 0:
        onward = neighbours(walls, here)
        good = [{a for a, s in onward.items() if d.get(s, -9) == d[here] - 1} for d in (to_cheese, to_corner)]
        if not good[0] & good[1]:
            return here
        here = onward[min(good[0] & good[1])]
    return -1, -1


def square(value: npt.ArrayLike) -> tuple[int, int]:
    row, column = np.asarray(value).tolist()
    return row, column


def check_truth(truth: dict[str, Any]) -> None:
    walls, mouse, cheese, corner = truth["walls"], *(square(truth[name]) for name in ("mouse", "cheese", "corner"))
    distances = brute_force_distances(walls, cheese)
    assert truth["distance"] == distances.get(mouse, -1)
    assert truth["distance_to_corner"] == brute_force_distances(walls, corner).get(mouse, -1)
    path = [square(step) for step in truth["shortest_path"] if step[0] >= 0]
    assert len(path) == truth["distance"] + 1
    assert (truth["shortest_path"][len(path) :] == -1).all()
    if path:
        assert path[0] == mouse
        assert path[-1] == cheese
        assert all(after in neighbours(walls, before).values() for before, after in itertools.pairwise(path))
    if len(path) > 1:
        assert neighbours(walls, mouse)[int(truth["optimal_action"])] == path[1]
    else:
        assert truth["optimal_action"] == -1
    assert square(truth["next_decision_square"]) == brute_force_parting(walls, mouse, cheese, corner)


@settings(max_examples=40, deadline=None)
@given(size=SIZES, margin=st.integers(0, 3), seed=st.integers(0, 2**31), steps=st.integers(0, 12))
def test_a_maze_is_perfect_and_its_truth_right(size: int, margin: int, seed: int, steps: int) -> None:
    environment = CheeseMaze(size=size, observation_size=size + 2 * margin, mouse="anywhere")
    _, info = environment.reset(seed=seed)
    open_squares = ~info["truth"]["walls"]
    cells = ((size + 1) // 2) ** 2
    assert open_squares.sum() == 2 * cells - 1  # a tree: one opened wall fewer than cells …
    reached = brute_force_distances(info["truth"]["walls"], square(info["truth"]["mouse"]))
    assert len(reached) == open_squares.sum()  # … and connected
    check_truth(info["truth"])
    random = np.random.default_rng(seed)
    for _ in range(steps):
        _, _, terminated, truncated, info = environment.step(int(random.integers(4)))
        check_truth(info["truth"])
        if terminated or truncated:
            break


@settings(max_examples=40, deadline=None)
@given(size=SIZES.filter(lambda size: size > 3), seed=st.integers(0, 2**31), data=st.data())
def test_truth_stays_right_when_walls_open_and_close(size: int, seed: int, data: st.DataObject) -> None:
    environment = CheeseMaze(size=size)
    environment.reset(seed=seed)
    for _ in range(data.draw(st.integers(1, 6))):
        row, column = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
        closed = bool(environment.truth()["walls"][row, column])
        before = environment.get_state()
        try:
            environment.edit("open_wall" if closed else "close_wall", row=row, column=column)
        except ValueError:
            assert not closed
            np.testing.assert_array_equal(environment.get_state()["walls"], before["walls"])
        else:
            assert environment.truth()["walls"][row, column] == (not closed)
        check_truth(environment.truth())


@settings(max_examples=30, deadline=None)
@given(size=SIZES, seed=st.integers(0, 2**31))
def test_the_solver_gets_the_cheese_in_as_many_steps_as_it_says(size: int, seed: int) -> None:
    environment = CheeseMaze(size=size)
    _, info = environment.reset(seed=seed)
    for remaining in range(int(info["truth"]["distance"]), 0, -1):
        assert info["truth"]["distance"] == remaining
        _, reward, terminated, truncated, info = environment.step(int(info["truth"]["optimal_action"]))
        assert (reward, terminated, truncated) == (float(remaining == 1), remaining == 1, False)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_the_cheese_lies_where_it_may(seed: int) -> None:
    for where, top_right in (("top-right 5x5", True), ("outside top-right 5x5", False)):
        row, column = CheeseMaze(size=13, cheese=where).reset(seed=seed)[1]["truth"]["cheese"]
        assert (row < 5 and column >= 8) == top_right
    row, column = CheeseMaze(size=13, cheese="bottom-left 1x3").reset(seed=seed)[1]["truth"]["cheese"]
    assert (row, column) in {(12, 1), (12, 2)}  # not under the mouse


def test_the_decision_square_of_a_maze_made_by_hand() -> None:
    """The corner is straight up and right, the cheese down a side arm off the middle of the top row."""
    environment = CheeseMaze(size=5)
    environment.reset(seed=0)
    walls = np.ones((5, 5), dtype=bool)
    walls[:, 0] = walls[0, :] = walls[:3, 2] = False
    state = {"walls": walls, "size": 5, "mouse": (4, 0), "cheese": (2, 2), "elapsed": 0, "over": False}
    environment.set_state(state)
    truth = environment.truth()
    assert truth["distance"] == 8
    assert truth["distance_to_corner"] == 8
    assert square(truth["next_decision_square"]) == (0, 2)
    environment.move_mouse(0, 2)
    assert square(environment.truth()["next_decision_square"]) == (0, 2)
    assert (environment.truth()["optimal_action"], environment.truth()["action_to_corner"]) == (2, 1)
    environment.move_cheese(0, 3)
    assert square(environment.truth()["next_decision_square"]) == (-1, -1)  # on the way to the corner
    environment.move_cheese(2, 2)
    environment.close_wall(1, 2)
    assert environment.truth()["distance"] == -1
    assert environment.truth()["optimal_action"] == -1
    environment.open_wall(2, 1)  # now another way leads there, past the left column
    assert environment.truth()["distance"] == 6
    assert square(environment.truth()["next_decision_square"]) == (0, 2)


def test_the_image_shows_every_square_in_its_colour() -> None:
    for pixels in (1, 3):
        environment = CheeseMaze(size=7, observation_size=9, pixels=pixels)
        observation, info = environment.reset(seed=4)
        truth = info["truth"]
        for row in range(9):
            for column in range(9):
                colour = WALL if truth["walls"][row, column] else FLOOR
                colour = CHEESE if (row, column) == square(truth["cheese"]) else colour
                colour = MOUSE if (row, column) == square(truth["mouse"]) else colour
                patch = observation[row * pixels : (row + 1) * pixels, column * pixels : (column + 1) * pixels]
                assert (patch == colour).all()


def test_a_wall_costs_a_step_and_the_limit_truncates() -> None:
    environment = CheeseMaze(size=5, time_limit=3)
    environment.reset(seed=1)
    for number in range(3):
        _, reward, terminated, truncated, info = environment.step(3)  # the mouse stands at the left edge
        assert (reward, terminated, truncated) == (0.0, False, number == 2)
        assert square(info["truth"]["mouse"]) == (4, 0)


def test_sizes_are_drawn_from_the_range() -> None:
    environment = CheeseMaze(size=(5, 9))
    environment.reset(seed=0)
    assert {environment.reset()[1]["truth"]["size"] for _ in range(60)} == {5, 7, 9}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 4}, "size must be odd, from 3 to 25"),
        ({"size": 27}, "size must be odd"),
        ({"size": (9, 5)}, "size must be odd"),
        ({"size": (5, 7, 9)}, "size must be odd"),
        ({"observation_size": 11}, "observation_size must be odd, from size"),
        ({"pixels": 0}, "pixels must be at least 1"),
        ({"time_limit": 0}, "time_limit must be at least 1"),
        ({"render_mode": "human"}, "render_mode must be"),
        ({"cheese": "top right"}, "for instance 'top-right 5x5'"),
        ({"cheese": "top-right 0x5"}, "at least 1"),
        ({"cheese": "bottom-left 1x1"}, "leave one square for both"),
        ({"size": 5, "cheese": "outside top-right 5x5"}, "no square of a maze of size 5"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CheeseMaze(**options)


def test_impossible_edits_change_nothing() -> None:
    environment = CheeseMaze(size=5, observation_size=9)
    _, info = environment.reset(seed=2)
    mouse, cheese, corner = (square(info["truth"][name]) for name in ("mouse", "cheese", "corner"))
    wall = square(np.argwhere(info["truth"]["walls"][2:7, 2:7])[0] + 2)
    before = environment.observation()
    for edit, where, message in (
        ("move_cheese", mouse, "the mouse is there"),
        ("move_mouse", cheese, "the cheese lies there"),
        ("move_cheese", wall, "is a wall"),
        ("move_mouse", (1, 4), "must be inside the maze, rows and columns 2 to 6"),
        ("open_wall", mouse, "there is no wall to open"),
        ("close_wall", corner, "it is the square of the corner" if corner != cheese else "of the cheese"),
        ("close_wall", wall, "is a wall"),
    ):
        with pytest.raises(ValueError, match=message):
            environment.edit(edit, row=where[0], column=where[1])
    np.testing.assert_array_equal(environment.observation(), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"walls": np.zeros((3, 3))}, "walls must have shape"),
        ({"size": 4}, "size must be odd"),
        ({"mouse": (0, 99)}, "the mouse must be on an open square"),
        ({"size": 3}, "walls must be closed around"),
        ({"elapsed": -1}, "elapsed must be at least 0"),
        ({"mouse": (0, 4), "cheese": (0, 4)}, "the episode is not over"),
        ({"colour": "red"}, "a state has the entries"),
    ],
)
def test_states_that_cannot_be(change: dict[str, Any], message: str) -> None:
    environment = CheeseMaze(size=5)
    environment.reset(seed=2)
    state = environment.get_state()
    with pytest.raises(ValueError, match=message):
        environment.set_state({**state, **change})
    np.testing.assert_array_equal(environment.get_state()["walls"], state["walls"])
