"""What a labeller is: a row of the table of known environments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Read: TypeAlias = Callable[[Any], Mapping[str, Any]]
"""From the innermost environment (`env.unwrapped`) to each label's value now: numbers, or arrays of fixed shape."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """One thing that a labeller says of every step."""

    name: str
    """Its column is `truth/<name>`."""
    words: str
    """What it is, with its unit, for people: `pole angle (rad)`."""


@dataclass(frozen=True, kw_only=True)
class Labeller:
    """What is known to be true in environments of some name, and how it is read off them."""

    name: str
    """For people, and kept in the recording: `CartPole`, `AtariARI Pong`."""
    patterns: tuple[str, ...]
    """Shell patterns of gymnasium's names without their module: `CartPole-v*`."""
    labels: tuple[Label, ...]
    read: Read
    """Gives exactly these labels, at every step; it changes nothing in the environment."""
