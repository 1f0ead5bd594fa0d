"""Back to a node of a search: the environment in that state, to look at it and to draw it.

The environment itself is put back afterwards. Where the outcome of an action was chance, it is drawn again until it is
the node's.
"""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.environments.adapters import find_adapter
from workbench.search.environments.branches import KeptNodes
from workbench.search.environments.outcomes import digest, frozen, own_copy
from workbench.search.environments.played import PlayedEpisode
from workbench.search.environments.snapshots import Session, Snapshots, open_snapshots
from workbench.search.environments.stack import name_of
from workbench.search.trace import SearchTrace

DRAWS = 500
"""How often an outcome of chance is drawn until it is given up."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """An environment in the state of a node."""

    environment: Any
    """It, without wrappers that only look on. To be read and rendered; good until the visit ends."""
    observation: Any
    """What was seen there; None at the root, unless its search kept it."""
    draws: int
    """How often an outcome had to be drawn anew until it was the node's; 0: chance was not in the way."""
    exact: bool
    """Whether this is the very state of the search. Where chance was met on the way it is one with the same
    observations and rewards, whose hidden part may be another."""


@contextlib.contextmanager
def environment_at(
    trace: SearchTrace,
    env: gymnasium.Env[Any, Any],
    node: int,
    *,
    snapshots: Snapshots | None = None,
    episode: PlayedEpisode | None = None,
    kept: KeptNodes | None = None,
    seed: int = 0,
) -> Iterator[Visit]:
    """Bring an environment to a node of a search, for as long as it is looked at.

    Args:
        trace: From `search_environment`.
        env: In the state that was searched.
        node: Which, 0 to N − 1.
        snapshots: How states are saved, from `open_snapshots`; None: found now.
        episode: What has been played, for environments that can only be played again.
        kept: What that search kept: its snapshot is taken instead of playing the actions.
        seed: Of what is drawn on the way.

    Raises:
        WorkbenchError: There is no such node; the environment is not in the state that was searched; an outcome of
            chance did not come again.
    """
    if not 0 <= node < trace.nodes:
        raise WorkbenchError(f"The search has nodes 0 to {trace.nodes - 1}; asked was for {node}.")
    if kept is not None and node in kept.snapshots and kept.opened is not None:
        with kept.opened.session(seed, episode=episode, watch=False) as session:
            session.stepper.restore(kept.snapshots[node])
            seen = kept.observations.get(node)
            yield Visit(environment=session.stepper.show(), observation=seen, draws=0, exact=True)
        return
    opened = snapshots or open_snapshots(env, episode=episode, seed=seed)
    with opened.session(seed, episode=episode, watch=False) as session:
        yield _Walk(trace, env, opened, session).go(node)


class _Walk:
    """Goes from node to node of a search, each time from the nearest one above that it has been to."""

    def __init__(
        self,
        trace: SearchTrace,
        env: gymnasium.Env[Any, Any],
        opened: Snapshots,
        session: Session,
        *,
        certain_only: bool = False,
    ) -> None:
        self._certain_only = certain_only
        self._trace, self._env, self._stepper = trace, env, session.stepper
        adapter = find_adapter(self._stepper.stack.bare) if opened.way.name in ("adapter", "copy") else None
        self._redraw = adapter.redraw if adapter is not None else None
        self._always_chance = opened.always_chance
        # By node: snapshot, observation, draws on the way, whether nothing was chance.
        self._been: dict[int, tuple[Any, Any, int, bool]] = {0: (self._stepper.save(), None, 0, True)}

    def go(self, node: int) -> Visit:
        """The environment at a node; good until the next one is gone to.

        Raises:
            WorkbenchError: As for `environment_at`.
        """
        place = node
        while place not in self._been:
            place = int(self._trace.parent[place])
        self._stepper.restore(self._been[place][0])
        for below in self._trace.path(node)[len(self._trace.path(place)) :]:
            self._step_to(below)
        _, observation, draws, certain = self._been[node]
        return Visit(environment=self._stepper.show(), observation=observation, draws=draws, exact=certain)

    def _step_to(self, node: int) -> None:
        """Take the action that leads to a node until it leads there."""
        trace, stepper = self._trace, self._stepper
        assert trace.reward is not None
        above = int(trace.parent[node])
        here, _, draws, certain = self._been[above]
        space: Any = self._env.action_space
        action = int(trace.action[node]) + int(space.start)
        told = trace.position is not None and trace.position.shape[1] == 1
        hidden = self._redraw if above == 0 else None
        for draw in range(DRAWS):
            stepper.restore(here)
            if hidden is not None:
                hidden(stepper.show().unwrapped)
            stepper.mark()
            observation, reward, terminated, truncated, _ = stepper.step(action)
            sure = not (hidden or self._always_chance or stepper.drew())
            if self._certain_only and not sure:
                raise WorkbenchError(f"What came of an action on the way to node {node} was chance.")
            same = float(reward) == float(trace.reward[node]) and bool(terminated or truncated) == bool(
                trace.terminal[node]
            )
            if not (sure or told):
                raise WorkbenchError(
                    f"What came of an action on the way to node {node} was chance, and this trace does not hold what "
                    f"its nodes looked like: search again from the same state to look at it."
                )
            if same and told:
                assert trace.position is not None
                same = digest(frozen(observation)) == int(trace.position[node, 0])
            if same:
                self._been[node] = stepper.save(), own_copy(observation), draws + draw, certain and sure
                return
            if sure:
                raise WorkbenchError(
                    f"{name_of(self._env)} does not come to node {node} of this search by its actions: bring it into "
                    f"the state that was searched."
                )
        raise WorkbenchError(
            f"Node {node} is an outcome of chance that did not come again in {DRAWS} draws; search with "
            f"kept=KeptNodes(), to be able to look at all nodes, or look at one above it."
        )


