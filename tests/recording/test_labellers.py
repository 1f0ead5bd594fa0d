"""Conformance of the table of labellers: every label is what the environment's own documented observation or state
says, is a finite number, has words, and is recorded beside the observation that it belongs to.
"""

import fnmatch
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from workbench.errors import WorkbenchError
from workbench.policies.types import PolicyOutput
from workbench.recording import Recorder, Recording, make_environment, open_recording, record
from workbench.recording.labellers import Label, Labeller, find_labellers, register_labeller, unregister_labeller
from workbench.recording.labellers.atari import ATARI, CATEGORIES, category_of
from workbench.recording.labellers.atari_ram import GAMES
from workbench.recording.labellers.minigrid import EVERY_KIND, KINDS
from workbench.recording.labellers.registry import LABELLERS

from .toy import Counter

STEPS = 60


def _numbers(*names: str) -> Callable[[Any, Any], Mapping[str, Any]]:
    return lambda _, observation: dict(zip(names, observation, strict=True))


def _pendulum(environment: Any, observation: Any) -> Mapping[str, Any]:
    return {"angle": math.atan2(observation[1], observation[0]), "angular_velocity": observation[2]}


def _acrobot(environment: Any, observation: Any) -> Mapping[str, Any]:
    first, second = (math.atan2(observation[k + 1], observation[k]) for k in (0, 2))
    return {
        "first_angle": first, "second_angle": second,
        "first_angular_velocity": observation[4], "second_angular_velocity": observation[5],
    }  # fmt: skip


def _lander(environment: Any, observation: Any) -> Mapping[str, Any]:
    names = [label.name for label in LABELLERS if label.name == "LunarLander" for label in label.labels]
    said = dict(zip(names, observation, strict=False))
    x = environment.unwrapped.lander.position.x
    flags = environment.unwrapped.helipad_x1, environment.unwrapped.helipad_x2
    return said | {"distance_to_pad": math.hypot(*observation[:2]), "above_pad": flags[0] <= x <= flags[1]}


def _minigrid(environment: Any, _: Any) -> Mapping[str, Any]:
    """Of the whole grid as MiniGrid encodes it: kind, colour and state of each square."""
    inner = environment.unwrapped
    column, row = inner.agent_pos
    codes = inner.grid.encode().transpose(1, 0, 2)
    said: dict[str, Any] = {"agent_position": (row, column), "agent_direction": inner.agent_dir}
    carried = inner.carrying.encode() if inner.carrying is not None else (-1, -1)
    said |= {"carrying": carried[0], "carrying_colour": carried[1]}
    for kind, code in {"door": 4, "key": 5, "ball": 6, "box": 7, "goal": 8, "lava": 9}.items():
        squares = np.argwhere(codes[..., 0] == code)
        distances = np.abs(squares - (row, column)).sum(axis=1)
        there = tuple(squares[distances.argmin()]) if len(squares) else (-1, -1)
        said |= {f"{kind}_position": there, f"{kind}_distance": distances.min() if len(squares) else -1}
        if kind == "door":
            said["door_state"] = codes[there][2] if len(squares) else -1
    return said


def _ram(environment: Any, _: Any) -> Mapping[str, Any]:
    inner = environment.unwrapped
    game = next(row.name.removeprefix("AtariARI ") for row in find_labellers(environment))
    ram = inner.ale.getRAM()
    return {name: ram[list(a)] if isinstance(a, tuple) else ram[a] for name, a in GAMES[game].items()}


KNOWN: Mapping[str, Callable[[Any, Any], Mapping[str, Any]]] = {
    "CartPole-v1": _numbers("cart_position", "cart_velocity", "pole_angle", "pole_angular_velocity"),
    "Pendulum-v1": _pendulum,
    "MountainCar-v0": _numbers("position", "velocity"),
    "MountainCarContinuous-v0": _numbers("position", "velocity"),
    "Acrobot-v1": _acrobot,
    "LunarLander-v3": _lander,
    "MiniGrid-DoorKey-5x5-v0": _minigrid,
    "MiniGrid-LavaGapS5-v0": _minigrid,
    "MiniGrid-BlockedUnlockPickup-v0": _minigrid,
    "MiniGrid-ObstructedMaze-Full-v1": _minigrid,
    "ALE/Pong-v5": _ram,
    "ALE/Breakout-v5": _ram,
    "BerzerkNoFrameskip-v4": _ram,
}


def _walk(environment: Any, steps: int = STEPS) -> Iterator[Any]:
    observation, _ = environment.reset(seed=3)
    environment.action_space.seed(3)
    for _ in range(steps):
        yield observation
        observation, _, terminated, truncated, _ = environment.step(environment.action_space.sample())
        if terminated or truncated:
            observation, _ = environment.reset()


