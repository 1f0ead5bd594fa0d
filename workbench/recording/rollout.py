"""Recording whole episodes: the loop that steps environments side by side while a policy acts."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium

from workbench.errors import WorkbenchError
from workbench.policies.space_checks import check_action_space, check_observation_space
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.cluster_assignment import Assignment
from workbench.recording.environment_wrappers import Environment
from workbench.recording.environments import EnvironmentSpecification
from workbench.recording.loop import Rollout
from workbench.recording.reader import Recording, open_recording
from workbench.recording.recorder import Recorder

if TYPE_CHECKING:
    from workbench.search.settings import SearchSettings

EnvironmentSource = str | Callable[[], Environment] | Environment


def record(
    policy: Policy | str | Any,
    env: EnvironmentSource,
    *,
    out: str | Path,
    episodes: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    deterministic: bool = True,
    layers: Sequence[str] | None = None,
    environments: int = 8,
    frames: bool = False,
    labels: bool = True,
    env_kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[str] = (),
    vec_normalize: str | Path | None = None,
    trust_pickle: bool = False,
    device: str = "cpu",
    activation_dtype: str | None = None,
    search: "SearchSettings | Mapping[str, Any] | None" = None,
    search_temperature: float = 1.0,
    search_rollouts: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    flush_seconds: float = 5.0,
    progress: Progress | None = None,
    client: Any | None = None,
) -> Recording:
    """Let an agent act, and record everything that goes on inside it.

    Episode `k` is reset with seed `seed + k`, whatever the number of environments side by side; what is random in its
    acting draws from a stream with that same seed.

    Args:
        policy: A `Policy`, a live stable-baselines3 algorithm, or its name: `ppo:path/to.zip`, `module:factory`.
        env: An environment's name, a function that makes one, or one environment (then it is stepped alone).
        out: Path or URL of the new recording.
        episodes: How many episodes to record; 10 where neither this nor `steps` is given.
        steps: How many steps to record; the episodes going on then are kept as incomplete.
        seed: Seed of the first episode.
        deterministic: Take the policy's mode (True) or sample from it (False), as the library's `predict` does.
        layers: Module paths or patterns of the layers to record; None means every leaf module.
        environments: How many environments are stepped side by side, at most one an episode.
        frames: Record the environment's picture at every step.
        labels: Record what is true in known environments beside the step (`workbench.recording.labellers`).
        env_kwargs: Options for making the environment by name.
        wrappers: What to put around it, innermost first: names of `workbench.recording.environments.WRAPPERS`.
        vec_normalize: Statistics that normalise the observations: a file that VecNormalize saved.
        trust_pickle: Let the agent's file run its code while loading. Only for files that you made yourself.
        device: Where the network runs, `cpu` or `cuda`.
        activation_dtype: `float16` halves the size of the activations and loses precision.
        search: Let the policy search before it acts, from where the environment is: its network tells the search priors
            and values, and every search is recorded beside its step (`workbench.search.policy`). Only what shall be
            otherwise than usual, `{"simulations": 50}`, makes of it the settings that suit a game, or
            `environment_settings` where the environment plays none.
        search_temperature: With which an action is drawn by its visits, where it is sampled.
        search_rollouts: Values come from random play of at most so many steps in place of the network; for environments
            that play no game.
        overwrite: Replace a recording that is there.
        resume: Go on with the recording that is there, if there is one and it was killed, stopped or failed: the result
            is what it would have been without. Everything else must be as it was.
        flush_seconds: The longest that a step waits to be committed: what a killed process loses at most.
        progress: Is told how far the recording is, and may raise `Cancelled` to stop it.
        client: A `dask.distributed.Client`: its workers record the episodes, in parts of one recording. Agent and
            environment should be given by name, and `out` is a folder or URL that all workers reach.

    Returns:
        The recording, open. A cancelled one is complete up to where it was cancelled.

    Raises:
        WorkbenchError: The agent, the environment or the place is not as it should be; or the environment raised.
            Everything recorded until then is kept.
        KeyboardInterrupt: Ctrl-C; everything recorded until then is kept.
    """
    if episodes is None and steps is None:
        episodes = 10
    for name, count in (("episodes", episodes), ("steps", steps), ("environments", environments)):
        if count is not None and count < 1:
            raise WorkbenchError(f"The number of {name} must be at least 1; it is {count}.")
    if seed < 0:
        raise WorkbenchError(f"The seed of the first episode must be 0 or more; it is {seed}.")
    if search is None and search_rollouts is not None:
        raise WorkbenchError("search_rollouts says what a search takes for values; pass search=… too.")
    if resume and overwrite:
        raise WorkbenchError("resume and overwrite exclude each other: go on with what is there, or replace it.")
    slots = min(environments, episodes) if episodes is not None else environments
    if client is not None:
        if search is not None:
            raise WorkbenchError(
                "A search is not handed to a cluster's workers; give a policy that searches by name there, "
                "module:factory."
            )
        if resume:
            raise WorkbenchError("A recording on a cluster cannot be resumed; overwrite it, or choose another path.")
        from workbench.recording.cluster import record_on_cluster

        return record_on_cluster(
            client,
            Assignment(
                policy=policy,
                env=env,
                out=str(out),
                seed=seed,
                deterministic=deterministic,
                layers=None if layers is None else tuple(layers),
                slots=slots,
                frames=frames,
                labels=labels,
                env_kwargs=dict(env_kwargs or {}),
                wrappers=tuple(wrappers),
                vec_normalize=None if vec_normalize is None else str(vec_normalize),
                trust_pickle=trust_pickle,
                device=device,
                activation_dtype=activation_dtype,
            ),
            episodes=episodes if steps is None else None,
            overwrite=overwrite,
            progress=progress or SilentProgress(),
        )
    specification = EnvironmentSpecification(
        id=env if isinstance(env, str) else None, kwargs=dict(env_kwargs or {}), wrappers=tuple(wrappers)
    )
    with contextlib.ExitStack() as stack:
        made = make_environments(env, specification, slots, render=frames)
        for environment in made:
            if environment is not env:
                stack.callback(environment.close)
        actor = make_policy(policy, made[0], vec_normalize, device, trust_pickle=trust_pickle)
        if search is not None:
            actor = _searching(actor, made[0], search, search_temperature, search_rollouts)
        check_observation_space(actor.observation_space, made[0], normalised=True, where=actor.name)
        check_action_space(actor.action_space, made[0], actor.name)
        acted_in, planning = made, {}
        if getattr(actor, "takes_environments", False):
            acted_in, planning = _to_be_searched(made), {"search": actor.asked}  # type: ignore[attr-defined]
            # What cannot be is said before anything is written.
            actor.check(acted_in[0], seed)  # type: ignore[attr-defined]
        recorder = stack.enter_context(
            Recorder(
                out,
                policy=actor,
                environment=made[0],
                specification=specification,
                slots=len(made),
                seed=seed,
                derived_seeds=True,
                deterministic=deterministic,
                layers=layers,
                activation_dtype=activation_dtype,
                overwrite=overwrite,
                resume=resume,
                flush_seconds=flush_seconds,
                labels=labels,
                asked={
                    "episodes": episodes,
                    "steps": steps,
                    "layers": None if layers is None else list(layers),
                    "frames": frames,
                    "labels": labels,
                    **planning,
                },
            )
        )
        rollout = Rollout(
            policy=actor,
            environments=acted_in,
            recorder=recorder,
            seed=seed,
            deterministic=deterministic,
            episodes=episodes,
            steps=steps,
            frames=frames,
        )
        recorder.close(rollout.run(progress or SilentProgress()))
    return open_recording(out)


def _searching(
    actor: Policy,
    environment: Environment,
    wanted: "SearchSettings | Mapping[str, Any]",
    temperature: float,
    rollouts: int | None,
) -> Policy:
    """The same policy, which searches before it acts."""
    from workbench.search.environments import Rollout as RandomPlay
    from workbench.search.environments import environment_settings
    from workbench.search.policy import SearchPolicy, find_game
    from workbench.search.settings import SearchSettings

    settings = wanted
    if not isinstance(settings, SearchSettings):
        make = environment_settings if find_game(environment) is None else SearchSettings
        names = [one.name for one in fields(SearchSettings)]
        unknown = sorted(set(settings) - set(names))
        if unknown:
            raise WorkbenchError(
                f"SearchSettings has no {', '.join(map(repr, unknown))}; how to search is said with: "
                f"{', '.join(names)}."
            )
        settings = make(**settings)
    rollout = None if rollouts is None else RandomPlay(depth=rollouts)
    return SearchPolicy(actor, settings, temperature=temperature, rollout=rollout)


def _to_be_searched(environments: list[Environment]) -> list[Environment]:
    """The same, with the episode noted where a search may have to play it again."""
    from workbench.search.environments import EpisodeLog
    from workbench.search.environments.played import find_log
    from workbench.search.policy import find_game

    if find_game(environments[0]) is not None:
        return environments
    return [one if find_log(one) is not None else EpisodeLog(one) for one in environments]


def make_environments(
    source: EnvironmentSource, specification: EnvironmentSpecification, slots: int, *, render: bool
) -> list[Environment]:
    """As many environments as there are slots; one where it was handed over as an object."""
    if isinstance(source, str):
        return [specification.make(render=render) for _ in range(slots)]
    if isinstance(source, gymnasium.Env):
        return [source]
    return [source() for _ in range(slots)]


def make_policy(
    policy: Any, environment: Environment, vec_normalize: str | Path | None, device: str, *, trust_pickle: bool
) -> Policy:
    """The policy of that name, or a live one as a `Policy`."""
    from workbench.policies import load_policy, wrap_stable_baselines3

    if isinstance(policy, str):
        return load_policy(
            policy, environment=environment, vec_normalize=vec_normalize, device=device, trust_pickle=trust_pickle
        )
    if isinstance(policy, Policy):
        return policy
    wrapped: Policy = wrap_stable_baselines3(policy, vec_normalize=vec_normalize)
    return wrapped
