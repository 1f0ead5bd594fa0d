"""The loop that steps environments side by side while a policy acts and a recorder writes."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces

from workbench.errors import WorkbenchError
from workbench.policies.types import EpisodeRandom, Policy, State
from workbench.progress import Cancelled, Progress
from workbench.recording.columns import batch_observations
from workbench.recording.environment_wrappers import Environment
from workbench.recording.layout import ENDED_CANCELLED, ENDED_FINISHED
from workbench.recording.reader import Recording, open_recording
from workbench.recording.recorder import Recorder
from workbench.recording.resume import left_out, read_last_rows, restore_episode


class _Steps(NamedTuple):
    """What one step of all environments gave, one a row."""

    after: tuple[Any, ...]
    rewards: npt.NDArray[np.float64]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    infos: tuple[dict[str, Any], ...]


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
    first_episode: int = 0
    """Number of the first episode; episode k is reset with seed + k."""
    _observations: dict[int, Any] = field(default_factory=dict)
    _infos: dict[int, Mapping[str, Any]] = field(default_factory=dict)
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
        self.recorder.newest = self._observations
        self._streams = [EpisodeRandom(0)] * slots
        if self.recorder.stored is None:
            for slot in range(slots):
                self._start(slot)
            active = list(range(slots))
            state = self.policy.initial_state(slots)
            starts = np.ones(slots, np.bool_)
        else:
            active, state, starts = self._resume(self.recorder.stored.number_of_episodes)
        takes_masks = bool(getattr(self.policy, "takes_action_masks", False))
        report_every = max(1, 64 // slots)
        iteration = 0
        while active and (self.steps is None or self.recorder.number_of_steps < self.steps):
            if iteration % report_every == 0:
                done = self._finished if self.episodes is not None else self.recorder.number_of_steps
                progress.update(min(done, total), total, f"{self.recorder.number_of_steps} steps")
            iteration += 1
            if self.steps is not None and self.steps - self.recorder.number_of_steps < len(active):
                active = active[: self.steps - self.recorder.number_of_steps]
                starts = starts[: len(active)]
                state = {name: tensor[: len(active)] for name, tensor in state.items()} if state is not None else None
            state, starts, done_with = self._step(active, state, starts, takes_masks=takes_masks)
            if done_with:
                keep = [row for row in range(len(active)) if row not in done_with]
                active = [active[row] for row in keep]
                starts = starts[keep]
                state = {name: tensor[keep] for name, tensor in state.items()} if state is not None else None
        done = self._finished if self.episodes is not None else self.recorder.number_of_steps
        progress.update(min(done, total), total, f"{self.recorder.number_of_steps} steps")

    def _step(
        self, active: list[int], state: State | None, starts: npt.NDArray[np.bool_], *, takes_masks: bool
    ) -> tuple[State | None, npt.NDArray[np.bool_], list[int]]:
        """Act and step once; gives the state after, whose episodes are over, and the rows whose slots are done."""
        observations = batch_observations([self._observations[slot] for slot in active])
        infos = [self._infos[slot] for slot in active]
        truth = self.recorder.read_truth(infos, [self.environments[slot] for slot in active])
        frames = np.stack([self._frame(slot) for slot in active]) if self.frames else None
        masks = (
            np.stack([action_mask(self.environments[slot], self._infos[slot]) for slot in active])
            if takes_masks
            else None
        )
        choice = self.recorder.act(
            observations,
            state,
            starts,
            deterministic=self.deterministic,
            random=[self._streams[slot] for slot in active],
            action_masks=masks,
            environments=[self.environments[slot] for slot in active],
            copy=False,
        )
        actions = choice.actions
        after, rewards, terminated, truncated, infos_after = self._step_environments(active, actions)
        over = terminated | truncated
        ending = np.flatnonzero(over).tolist() if over.any() else []
        last_frames = [self._frame(active[row]) if self.frames else None for row in ending]
        # Ctrl-C comes before all of this or after it: rows, the ends of their episodes and what follows them agree.
        with self.recorder.uninterrupted:
            self.recorder.step(
                observations,
                actions,
                rewards,
                terminated,
                truncated,
                truth=truth,
                frames=frames,
                action_masks=masks,
                slots=None if len(active) == len(self.environments) else np.asarray(active, np.int16),
                copy=False,
            )
            # Only now: where one of the environments raised, the others' rows were not written either.
            self._observations.update(zip(active, after, strict=True))
            self._infos.update(zip(active, infos_after, strict=True))
            for row, frame in zip(ending, last_frames, strict=True):
                self._finish(active[row], bool(terminated[row]), bool(truncated[row]), frame)
        return choice.output.state, over, [row for row in ending if not self._start_next(active[row])]

    def _step_environments(self, active: Sequence[int], actions: npt.NDArray[Any]) -> _Steps:
        """One step of each; what this does for each environment is what a loop that records nothing does, or less."""
        steps: list[Any] = []
        # An environment may write into the action that it is given, if that is an array.
        given = actions if actions.ndim == 1 else actions.copy()
        try:
            for slot, action in zip(active, given, strict=True):
                steps.append(self.environments[slot].step(action))
            after, rewards, terminated, truncated, infos = zip(*steps, strict=True)
            # One by one: some environments give arrays that hold one number.
            return _Steps(
                after,
                np.array(list(map(float, rewards)), np.float64),
                np.array(list(map(bool, terminated)), np.bool_),
                np.array(list(map(bool, truncated)), np.bool_),
                infos,
            )
        except Exception as error:
            odd = [row for row, step in enumerate(steps) if not isinstance(step, tuple) or len(step) != 5]
            row = odd[0] if odd else min(len(steps), len(active) - 1)
            raise self._environment_failed(active[row], "step", error) from error

    def _start(self, slot: int) -> None:
        seed = self.seed + self.first_episode + self._started
        self._started += 1
        try:
            self._observations[slot], self._infos[slot] = self.environments[slot].reset(seed=seed)
        except Exception as error:
            raise self._environment_failed(slot, "reset", error) from error
        self._streams[slot] = EpisodeRandom(seed)
        self.recorder.start_episode(slot, seed)

    def _resume(self, finished: int) -> tuple[list[int], State | None, npt.NDArray[np.bool_]]:
        """Bring everything to where the recording ends: which slots go on, their state, and who starts an episode."""
        recording = open_recording(self.recorder.path)
        last = read_last_rows(recording, len(self.environments))
        self._finished = finished
        self._started = len(self.environments) + finished - sum(last.ended)
        if self.episodes is not None:
            self._started = min(self._started, self.episodes)
        self.recorder.begin_at(self._started)
        numbers = recording.steps["episode"][len(recording) - len(last.slots) :].tolist()
        kept = []
        for row, slot in enumerate(last.slots):
            if last.ended[row]:
                if self._start_next(slot):
                    kept.append(row)
                continue
            self._restore(recording, slot, numbers[row])
            kept.append(row)
        for slot, number in left_out(recording, last, len(self.environments)) if self.steps is not None else ():
            self._restore(recording, slot, number)
        rows = len(recording) - len(last.slots) + np.array(kept, np.int64)
        state = self.policy.initial_state(len(kept))
        if state is not None:
            state = {name: torch.from_numpy(recording.state[name][rows]).to(like) for name, like in state.items()}
        return [last.slots[row] for row in kept], state, np.array([last.ended[row] for row in kept], np.bool_)

    def _restore(self, recording: Recording, slot: int, number: int) -> None:
        """Bring an episode that has not ended back to where the recording left it."""
        seed = self.seed + number
        restored = restore_episode(
            recording, number, self.environments[slot], self.policy, seed=seed, deterministic=self.deterministic
        )
        self._observations[slot], self._infos[slot] = restored.observation, restored.info
        self._streams[slot] = restored.stream
        self.recorder.restore_episode(
            slot, episode=number, t=restored.length, total=restored.total, first_row=restored.first_row, seed=seed
        )

    def _finish(self, slot: int, terminated: bool, truncated: bool, final_frame: npt.NDArray[np.uint8] | None) -> None:
        self.recorder.finish_episode(
            slot,
            self._observations[slot],
            terminated=terminated,
            truncated=truncated,
            final_frame=final_frame,
            final_truth=self.recorder.read_truth([self._infos[slot]], [self.environments[slot]]),
        )
        self._finished += 1

    def _start_next(self, slot: int) -> bool:
        """Start the slot's next episode; False where there is none left for it."""
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


def action_mask(environment: Environment, info: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Which actions are legal now: the environment's `action_masks()`, or `info["action_mask"]`; else all of them."""
    with contextlib.suppress(AttributeError):
        return np.asarray(environment.get_wrapper_attr("action_masks")(), np.bool_)
    if "action_mask" in info:
        return np.asarray(info["action_mask"], np.bool_)
    space = environment.action_space
    if isinstance(space, spaces.MultiBinary):
        return np.ones(2 * int(np.prod(space.shape)), np.bool_)
    return np.ones(int(space.n if isinstance(space, spaces.Discrete) else space.nvec.sum()), np.bool_)  # type: ignore[attr-defined]
