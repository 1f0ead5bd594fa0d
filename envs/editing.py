"""State editing: the interface by which a method asks "what would the agent do, were this different?".

An environment that can be edited has the six methods of `StateEditor`; nothing needs to be inherited, so that a
reader elsewhere may recognise one by its methods alone. `find_state_editor` looks below the wrappers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One kind of edit that an environment offers."""

    name: str
    """What `StateEditor.edit` calls it, for instance `move_cheese`."""
    parameters: Mapping[str, type]
    """Name and type of each argument, in order."""
    description: str
    """One sentence for people."""


@runtime_checkable
class StateEditor(Protocol):
    """An environment whose state can be read, put back and edited in the middle of an episode.

    Observations given by these methods are those of the environment itself: what wrappers do to an observation is
    not done to them.
    """

    def edits(self) -> tuple[Edit, ...]:
        """List the edits on offer."""

    def edit(self, name: str, **arguments: Any) -> Any:
        """Carry out one edit and return the observation after it.

        Raises:
            ValueError: There is no such edit, or it is impossible in the present state; nothing has changed then.
        """

    def get_state(self) -> dict[str, Any]:
        """Give a copy of the whole state of the running episode: numbers and arrays by name."""

    def set_state(self, state: Mapping[str, Any]) -> Any:
        """Put a state from `get_state` back and return its observation.

        Raises:
            ValueError: The state is not one that this environment could be in; nothing has changed then.
        """

    def observation(self) -> Any:
        """Give the observation of the present state; no time passes."""

    def truth(self) -> dict[str, Any]:
        """Give what `info["truth"]` says about the present state; no time passes."""


def find_state_editor(environment: gymnasium.Env[Any, Any]) -> StateEditor | None:
    """Return the editor of an environment, looking below its wrappers; None where there is none."""
    layer: gymnasium.Env[Any, Any] | None = environment
    while layer is not None:
        if not isinstance(layer, gymnasium.Wrapper):
            return layer if isinstance(layer, StateEditor) else None
        layer = layer.env
    return None


def carry_out(editor: StateEditor, name: str, arguments: Mapping[str, Any]) -> Any:
    """Call the method of `editor` that the edit `name` stands for, after checking name and arguments.

    Raises:
        ValueError: There is no such edit, or its arguments are not the ones it takes.
    """
    offered = {edit.name: edit for edit in editor.edits()}
    if name not in offered:
        raise ValueError(f"no edit is called {name!r}; there are: {', '.join(offered)}")
    expected = tuple(offered[name].parameters)
    if set(arguments) != set(expected):
        raise ValueError(f"the edit {name!r} takes {', '.join(expected)}; got {', '.join(arguments) or 'nothing'}")
    return getattr(editor, name)(**arguments)