@pytest.mark.parametrize("name", KNOWN)
def test_every_label_is_what_the_environment_says(name: str) -> None:
    environment = make_environment(name)
    (labeller,) = find_labellers(environment)
    told = set()
    for observation in _walk(environment):
        said, found = KNOWN[name](environment, observation), labeller.read(environment.unwrapped)
        assert list(found) == [label.name for label in labeller.labels]
        for label, value in found.items():
            assert np.isfinite(value).all(), label
            np.testing.assert_allclose(np.float64(value), np.float64(said[label]), rtol=1e-5, atol=1e-6, err_msg=label)
            told.add((label, np.asarray(value).tobytes()))
    environment.close()
    # Something moved: a labeller that reads the first state for ever does not pass.
    assert len(told) > len(labeller.labels)


def test_the_table_is_whole() -> None:
    assert len(GAMES) == 24
    assert len({row.name for row in LABELLERS}) == len(LABELLERS)
    for row in LABELLERS:
        assert all(label.name.isidentifier() for label in row.labels)
        assert all("(" in label.words or "whether" in label.words for label in row.labels), "units"
        assert all("_" not in label.words for label in row.labels)
    assert KINDS[-1][1] == EVERY_KIND, "what is not known has every kind"


@pytest.mark.parametrize("game", GAMES)
def test_the_games_are_known_by_all_their_names(game: str) -> None:
    ale = pytest.importorskip("ale_py")
    gymnasium.register_envs(ale)
    row = next(row for row in ATARI if row.name == f"AtariARI {game}")
    registered = [f"ALE/{game}-v5", f"{game}-v4", f"{game}NoFrameskip-v4"]
    assert all(name in gymnasium.registry for name in registered)
    assert all(any(fnmatch.fnmatchcase(name, pattern) for pattern in row.patterns) for name in registered)
    others = [one for one in ATARI if one is not row]
    assert not any(fnmatch.fnmatchcase(n, p) for one in others for p in one.patterns for n in registered)
    for places in GAMES[game].values():
        assert all(0 <= place < 128 for place in ([places] if isinstance(places, int) else places))


def test_the_groups_of_labels_are_those_that_were_published() -> None:
    pong = {label.name: category_of(label.name) for row in ATARI if row.name.endswith("Pong") for label in row.labels}
    agent, small, other, score, _ = CATEGORIES
    assert pong == {
        "player_x": agent, "player_y": agent, "enemy_x": other, "enemy_y": other, "ball_x": small, "ball_y": small,
        "enemy_score": score, "player_score": score,
    }  # fmt: skip
    assert category_of("player_missile_x1") == small
    assert category_of("room_number") == category_of("player_direction") == CATEGORIES[4]
    assert category_of("left_tread_position") is None


class Steady(nn.Linear):
    """An agent of CartPole that nobody trained."""

    def policy_output(self, inputs: Any, state: Any, episode_starts: Any) -> PolicyOutput:
        return PolicyOutput(logits=self(inputs))


def steady(environment: Any) -> nn.Module:
    torch.manual_seed(0)
    return Steady(4, 2)


def _record(out: Path, **options: Any) -> Recording:
    asked = {"env": "CartPole-v1", "steps": 100, **options}
    return record("tests.recording.test_labellers:steady", out=out, **asked)


@pytest.mark.parametrize("wrappers", [(), ("time_limit:20",)], ids=["plain", "wrapped"])
def test_labels_stand_beside_the_observation_that_they_belong_to(tmp_path: Path, wrappers: tuple[str, ...]) -> None:
    recording = _record(tmp_path / "r.zarr", environments=3, wrappers=wrappers)
    for place, name in enumerate(("cart_position", "cart_velocity", "pole_angle", "pole_angular_velocity")):
        labels = recording.steps[f"truth/{name}"][:]
        np.testing.assert_array_equal(labels.astype(np.float32), recording.steps["observation"][:][:, place])
    assert list(recording.attributes["labellers"]) == ["CartPole"]
    assert recording.attributes["labellers"]["CartPole"]["pole_angle"] == "pole angle (rad from upright)"


def test_they_can_be_left_out(tmp_path: Path) -> None:
    recording = _record(tmp_path / "r.zarr", labels=False)
    assert not [name for name in recording.steps if name.startswith("truth/")]
    assert "labellers" not in recording.attributes


class Saying(gymnasium.Wrapper):  # type: ignore[type-arg]
    """An environment that says one of the labels itself, and one of its own."""

    def reset(self, **options: Any) -> Any:
        observation, info = self.env.reset(**options)
        return observation, {**info, "truth": {"pole_angle": 7, "mood": 1}}

    def step(self, action: Any) -> Any:
        *rest, info = self.env.step(action)
        return (*rest, {**info, "truth": {"pole_angle": 7, "mood": 1}})