def look_at(
    trace: SearchTrace,
    env: gymnasium.Env[Any, Any],
    nodes: Sequence[int],
    *,
    snapshots: Snapshots,
    kept: KeptNodes | None = None,
    certain_only: bool = False,
    seed: int = 0,
) -> Generator[tuple[int, Visit | str], None, None]:
    """Go to several nodes, each from the nearest one above that was gone to before.

    Args:
        trace: From `search_environment`.
        env: In the state that was searched.
        nodes: Which.
        snapshots: How states are saved.
        kept: What that search kept, for the same snapshots.
        certain_only: Draw nothing again: a node behind an outcome of chance cannot be visited.
        seed: Of what is drawn on the way.

    Yields:
        Each node, with its visit, good until the next; or why it cannot be visited, in a sentence.

    Raises:
        WorkbenchError: There is no such node.
    """
    wrong = [node for node in nodes if not 0 <= node < trace.nodes]
    if wrong:
        raise WorkbenchError(f"The search has nodes 0 to {trace.nodes - 1}; asked was for {wrong[0]}.")
    with snapshots.session(seed, watch=False) as session:
        walk = _Walk(trace, env, snapshots, session, certain_only=certain_only)
        for node in nodes:
            if kept is not None and node in kept.snapshots:
                session.stepper.restore(kept.snapshots[node])
                seen = kept.observations.get(node)
                yield node, Visit(environment=session.stepper.show(), observation=seen, draws=0, exact=True)
                continue
            try:
                found: Visit | str = walk.go(node)
            except WorkbenchError as error:
                found = str(error)
            yield node, found


def frame_at(
    trace: SearchTrace,
    env: gymnasium.Env[Any, Any],
    node: int,
    *,
    snapshots: Snapshots | None = None,
    episode: PlayedEpisode | None = None,
    kept: KeptNodes | None = None,
    seed: int = 0,
) -> npt.NDArray[np.uint8]:
    """The environment's picture at a node, `[height, width, 3]` uint8.

    Args:
        trace: As for `environment_at`, and so is the rest.
        env: Made with `render_mode="rgb_array"`.
        node: Which.
        snapshots: How states are saved.
        episode: What has been played.
        kept: What the search kept.
        seed: Of what is drawn on the way.

    Raises:
        WorkbenchError: As for `environment_at`; or the environment gives no pictures.
    """
    if env.render_mode != "rgb_array":
        raise WorkbenchError(
            f'{name_of(env)} gives no pictures: make it with render_mode="rgb_array" (it has {env.render_mode!r}).'
        )
    with environment_at(trace, env, node, snapshots=snapshots, episode=episode, kept=kept, seed=seed) as visit:
        return np.array(visit.environment.render(), np.uint8)
