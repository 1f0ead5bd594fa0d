"""Back to where a recorded search began and to any of its nodes: the environment in that state, from the recording.

The episode is done again up to the step, with its seed and its actions, and compared with what was recorded; from there
the search's own actions lead on.
"""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.environment_wrappers import Environment
from workbench.recording.replay import replay

if TYPE_CHECKING:
    from workbench.recording.reader import Recording
    from workbench.search.environments import KeptNodes
    from workbench.search.environments.revisiting import Visit
    from workbench.search.trace import SearchTrace


class Frame(NamedTuple):
    """The picture of a node."""

    pixels: npt.NDArray[np.uint8]
    """`[height, width, 3]`"""
    exact: bool
    """Whether it is the very state of the search; else one that looks the same to the agent."""


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
        self.recording, self.row = recording, row
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
            self._kept: KeptNodes | None = None
            self._searched_again = False
        except BaseException:
            self.close()
            raise

    def look_at(self, nodes: Sequence[int], *, seed: int = 0) -> "Generator[tuple[int, Visit | str], None, None]":
        """Go to nodes of the search.

        Where chance is in the way, the search is made again by what the trace says, so that it meets the same chance.
        If that comes to another search, outcomes are drawn until they are the node's, and the visit is not `exact`.

        Args:
            nodes: Which; of many, those below one another are best asked for together.
            seed: Of what is drawn on the way.

        Yields:
            Each node with its visit, good until the next one; or why it cannot be visited, in a sentence. Those behind
            an outcome of chance come last.

        Raises:
            WorkbenchError: There is no such node.
        """
        from workbench.search.environments.rerunning import search_again
        from workbench.search.environments.revisiting import look_at

        behind = []
        with contextlib.closing(self._look_at(look_at, nodes, certain_only=True)) as visits:
            for node, visit in visits:
                if isinstance(visit, str):
                    behind.append(node)
                else:
                    yield node, visit if node else replace(visit, observation=self.observation)
        if not behind:
            return
        if not self._searched_again:
            self._kept = search_again(self.trace, self.environment, self._snapshots)
            self._searched_again = True
        with contextlib.closing(self._look_at(look_at, behind, kept=self._kept, seed=seed)) as visits:
            yield from visits

    def _look_at(self, look_at: Any, nodes: Sequence[int], **options: Any) -> Any:
        return look_at(self.trace, self.environment, nodes, snapshots=self._snapshots, **options)

    def frames(self, nodes: Sequence[int], *, seed: int = 0) -> "Generator[tuple[int, Frame | str], None, None]":
        """Pictures at nodes; or why there is none, in a sentence. Nodes, order and `seed` as for `look_at`.

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
                yield node, visit if isinstance(visit, str) else _picture(visit)

    def close(self) -> None:
        """Close the environment, if it was made here."""
        if self._own:
            self.environment.close()


def _picture(visit: "Visit") -> Frame | str:
    try:
        picture = np.array(visit.environment.render())
    except Exception as error:
        return f"The environment cannot be drawn here ({type(error).__name__}: {' '.join(str(error).split())[:160]})."
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        return f"What the environment draws is no picture in colours: {picture.dtype} {list(picture.shape)}."
    return Frame(picture, visit.exact)
