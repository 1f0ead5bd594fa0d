"""What every environment of `envs/` must hold; a new one is one more row in `test_conformance.py`."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest

from envs import StateEditor, find_state_editor

Make = Callable[..., gymnasium.Env[Any, Any]]


def shapes(truth: dict[str, Any]) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    return {name: (np.shape(value), np.asarray(value).dtype) for name, value in truth.items()}


def assert_same(first: Any, second: Any) -> None:
    """Compare observations, truths or states, whatever they are nested of."""
    if isinstance(first, dict):
        assert set(first) == set(second)
        for name in first:
            assert_same(first[name], second[name])
    else:
        np.testing.assert_array_equal(first, second)


def legal(environment: gymnasium.Env[Any, Any], number: int) -> int:
    """The action of that number, or where not all are legal the one that comes to stand in its place."""
    if not environment.has_wrapper_attr("action_masks"):
        return number % int(environment.action_space.n)
    allowed = np.flatnonzero(environment.get_wrapper_attr("action_masks")())
    return int(allowed[number % len(allowed)])


def play(environment: gymnasium.Env[Any, Any], seed: int, steps: int) -> list[Any]:
    """Everything that the environment says in so many random steps."""
    random = np.random.default_rng(seed)
    said: list[Any] = [environment.reset(seed=seed)]
    for _ in range(steps):
        outcome = environment.step(legal(environment, int(random.integers(environment.action_space.n))))
        said.append(outcome)
        if outcome[2] or outcome[3]:
            said.append(environment.reset())
    return said


def infos(said: list[Any]) -> list[dict[str, Any]]:
    return [outcome[-1] for outcome in said]


def check_truth_is_flat(make: Make) -> None:
    """Flat, numeric, of one shape and dtype from the first reset on, and never one array twice."""
    said = infos(play(make(), seed=1, steps=300))
    expected = shapes(said[0]["truth"])
    for info in said:
        assert shapes(info["truth"]) == expected
    for _shape, dtype in expected.values():
        assert dtype.kind in "biuf"


def check_seed_decides(make: Make) -> None:
    """The same seed and actions give the same; another seed does not; global generators do not matter."""
    np.random.seed(1)
    first = play(make(), seed=5, steps=200)
    np.random.seed(2)
    second = play(make(), seed=5, steps=200)
    for one, other in zip(first, second, strict=True):
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    others = [make().reset(seed=seed)[1]["truth"] for seed in range(5, 15)]
    assert any(any(not np.array_equal(others[0][name], truth[name]) for name in truth) for truth in others[1:])


def check_state_round_trip(make: Make) -> None:
    """A state put back, in this or another instance, goes on exactly as it did."""
    environment = make()
    environment.reset(seed=3)
    editor = editor_of(environment)
    environment.step(legal(environment, 0))
    state, observation, truth = editor.get_state(), editor.observation(), editor.truth()
    actions = [1, 0, 1, 1, 0]

    def go_on(there: gymnasium.Env[Any, Any]) -> list[Any]:
        outcomes = []
        for action in actions:
            outcomes.append(there.step(legal(there, action)))
            if outcomes[-1][2] or outcomes[-1][3]:
                break
        return outcomes

    first = go_on(environment)
    elsewhere = make()
    elsewhere.reset(seed=77)
    for place in (environment, elsewhere):
        assert_same(editor_of(place).set_state(state), observation)
        assert_same(editor_of(place).truth(), truth)
        assert_same(editor_of(place).get_state(), state)
        for one, other in zip(first, go_on(place), strict=True):
            for left, right in zip(one, other, strict=True):
                assert_same(left, right)


def check_masks(make: Make) -> None:
    """Where not all actions are legal, both ways of asking agree, and an illegal one is refused and changes nothing."""
    environment = make()
    if not environment.has_wrapper_attr("action_masks"):
        return
    environment.reset(seed=2)
    refused = 0
    for number in range(40):
        mask = environment.get_wrapper_attr("action_masks")()
        assert mask.dtype == np.bool_
        for action in np.flatnonzero(~mask):
            state = editor_of(environment).get_state()
            with pytest.raises(ValueError, match="is not legal here; legal are"):
                environment.step(int(action))
            assert_same(editor_of(environment).get_state(), state)
            refused += 1
        _, _, terminated, truncated, info = environment.step(legal(environment, number * number))
        np.testing.assert_array_equal(info["action_mask"], environment.get_wrapper_attr("action_masks")())
        assert info["action_mask"].dtype == np.int8
        assert info["action_mask"].any() != (terminated or truncated)
        if terminated or truncated:
            environment.reset()
    assert refused


def check_truth_of_now(make: Make) -> None:
    """What reset and step say about the state is what the editor says about it."""
    environment = make()
    observation, info = environment.reset(seed=9)
    editor = editor_of(environment)
    for action in (0, 1, 0):
        assert_same(editor.truth(), info["truth"])
        assert_same(editor.observation(), observation)
        observation, _, terminated, truncated, info = environment.step(legal(environment, action))
        if terminated or truncated:
            break


def editor_of(environment: gymnasium.Env[Any, Any]) -> StateEditor:
    editor = find_state_editor(environment)
    assert editor is not None
    return editor