def test_what_the_environment_says_itself_comes_first(tmp_path: Path) -> None:
    recording = _record(tmp_path / "r.zarr", env=lambda: Saying(gymnasium.make("CartPole-v1")))
    assert (recording.steps["truth/pole_angle"][:] == 7).all()
    assert (recording.steps["truth/mood"][:] == 1).all()
    assert "pole_angle" not in recording.attributes["labellers"]["CartPole"]
    assert "truth/cart_position" in recording.steps


def test_a_loop_of_ones_own_is_labelled(tmp_path: Path) -> None:
    with Recorder(tmp_path / "r.zarr", environment=(environment := gymnasium.make("CartPole-v1"))) as recorder:
        wrapped = recorder.wrap_environment(environment)
        for _ in _walk(wrapped, 30):
            pass
    recording = open_recording(tmp_path / "r.zarr")
    np.testing.assert_array_equal(
        recording.steps["truth/pole_angle"][:].astype(np.float32), recording.steps["observation"][:, 2]
    )


def test_a_vectorised_loop_is_labelled(tmp_path: Path) -> None:
    vectorised = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")] * 3)
    with Recorder(tmp_path / "r.zarr", environment=vectorised, slots=3) as recorder:
        wrapped = recorder.wrap_vectorised(vectorised)
        wrapped.reset()
        for _ in range(60):
            wrapped.step(np.ones(3, np.int64))
    recording = open_recording(tmp_path / "r.zarr")
    assert len(recording.episodes["id"]) > 3, "some episodes ended, where labels of the next one are easily mixed up"
    np.testing.assert_array_equal(
        recording.steps["truth/pole_angle"][:].astype(np.float32), recording.steps["observation"][:, 2]
    )


@pytest.fixture
def registered() -> Iterator[Labeller]:
    labeller = Labeller(
        name="ends of the track",
        patterns=("CartPole-v*",),
        labels=(Label(name="to_the_end", words="to the nearer end of the track (m)"),),
        read=lambda environment: {"to_the_end": 2.4 - abs(float(environment.state[0]))},
    )
    register_labeller(labeller)
    yield labeller
    unregister_labeller(labeller.name)


def test_one_of_ones_own_labels_beside_the_table(tmp_path: Path, registered: Labeller) -> None:
    recording = _record(tmp_path / "r.zarr")
    np.testing.assert_allclose(
        recording.steps["truth/to_the_end"][:], 2.4 - np.abs(recording.steps["truth/cart_position"][:])
    )
    assert list(recording.attributes["labellers"]) == ["ends of the track", "CartPole"]
    with pytest.raises(WorkbenchError, match="already"):
        register_labeller(registered)
    with pytest.raises(WorkbenchError, match="at least one label"):
        register_labeller(Labeller(name="none", patterns=("X",), labels=(), read=dict))


@pytest.mark.parametrize(
    ("read", "why"),
    [
        (lambda environment: {"mood": environment.no_such_thing}, "no_such_thing"),
        (lambda environment: {"other": 1}, "other"),
        (lambda environment: {"mood": "glad"}, "no number"),
    ],
    ids=["raises", "gives another", "gives no number"],
)
def test_a_labeller_that_does_not_fit_is_left_out_and_said(tmp_path: Path, read: Any, why: str) -> None:
    labels = (Label(name="mood", words="mood"),)
    register_labeller(Labeller(name="odd", patterns=("CartPole-v*",), labels=labels, read=read))
    try:
        recording = _record(tmp_path / "r.zarr")
    finally:
        unregister_labeller("odd")
    assert why in recording.attributes["skipped_labellers"]["odd"]
    assert list(recording.attributes["labellers"]) == ["CartPole"]


def test_one_that_fails_later_stops_the_recording_with_a_sentence(tmp_path: Path) -> None:
    readings = iter([1.0] * 20)

    def read(environment: Any) -> Mapping[str, Any]:
        return {"mood": next(readings)}

    labels = (Label(name="mood", words="mood"),)
    register_labeller(Labeller(name="odd", patterns=("CartPole-v*",), labels=labels, read=read))
    try:
        with pytest.raises(WorkbenchError, match=r"'odd' could read.*--no-labels"):
            _record(tmp_path / "r.zarr")
    finally:
        unregister_labeller("odd")


def test_an_environment_without_a_name_has_none() -> None:
    assert find_labellers(Counter()) == ()


def test_labels_after_the_last_action_are_those_of_the_last_state(tmp_path: Path) -> None:
    made = record("ppo:agents/cartpole/weights.zip", "CartPole-v1", out=tmp_path / "x.zarr", episodes=2)
    for number in range(2):
        angle, last = made.final_truth(number, "pole_angle"), made.final_observation(number)
        assert angle is not None
        assert last is not None
        np.testing.assert_allclose(angle, last[2], rtol=1e-6)
