"""Recording whole episodes: the loop that steps environments side by side while a policy acts."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.policies.types import EpisodeRandom, Policy, State
from workbench.progress import Cancelled, Progress, SilentProgress
from workbench.recording.columns import batch_observations
from workbench.recording.environments import Environment, EnvironmentSpecification
from workbench.recording.layout import ENDED_FINISHED
from workbench.recording.reader import Recording, open_recording
from workbench.recording.recorder import Recorder

EnvironmentSource = str | Callable[[], Environment] | Environment

ENDED_CANCELLED = "cancelled"
ENDED_INTERRUPTED = "interrupted"


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
    env_kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[str] = (),
    vec_normalize: str | Path | None = None,
    trust_pickle: bool = False,
    device: str = "cpu",
    activation_dtype: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
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
        env_kwargs: Options for making the environment by name.
        wrappers: What to put around it, innermost first: names of `workbench.recording.environments.WRAPPERS`.
        vec_normalize: Statistics that normalise the observations: a file that VecNormalize saved.
        trust_pickle: Let the agent's file run its code while loading. Only for files that you made yourself.
        device: Where the network runs, `cpu` or `cuda`.
        activation_dtype: `float16` halves the size of the activations and loses precision.
        overwrite: Replace a recording that is there.
        progress: Is told how far the recording is, and may raise `Cancelled` to stop it.

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
    slots = min(environments, episodes) if episodes is not None else environments
    specification = EnvironmentSpecification(
        id=env if isinstance(env, str) else None, kwargs=dict(env_kwargs or {}), wrappers=tuple(wrappers)
    )
    with contextlib.ExitStack() as stack:
        made = _make_environments(env, specification, slots, render=frames)
        for environment in made:
            if environment is not env:
                stack.callback(environment.close)
        actor = _make_policy(policy, made[0], vec_normalize, device, trust_pickle=trust_pickle)
        check_spaces(actor, made[0])
        recorder = stack.enter_context(
            Recorder(
                out,
                policy=actor,
                environment=made[0],
                specification=specification,
                slots=len(made),
                seed=seed,
                deterministic=deterministic,
                layers=layers,
                activation_dtype=activation_dtype,
                overwrite=overwrite,
            )
        )
        rollout = Rollout(
            policy=actor,
            environments=made,
            recorder=recorder,
            seed=seed,
            deterministic=deterministic,
            episodes=episodes,
            steps=steps,
            frames=frames,
        )
        recorder.close(rollout.run(progress or SilentProgress()))
    return open_recording(out)


@dataclass(kw_only=True)
class Rollout:
    """Environments side by side, each with its own episode, until enough has been recorded."""

    policy: Policy
    environments: Sequence[Environment]
    recorder: Recorder
    seed: int
    deterministic: bool
    episodes: int | None
    steps: int | None
    frames: bool
    _observations: list[Any] = field(default_factory=list)
    _infos: list[Mapping[str, Any]] = field(default_factory=list)
    _streams: list[EpisodeRandom] = field(default_factory=list)
    _started: int = 0
    _finished: int = 0

    def run(self, progress: Progress) -> str:
        """Run to the end; gives how it ended: `finished` or `cancelled`."""
        total = self.episodes if self.episodes is not None else int(self.steps or 0)
        try:
            self._run(progress, total)
        except Cancelled:
            return ENDED_CANCELLED
        finally:
            progress.close()
        return ENDED_FINISHED

    def _run(self, progress: Progress, total: int) -> None:
        slots = len(self.environments)
        self._observations = [None] * slots
        self._infos = [{}] * slots
        self._streams = [EpisodeRandom(0)] * slots
        for slot in range(slots):
            self._start(slot)
        active = list(range(slots))
        state = self.policy.initial_state(slots)
        starts = np.ones(slots, np.bool_)
        takes_masks = bool(getattr(self.policy, "takes_action_masks", False))
        report_every = max(1, 64 // slots)
        iteration = 0
        while active:
            if iteration % report_every == 0:
                done = self._finished if self.episodes is not None else self.recorder.number_of_steps
                progress.update(min(done, total), total, f"{self.recorder.number_of_steps} steps")
            iteration += 1
            state, starts, going_on = self._step(active, state, starts, takes_masks=takes_masks)
            if self.steps is not None and self.recorder.number_of_steps >= self.steps:
                break
            if not all(going_on):
                keep = [row for row, stays in enumerate(going_on) if stays]
                active = [active[row] for row in keep]
                starts = starts[keep]
                state = {name: tensor[keep] for name, tensor in state.items()} if state is not None else None
        done = self._finished if self.episodes is not None else self.recorder.number_of_steps
        progress.update(min(done, total), total, f"{self.recorder.number_of_steps} steps")

    def _step(
        self, active: list[int], state: State | None, starts: npt.NDArray[np.bool_], *, takes_masks: bool
    ) -> tuple[State | None, npt.NDArray[np.bool_], list[bool]]:
        observations = batch_observations([self._observations[slot] for slot in active])
        infos = [self._infos[slot] for slot in active]
        frames = np.stack([self._frame(slot) for slot in active]) if self.frames else None
        masks = np.stack([action_mask(self.environments[slot], self._infos[slot]) for slot in active]) if (
            takes_masks
        ) else None
        choice = self.recorder.act(
            observations,
            state,
            starts,
            deterministic=self.deterministic,
            random=[self._streams[slot] for slot in active],
            action_masks=masks,
        )
        count = len(active)
        rewards = np.zeros(count)
        terminated = np.zeros(count, np.bool_)
        truncated = np.zeros(count, np.bool_)
        for row, slot in enumerate(active):
            try:
                after = self.environments[slot].step(choice.actions[row])
            except Exception as error:
                raise self._environment_failed(slot, "step", error) from error
            self._observations[slot], reward, terminated[row], truncated[row], self._infos[slot] = after
            rewards[row] = float(reward)
        self.recorder.step(
            observations,
            choice.actions,
            rewards,
            terminated,
            truncated,
            infos=infos,
            frames=frames,
            action_masks=masks,
            slots=np.asarray(active, np.int16),
        )
        going_on = [True] * count
        over = terminated | truncated
        if over.any():
            for row in np.flatnonzero(over):
                going_on[row] = self._end(active[row], bool(terminated[row]), bool(truncated[row]))
        self._remember(active, over)
        return choice.output.state, over, going_on

    def _remember(self, active: list[int], over: npt.NDArray[np.bool_]) -> None:
        """Hand the recorder the newest observations; it needs them only where the recording stops in mid-episode."""
        for row, slot in enumerate(active):
            if not over[row]:
                self.recorder.newest[slot] = self._observations[slot]

    def _start(self, slot: int) -> None:
        seed = self.seed + self._started
        self._started += 1
        try:
            self._observations[slot], self._infos[slot] = self.environments[slot].reset(seed=seed)
        except Exception as error:
            raise self._environment_failed(slot, "reset", error) from error
        self._streams[slot] = EpisodeRandom(seed)
        self.recorder.start_episode(slot, seed)

    def _end(self, slot: int, terminated: bool, truncated: bool) -> bool:
        """Close the slot's episode and start the next one; False where there is none left for it."""
        self.recorder.finish_episode(
            slot,
            self._observations[slot],
            terminated=terminated,
            truncated=truncated,
            final_frame=self._frame(slot) if self.frames else None,
        )
        self._finished += 1
        if self.episodes is not None and self._started >= self.episodes:
            return False
        self._start(slot)
        return True

    def _frame(self, slot: int) -> npt.NDArray[np.uint8]:
        try:
            frame = self.environments[slot].render()
        except Exception as error:
            raise self._environment_failed(slot, "render", error) from error
        if not isinstance(frame, np.ndarray) or frame.ndim != 3:
            raise WorkbenchError(
                f"Frames were asked for, but the environment's render() gave {type(frame).__name__} instead of an "
                f'RGB picture; make it with render_mode="rgb_array", or record without frames.'
            )
        return frame

    def _environment_failed(self, slot: int, where: str, error: Exception) -> WorkbenchError:
        return WorkbenchError(
            f"The environment raised in {where}() at step {self.recorder.number_of_steps} "
            f"(environment {slot}, episode {self.recorder.current_episode(slot)}): "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}. "
            f"The steps before it are kept in {self.recorder.path}."
        )


