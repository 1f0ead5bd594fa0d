from types import SimpleNamespace

import numpy as np
import pytest

from workbench.analyses.opening import opening_episode


class Recorded:
    """What the choice reads of a recording, made up of episodes (rewards, values, how it ended)."""

    def __init__(self, *episodes, value=True, normalised=False, discount=1.0):
        lengths = [len(rewards) for rewards, _, _ in episodes]
        first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.episodes = {
            "return": np.array([np.sum(rewards) for rewards, _, _ in episodes]),
            "length": np.array(lengths, np.int32),
            "first_step": first,
            "complete": np.array([end != "cut" for _, _, end in episodes]),
            "truncated": np.array([end == "truncated" for _, _, end in episodes]),
            "terminated": np.array([end == "terminated" for _, _, end in episodes]),
        }
        self.steps = {"reward": np.concatenate([np.asarray(r, float) for r, _, _ in episodes])}
        if value:
            self.steps["value"] = np.concatenate([np.asarray(v, np.float32) for _, v, _ in episodes])
        self.attributes = {"policy": {"settings": {"gamma": discount}}}
        self._normalised = normalised

    def episode(self, number):
        start, length = self.episodes["first_step"][number], self.episodes["length"][number]
        return SimpleNamespace(rows=np.arange(start, start + length))

    def agent_arrays(self):
        return ["normalisation/mean"] if self._normalised else []


def constant(steps, reward, value, end):
    return np.full(steps, reward), np.full(steps, value), end


def test_it_opens_on_the_outcome_that_was_least_expected():
    recording = Recorded(
        constant(2, 0.5, 0.9, "terminated"), constant(3, 0.0, 0.8, "terminated"), constant(2, 0.5, 1.1, "terminated")
    )
    opened = opening_episode(recording)
    assert opened.number == 1
    assert opened.reason == (
        "the least expected outcome of 3 complete episodes (the critic expected a discounted return of 0.8; 0 came)"
    )


def test_better_than_expected_is_a_surprise_too():
    recording = Recorded(constant(1, 1.0, 0.9, "terminated"), constant(1, 9.0, 2.0, "terminated"))
    assert opening_episode(recording).number == 1


def test_what_was_cut_off_counts_with_the_last_value():
    recording = Recorded(constant(5, 0.0, 0.8, "truncated"), constant(5, 0.0, 0.3, "terminated"), discount=1.0)
    assert opening_episode(recording).number == 1
    discounted = opening_episode(
        Recorded(constant(3, 1.0, 8.0, "truncated"), constant(1, 0.0, 0.1, "terminated"), discount=0.5)
    )
    assert (
        "expected a discounted return of 8; 3.5 came, with the critic's last value added" in discounted.reason
    )  # 1 + 0.5 · 1 + 0.25 · 8


def test_the_discount_is_the_agents_own():
    recording = Recorded(constant(3, 1.0, 1.75, "terminated"), constant(1, 1.0, 1.2, "terminated"), discount=0.5)
    assert opening_episode(recording).number == 1  # 1 + 0.5 + 0.25 was expected of the first


@pytest.mark.parametrize("missing", [{"value": False}, {"normalised": True}])
def test_without_an_expectation_it_opens_on_the_most_usual_return(missing):
    recording = Recorded(
        *(constant(steps, reward, 5.0, "terminated") for steps, reward in [(1, 9.0), (2, 1.5), (7, 3 / 7), (1, -4.0)]),
        **missing,
    )
    opened = opening_episode(recording)
    assert opened.number == 1  # returns 9, 3, 3, −4, median 3; lengths 1, 2, 7, 1, median 1.5
    assert "nearest to the median of 4" in opened.reason


def test_episodes_that_were_cut_off_are_compared_only_where_there_are_no_others():
    cut = constant(9, 0.0, 50.0, "cut")
    assert opening_episode(Recorded(cut, constant(2, 1.0, 1.0, "terminated"))).number == 1
    assert opening_episode(Recorded(constant(2, 0.0, 1.0, "cut"), cut)).number == 1


def test_values_that_are_not_finite_are_no_surprise():
    recording = Recorded(constant(2, 1.0, np.nan, "terminated"), constant(2, 1.0, 1.0, "terminated"))
    assert opening_episode(recording).number == 1
    assert opening_episode(Recorded(*(constant(2, 1.0, np.nan, "terminated") for _ in range(3)))).number == 0
