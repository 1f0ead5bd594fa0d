"""Back to where a recorded search began and to any of its nodes: the environment in that state, from the recording.

The episode is done again up to the step, with its seed and its actions, and compared with what was recorded; from there
the search's own actions lead on.
"""

import contextlib
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.environment_wrappers import Environment
from workbench.recording.replay import replay

if TYPE_CHECKING:
    from workbench.recording.reader import Recording
    from workbench.search.environments.revisiting import Visit
    from workbench.search.trace import SearchTrace


class SearchedStep:
    """A recorded search in an environment, with the environment where it began.

    Args:
        recording: Whose searches are of environments.
        row: Row of `recording.steps`.
        environment: The environment to use, which is reset; None makes the recorded one by name.
        render: Make it give pictures.

    Raises:
        WorkbenchError: Nothing was searched there, or a game was, whose positions follow from its rules; the
            environment cannot be made; done again, the episode is not what was recorded; its state cannot be saved.
    """

    def __init__(
        self, recording: "Recording", row: int, environment: Environment | None = None, *, render: bool = False
    ) -> None:
        from workbench.search.environments import EpisodeLog, open_snapshots

        trace = recording.search_trace(row)
        if trace is None:
            raise WorkbenchError(f"Nothing was searched at step {row} of {recording.path}.")
        if trace.facts.get("kind") != "environment":
            raise WorkbenchError(
                f"The search of step {row} is of the game {trace.game}, whose positions follow from its rules: "
                f"workbench.search.positions.positions_of."
            )
        self.trace: SearchTrace = trace
        self._own = environment is None
        made = environment if environment is not None else recording.make_environment(render=render)
        self.environment: Environment = EpisodeLog(made)
        try:
            again = replay(recording, row, self.environment)
            if not again.exact:
                raise WorkbenchError(
                    f"The nodes of this search cannot be visited: done again with its seed and its actions, the "
                    f"episode comes to something else at step {row} than was recorded (largest difference "
                    f"{again.largest_difference:.3g})."
                )
            self.observation = again.observation
            """What was seen at the root."""
            self._snapshots = open_snapshots(self.environment)
        except BaseException:
            self.close()
            raise

    def look_at(self, nodes: Sequence[int], *, seed: int = 0) -> "Generator[tuple[int, Visit | str], None, None]":
        """Go to nodes of the search.

        Args:
            nodes: Which; of many, those below one another are best asked for together.
            seed: Of what is drawn on the way, where an outcome was chance.

        Yields:
            Each node with its visit, good until the next one; or why it cannot be visited, in a sentence. A visit's
            observation is None at the root.

        Raises:
            WorkbenchError: There is no such node.
        """
        from workbench.search.environments.revisiting import look_at

        return look_at(self.trace, self.environment, nodes, snapshots=self._snapshots, seed=seed)

    def frames(
        self, nodes: Sequence[int], *, seed: int = 0
    ) -> "Generator[tuple[int, npt.NDArray[np.uint8] | str], None, None]":
        """Pictures at nodes, `[height, width, 3]`; or why there is none, in a sentence.

        Raises:
            WorkbenchError: There is no such node; the environment gives no pictures (make it with `render=True`).
        """
        if self.environment.render_mode != "rgb_array":
            raise WorkbenchError(
                f"The environment gives no pictures: it has the render mode {self.environment.render_mode!r}, and not "
                f'"rgb_array".'
            )
        with contextlib.closing(self.look_at(nodes, seed=seed)) as visits:
            for node, visit in visits:
                yield node, visit if isinstance(visit, str) else _picture(visit.environment)

    def close(self) -> None:
        """Close the environment, if it was made here."""
        if self._own:
            self.environment.close()


def _picture(environment: Any) -> "npt.NDArray[np.uint8] | str":
    try:
        picture = np.array(environment.render())
    except Exception as error:
        return f"The environment cannot be drawn here ({type(error).__name__}: {' '.join(str(error).split())[:160]})."
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        return f"What the environment draws is no picture in colours: {picture.dtype} {list(picture.shape)}."
    return picture
