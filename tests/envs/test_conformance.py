import functools
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

import envs
from envs.speed import steps_per_second
from tests.envs import conformance

ENVIRONMENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("envs:CheeseMaze-v0", {}),
    ("envs:CheeseMaze-v0", {"cheese": "top-right 5x5", "size": (5, 25), "mouse": "anywhere"}),
    ("envs:CheeseMaze-v0", {"size": 3, "observation_size": 9, "pixels": 4, "time_limit": 20}),
    ("envs:CueRecall-v0", {}),
    ("envs:CueRecall-v0", {"symbols": 2, "cue_steps": 3, "delay": 0}),
    ("envs:TicTacToe-v0", {"random_opening": 2}),
    ("envs:ConnectFour-v0", {"rows": 4, "columns": 5, "random_opening": 3}),
    ("envs:ConnectFour-v0", {"random_opening": 25}),
    ("envs:Hex-v0", {"random_opening": 1}),
)
CHECKS = [check for name, check in vars(conformance).items() if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("name", "options"), ENVIRONMENTS, ids=str)
def test_conforms(name: str, options: dict[str, Any], check: Callable[[conformance.Make], None]) -> None:
    check(functools.partial(gymnasium.make, name, **options))


@pytest.mark.parametrize(("name", "options"), ENVIRONMENTS, ids=str)
def test_gymnasiums_own_checker_is_content(name: str, options: dict[str, Any]) -> None:
    # It tries actions without asking which are legal; at the start of a game all are.
    options = {name: value for name, value in options.items() if name != "random_opening"}
    check_env(gymnasium.make(name, render_mode="rgb_array", **options).unwrapped)


@pytest.mark.parametrize(("name", "options"), ENVIRONMENTS, ids=str)
def test_frames_are_even_sized_pictures_that_change(name: str, options: dict[str, Any]) -> None:
    environment = gymnasium.make(name, render_mode="rgb_array", **options)
    environment.reset(seed=0)
    frame = environment.render()
    assert isinstance(frame, np.ndarray)
    assert frame.dtype == np.uint8
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0  # video encoders want this
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 2
    frames = [frame]
    for seed in range(1, 6):
        environment.reset(seed=seed)
        frames.append(np.asarray(environment.render()))
    assert any(not np.array_equal(frames[0], other) for other in frames[1:])


@pytest.mark.parametrize("name", ["CheeseMaze-v0", "CueRecall-v0", "TicTacToe-v0", "Hex-v0"])
def test_nothing_works_before_reset_or_after_the_end(name: str) -> None:
    environment = gymnasium.make(f"envs:{name}").unwrapped
    assert isinstance(environment, envs.StateEditor)
    for call in (environment.observation, environment.truth, environment.get_state, lambda: environment.step(0)):
        with pytest.raises(ResetNeeded):
            call()
    environment.reset(seed=0)
    while True:
        outcome = environment.step(conformance.legal(environment, 0))
        if outcome[2] or outcome[3]:
            break
    with pytest.raises(ResetNeeded):
        environment.step(0)
    edit = environment.edits()[0]
    with pytest.raises(ValueError, match="the episode is over"):
        environment.edit(edit.name, **dict.fromkeys(edit.parameters, 0))
    environment.reset()
    with pytest.raises(ValueError, match="no edit is called 'fly'; there are: "):
        environment.edit("fly")
    with pytest.raises(ValueError, match=f"the edit '{edit.name}' takes .*; got height"):
        environment.edit(edit.name, height=1)


def test_an_environment_without_editing_has_no_editor() -> None:
    assert envs.find_state_editor(gymnasium.make("CartPole-v1")) is None


@pytest.mark.parametrize("name", ["envs:CheeseMaze-v0", "envs:TicTacToe-v0", "Pendulum-v1"])
def test_speed_is_measured(name: str) -> None:
    assert steps_per_second(gymnasium.make(name), steps=200) > 0
