"""Back to a node of a search: the environment in that state, to look at it and to draw it.

The environment itself is put back afterwards. Where the outcome of an action was chance, it is drawn again until it is
the node's.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.environments.branches import KeptNodes
from workbench.search.environments.outcomes import digest, frozen
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
    """What was seen there; None at the root and where a kept snapshot led there."""
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
            yield Visit(environment=session.stepper.show(), observation=None, draws=0, exact=True)
        return
    opened = snapshots or open_snapshots(env, episode=episode, seed=seed)
    with opened.session(seed, episode=episode, watch=False) as session:
        observation, draws, certain = None, 0, not opened.always_chance
        for place in trace.path(node)[1:]:
            observation, more, sure = _step_to(trace, env, session, place)
            draws, certain = draws + more, certain and sure
        yield Visit(environment=session.stepper.show(), observation=observation, draws=draws, exact=certain)


def _step_to(trace: SearchTrace, env: gymnasium.Env[Any, Any], session: Session, node: int) -> tuple[Any, int, bool]:
    """Take the action that leads to a node until it leads there."""
    assert trace.reward is not None
    stepper = session.stepper
    here = stepper.save()
    space: Any = env.action_space
    action = int(trace.action[node]) + int(space.start)
    told = trace.position is not None and trace.position.shape[1] == 1
    for draw in range(DRAWS):
        stepper.restore(here)
        stepper.mark()
        observation, reward, terminated, truncated, _ = stepper.step(action)
        sure = not stepper.drew()
        same = float(reward) == float(trace.reward[node]) and bool(terminated or truncated) == bool(
            trace.terminal[node]
        )
        if not (sure or told):
            raise WorkbenchError(
                f"What came of an action on the way to node {node} was chance, and this trace does not hold what its "
                f"nodes looked like, as a recorded one does not: search again from the same state to look at it."
            )
        if same and told:
            assert trace.position is not None
            same = digest(frozen(observation)) == int(trace.position[node, 0])
        if same:
            return observation, draw, sure
        if sure:
            raise WorkbenchError(
                f"{name_of(env)} does not come to node {node} of this search by its actions: bring it into the state "
                f"that was searched."
            )
    raise WorkbenchError(
        f"Node {node} is an outcome of chance that did not come again in {DRAWS} draws; search with kept=KeptNodes(), "
        f"to be able to look at all nodes, or look at one above it."
    )


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