def check_spaces(policy: Policy, environment: Environment) -> None:
    """Refuse an environment whose spaces are not those of the policy.

    Raises:
        WorkbenchError: Says what the policy expects and what the environment has.
    """
    for what, expected, came in (
        ("observations", policy.observation_space, environment.observation_space),
        ("actions", policy.action_space, environment.action_space),
    ):
        if not spaces_agree(expected, came):
            raise WorkbenchError(
                f"The policy and the environment do not fit: the policy's {what} are {expected}, "
                f"the environment's are {came}. Choose the environment (with its wrappers) that the agent was trained in."
            )


def spaces_agree(expected: Any, came: Any) -> bool:
    """Whether what one space gives, the other takes: the same kind, shape and number of choices (bounds may differ)."""
    if hasattr(expected, "spaces") and hasattr(came, "spaces") and isinstance(expected.spaces, Mapping):
        return all(key in came.spaces and spaces_agree(part, came.spaces[key]) for key, part in expected.spaces.items())
    if type(expected).__name__ != type(came).__name__ or (expected.shape or ()) != (came.shape or ()):
        return False
    if hasattr(expected, "nvec"):
        return bool(np.array_equal(expected.nvec, came.nvec))
    return bool(getattr(expected, "n", None) == getattr(came, "n", None))


def action_mask(environment: Environment, info: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Which actions are legal now: the environment's `action_masks()`, or `info["action_mask"]`; else all of them."""
    with contextlib.suppress(AttributeError):
        return np.asarray(environment.get_wrapper_attr("action_masks")(), np.bool_)
    if "action_mask" in info:
        return np.asarray(info["action_mask"], np.bool_)
    space: Any = environment.action_space
    return np.ones(int(space.n if hasattr(space, "n") and np.isscalar(space.n) else np.sum(space.nvec)), np.bool_)


def _make_environments(
    source: EnvironmentSource, specification: EnvironmentSpecification, slots: int, *, render: bool
) -> list[Environment]:
    if isinstance(source, str):
        return [specification.make(render=render) for _ in range(slots)]
    if isinstance(source, gymnasium.Env):
        return [source]
    return [source() for _ in range(slots)]


def _make_policy(
    policy: Any, environment: Environment, vec_normalize: str | Path | None, device: str, *, trust_pickle: bool
) -> Policy:
    from workbench.policies import load_policy, wrap_stable_baselines3

    if isinstance(policy, str):
        return load_policy(
            policy, environment=environment, vec_normalize=vec_normalize, device=device, trust_pickle=trust_pickle
        )
    if isinstance(policy, Policy):
        return policy
    wrapped: Policy = wrap_stable_baselines3(policy, vec_normalize=vec_normalize)
    return wrapped
