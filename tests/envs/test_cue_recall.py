from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.cue_recall import CueRecall


@given(seed=st.integers(0, 2**31), cue_steps=st.integers(1, 3), cues=st.tuples(st.integers(0, 3), st.integers(0, 3)))
@settings(max_examples=50, deadline=None)
def test_nothing_after_the_cue_depends_on_it(seed: int, cue_steps: int, cues: tuple[int, int]) -> None:
    """Two episodes that differ in the cue alone look the same from the cue's end on: memory is the only way."""
    environments = [CueRecall(cue_steps=cue_steps) for _ in cues]
    observations = [
        environment.reset(seed=seed, options={"cue": cue})[0]
        for environment, cue in zip(environments, cues, strict=True)
    ]
    for elapsed in range(100):
        if elapsed < cue_steps:
            assert [int(observation[:4].argmax()) for observation in observations] == list(cues)
        else:
            np.testing.assert_array_equal(observations[0], observations[1])
        outcomes = [environment.step(0) for environment in environments]
        observations = [outcome[0] for outcome in outcomes]
        assert [outcome[4]["truth"]["cue"] for outcome in outcomes] == list(cues)
        if outcomes[0][2]:
            assert [outcome[1] for outcome in outcomes] == [float(cue == 0) for cue in cues]
            return


def test_the_cue_says_nothing_about_the_distractors() -> None:
    """Over many episodes the symbol at the choice is the cue as often as chance has it."""
    environment = CueRecall()
    hits = []
    for seed in range(2_000):
        environment.reset(seed=seed)
        while True:
            _, _, terminated, _, info = environment.step(0)
            if terminated:
                break
            truth = info["truth"]
        hits.append(truth["symbol"] == truth["cue"])
    assert abs(np.mean(hits) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / len(hits))


def test_phases_and_reward() -> None:
    environment = CueRecall(symbols=3, cue_steps=2, delay=3)
    observation, info = environment.reset(seed=0)
    phases, until, marks = [], [], []
    while True:
        truth = info["truth"]
        phases.append(truth["phase"])
        until.append(truth["steps_until_choice"])
        marks.append(tuple(observation[-2:]))
        action = max(truth["optimal_action"], 0)
        observation, reward, terminated, truncated, info = environment.step(action)
        if terminated:
            break
    assert phases == [0, 0, 1, 1, 1, 2]
    assert until == [5, 4, 3, 2, 1, 0]
    assert marks == [(1, 0), (1, 0), (0, 0), (0, 0), (0, 0), (0, 1)]
    assert (reward, truncated) == (1.0, False)
    assert info["truth"]["symbol"] == -1
    assert not observation.any()


def test_edits_change_the_cue_and_the_distractor() -> None:
    environment = CueRecall()
    observation, _ = environment.reset(seed=1, options={"cue": 0})
    assert environment.set_cue(2)[2] == 1.0
    with pytest.raises(ValueError, match="the cue is being shown"):
        environment.set_symbol(1)
    observation = environment.step(0)[0]
    np.testing.assert_array_equal(environment.edit("set_cue", cue=3), observation)  # hidden from the agent by now
    assert environment.truth()["cue"] == 3
    assert environment.set_symbol(1)[1] == 1.0
    assert environment.truth()["symbol"] == 1
    with pytest.raises(ValueError, match="a symbol is 0 to 3; got 4"):
        environment.set_cue(4)


@pytest.mark.parametrize("options", [{"symbols": 1}, {"cue_steps": 0}, {"delay": -1}, {"delay": (3, 2)}])
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected symbols >= 2"):
        CueRecall(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cue": 9}, "a symbol is 0 to 3"),
        ({"elapsed": 99}, "elapsed must be 0 to"),
        ({"shown": np.array([7, 7])}, "shown must be more than 1 symbols"),
        ({"colour": 1}, "a state has the entries"),
    ],
)
def test_states_that_cannot_be(change: dict[str, Any], message: str) -> None:
    environment = CueRecall()
    environment.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        environment.set_state({**environment.get_state(), **change})
