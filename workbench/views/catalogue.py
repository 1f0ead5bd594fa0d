"""The agents that the recording form offers; whoever starts the dashboard hands them over."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AgentChoice:
    """An agent that can be recorded with one click."""

    title: str
    policy: str
    """`KIND:PATH` or `module:factory`."""
    environment: str
    note: str = ""
    """One sentence on what it is."""
    wrappers: Sequence[str] = field(default=())
    environment_options: dict[str, object] = field(default_factory=dict)
