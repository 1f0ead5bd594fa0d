"""An environment's spaces without the environment: all that most agents need of it to be built."""

from typing import TYPE_CHECKING, Any

import gymnasium

from workbench.errors import WorkbenchError
from workbench.recording.space_descriptions import is_whole, read_space

if TYPE_CHECKING:
    from workbench.recording.environment_wrappers import Environment
    from workbench.recording.reader import Recording


class SpacesOnly(gymnasium.Env[Any, Any]):
    """Has the spaces that a recording describes, and cannot be stepped."""

    def __init__(self, described: dict[str, Any]) -> None:
        """Read the spaces.

        Args:
            described: What the recording says of its environment.
        """
        self.observation_space = read_space(described["observation_space"])
        self.action_space = read_space(described["action_space"])


def environment_or_spaces(recording: "Recording") -> "Environment":
    """The recorded environment; where it cannot be made, its recorded spaces, for an agent that needs no more.

    Raises:
        WorkbenchError: It cannot be made, and the recording does not describe its spaces in full.
    """
    try:
        return recording.make_environment()
    except WorkbenchError:
        described = recording.attributes.get("environment") or {}
        if not all(is_whole(described.get(space)) for space in ("observation_space", "action_space")):
            raise
        return SpacesOnly(described)
