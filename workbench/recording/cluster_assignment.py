"""What is told to every worker that records a part of a recording, and how episodes are cut into parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.recording.environment_wrappers import Environment
from workbench.recording.environments import EnvironmentSpecification

FEWEST_PARTS = 64
"""A part has one episode a slot while that makes no more parts than this."""
MOST_EPISODES_A_SLOT = 32


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What all parts of a recording have in common; the arguments of `workbench.record`."""

    policy: Any
    """A name, or a live policy that pickles; None where the recording keeps the file that makes it."""
    env: str | Callable[[], Environment] | Environment
    """A name, or a function that makes one; an environment itself cannot be on several workers."""
    out: str
    seed: int
    deterministic: bool
    layers: tuple[str, ...] | None
    slots: int
    frames: bool
    env_kwargs: Mapping[str, Any]
    wrappers: tuple[str, ...]
    vec_normalize: str | None
    trust_pickle: bool
    device: str
    activation_dtype: str | None
    labels: bool = True
    fingerprint: str | None = None
    """Of the policy that is meant: a worker that finds another one records nothing."""
    stop: str = ""
    """Name of the event that says that no more is wanted."""

    @property
    def specification(self) -> EnvironmentSpecification:
        """How the environment is made by name."""
        named = self.env if isinstance(self.env, str) else None
        return EnvironmentSpecification(id=named, kwargs=dict(self.env_kwargs), wrappers=self.wrappers)


@dataclass(frozen=True, kw_only=True)
class Part:
    """The episodes of one part."""

    number: int
    first_episode: int
    episodes: int


def cut(episodes: int, slots: int) -> list[Part]:
    """The parts of a recording; they depend on nothing but these two, so that the same parts make the same recording.

    A network's output depends in its last bits on which rows are computed together. So the episodes of a part are
    always acted together, by as many environments side by side, whoever records them.

    Args:
        episodes: How many there are, at least 1.
        slots: How many environments are stepped side by side.
    """
    size = slots * min(MOST_EPISODES_A_SLOT, max(1, episodes // (slots * FEWEST_PARTS)))
    starts = range(0, episodes, size)
    return [
        Part(number=number, first_episode=start, episodes=min(size, episodes - start))
        for number, start in enumerate(starts)
    ]
