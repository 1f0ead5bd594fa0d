"""Monte Carlo tree search (UCT, PUCT, Gumbel) in the present state of any gymnasium environment with discrete actions.

Selection takes the action, the environment draws the outcome: an edge whose steps draw random numbers leads to as many
nodes as there were different outcomes, told apart by observation, reward and end. Statistics are the edge's.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.search.environments.branches import Branches, KeptNodes
from workbench.search.environments.guiding import Guide, guide_of
from workbench.search.environments.played import PlayedEpisode, find_log
from workbench.search.environments.rollouts import Rollout
from workbench.search.environments.snapshots import CHECKED, Snapshots, check_searchable, open_snapshots
from workbench.search.environments.stack import name_of
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace

_DEFAULTS: dict[str, Any] = {
    "rule": "puct",
    "simulations": 200,
    "value_scale": "tree",
    "discount": 0.99,
    "prove": False,
}


def environment_settings(**changes: Any) -> SearchSettings:
    """Settings for environments: rewards instead of won and lost, so that nothing is proven and Q is rescaled.

    Args:
        changes: What shall be otherwise than PUCT, 200 simulations, discount 0.99 and Q rescaled over the tree.
    """
    return SearchSettings(**(_DEFAULTS | changes))


def search_environment(
    env: gymnasium.Env[Any, Any],
    guide: Any = None,
    settings: SearchSettings | None = None,
    *,
    seed: int,
    observation: Any = None,
    rollout: Rollout | None = None,
    widening: float | None = 0.5,
    snapshots: Snapshots | None = None,
    episode: PlayedEpisode | None = None,
    memory: Any = None,
    legal: npt.NDArray[np.bool_] | None = None,
    kept: KeptNodes | None = None,
    progress: Progress | None = None,
) -> SearchTrace:
    """Search from the state that an environment is in; afterwards it is where it was, its generators too.

    What is planned over is the distribution of what may happen, not what will: while it is searched the environment
    draws from streams of `seed`. A step limit that is reached in the tree ends a branch there, with the policy's value
    of that state, or 0 where there is none. The trace counts actions from 0; the environment's own number of an action
    is that plus `facts["first_action"]`, which is 0 almost everywhere.

    Args:
        env: In the middle of an episode.
        guide: What says priors and values: a `Policy`, a `GuidingPolicy` made of one before, a function from
            observations `[B, ...]` to `(logits [B, A], values [B])`; None: uniform priors and random rollouts.
        settings: How to search; None: `environment_settings()`, by UCT where there is no guide.
        seed: Of all that is drawn.
        observation: The present one; needed with a guide, unless an `EpisodeLog` is around the environment.
        rollout: Values come from random play instead of the guide.
        widening: α of progressive widening (Couëtoux et al. 2011): an edge of N visits has at most ⌈N^α⌉ different
            outcomes; when another is drawn, one of those takes its place, as likely as it was met before. Without it a
            continuous outcome is never met twice, and the tree never becomes deep. None: no bound.
        snapshots: How states are saved, from `open_snapshots`; None: found and checked now. Several searches in one
            environment need it only once.
        episode: What has been played, for environments that can only be played again.
        memory: Recurrent state of the policy before this observation, each tensor `[1, ...]`; None: an episode's start.
        legal: `[A]`, what may be done now, where neither the environment's `action_masks` nor its table says so.
        kept: Is given a snapshot of each node that has one, for a viewer that goes on while the environment waits.
        progress: Told how many simulations came back; one that raises `Cancelled` ends the search with that error.

    Returns:
        A trace as of games: one player, rewards at the nodes, values in float64. `position` holds 64 bits that tell
        each node's observation, as `environment_at` needs them.

    Raises:
        WorkbenchError: The actions are not discrete; there is no episode, or it is over; the state cannot be saved and
            restored exactly (each way is named, and what diverged); settings or guide do not fit.
    """
    check_searchable(env)
    space: Any = env.action_space
    actions = int(space.n)
    chosen = settings or environment_settings(**({"rule": "uct", "exploration": 1.0} if guide is None else {}))
    if chosen.prove:
        raise WorkbenchError(
            "Outcomes of an environment are returns, not won and lost, and nothing can be proven of them: search with "
            "environment_settings(…), or prove=False."
        )
    if widening is not None and not 0 < widening <= 1:
        raise WorkbenchError(f"widening is an exponent above 0, at most 1, or None; got {widening}.")
    if seed < 0:
        raise WorkbenchError(f"The seed of a search must be 0 or more; got {seed}.")
    asked = guide_of(guide, actions)
    if guide is None and rollout is None:
        rollout = Rollout()
    log = find_log(env)
    if observation is None and log is not None and log.played is not None:
        observation = log.played.observation
    if observation is None and guide is not None:
        raise WorkbenchError(
            f"{asked.name} needs the present observation of {name_of(env)}: pass observation=…, or put EpisodeLog "
            f"around the environment."
        )
    if snapshots is not None and snapshots.env is not env:
        raise WorkbenchError("These snapshots are of another environment than the one to be searched; open its own.")
    opened = snapshots or open_snapshots(env, episode=episode, seed=seed)
    with opened.session(seed, episode=episode) as session, asked.attentive():
        branches = Branches(
            session=session,
            space=space,
            guide=asked,
            settings=chosen,
            rollout=rollout,
            widening=widening,
            seed=seed,
            always_chance=opened.always_chance,
            hidden=opened.way.name in ("adapter", "copy"),
            keep=kept is not None,
        )
        branches.plant(observation, memory, legal)
        branches.run(progress or SilentProgress())
        if kept is not None:
            kept.take(opened, branches.snapshots, branches.observations)
    return _trace(env, opened, asked, chosen, rollout, widening, seed, branches)


def _trace(
    env: gymnasium.Env[Any, Any],
    opened: Snapshots,
    guide: Guide,
    settings: SearchSettings,
    rollout: Rollout | None,
    widening: float | None,
    seed: int,
    branches: Branches,
) -> SearchTrace:
    return SearchTrace(
        game=name_of(env),
        settings=settings,
        seed=seed,
        fingerprint=guide.fingerprint,
        facts={
            "kind": "environment",
            "snapshots": opened.way.words,
            "checked": CHECKED,
            "refused": [f"{name}: {reason}" for name, reason in opened.refused],
            "chance": branches.chance_in_words(),
            "priors": guide.words,
            "values": "the same" if rollout is None else f"random rollouts of at most {rollout.depth} steps",
            "limit": "a step limit ends a branch, "
            + ("with the guide's value of the state" if branches.has_values else "with the value 0"),
            "rollout": None if rollout is None else rollout.depth,
            "widening": widening,
            "first_action": int(env.action_space.start),  # type: ignore[attr-defined]
            "observation_space": str(env.observation_space),
            "position": "64 bits of each observation: whole numbers themselves, else BLAKE2b",
        },
        **branches.arrays(),
    )


def environment_actions(trace: SearchTrace, actions: Sequence[int]) -> list[int]:
    """Actions of a trace as the environment numbers them."""
    return [int(action) + int(trace.facts.get("first_action", 0)) for action in actions]
