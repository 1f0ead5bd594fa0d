"""The engine: takes what an agent saw, computed and did, and turns it into rows of a recording.

All ways in (`record`, the wrappers for one's own loop, the training callback) feed a `Recorder`, which owns the file.
"""

import logging
import os
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gymnasium
import numpy as np
import numpy.typing as npt
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.policies.types import ActionChoice, EpisodeRandom, Observations, Policy, PolicyOutput, State
from workbench.recording.columns import flatten_observation, truth_columns
from workbench.recording.environment_wrappers import Environment
from workbench.recording.environments import EnvironmentSpecification
from workbench.recording.facts import first_facts, now
from workbench.recording.hooks import ActivationCapture
from workbench.recording.interrupts import Interrupts
from workbench.recording.labelling import Labelling
from workbench.recording.layout import ACTIVATIONS, ENDED_FINISHED, SEARCH, STATE, STEPS
from workbench.recording.opening import open_to_write
from workbench.recording.rows import RowStream
from workbench.recording.rows import activation_dtype as dtype_of_activations
from workbench.recording.slots import Slots
from workbench.recording.store import consolidate

logger = logging.getLogger(__name__)


class Recorder:
    """Owns a recording while it is written; a context manager that leaves a valid recording however it is left.

    Args:
        out: Path or URL of the new recording.
        policy: What acts: a `Policy`, or a live stable-baselines3 algorithm. None records the environment alone.
        environment: The environment, described in the recording; an SB3 vectorised one is described by its first.
        specification: How the environment is made by name; None where it was handed over as an object.
        slots: How many environments are stepped side by side.
        seed: Kept for the record.
        derived_seeds: Whether episode `k` is reset with `seed + k`.
        deterministic: Whether actions are the policy's mode; kept for the record.
        layers: Module paths or patterns; None means every leaf module, an empty sequence means none.
        activation_dtype: `float16` halves the activations' size and loses precision; None keeps each tensor's own.
        overwrite: Replace a recording that is there.
        flush_seconds: The longest that a row waits to be committed: what a killed process loses at most.
        first_episode: Number of the first episode, where this is one part of a larger recording.
        keep_agent: Whether the agent is kept in the recording; a part's is kept by the whole.
        labels: Record what is true in known environments beside the step (`workbench.recording.labellers`).
        asked: What is to be recorded, in plain JSON; kept for the record, and a recording resumed must have the same.
        resume: Go on with the recording that is at `out`, if there is one; `Rollout` brings its episodes back.

    Raises:
        WorkbenchError: The place cannot be written, another recorder is writing there, a layer pattern matches nothing,
            or what is to be resumed is complete or was recorded otherwise.
    """

    def __init__(
        self,
        out: str | Path,
        *,
        policy: Policy | Any | None = None,
        environment: Environment | Any | None = None,
        specification: EnvironmentSpecification | None = None,
        slots: int = 1,
        seed: int | None = None,
        derived_seeds: bool = False,
        deterministic: bool | None = None,
        layers: Sequence[str] | None = None,
        activation_dtype: str | None = None,
        overwrite: bool = False,
        flush_seconds: float = 5.0,
        first_episode: int = 0,
        keep_agent: bool = True,
        labels: bool = True,
        asked: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        self.path = str(out)
        self.policy: Policy | None = _as_policy(policy)
        self.slots = slots
        stored_dtype = dtype_of_activations(activation_dtype)
        self._capture = (
            ActivationCapture(self.policy.module, layers, prefix=f"{ACTIVATIONS}/") if self.policy is not None else None
        )
        try:
            settings: dict[str, Any] = {
                "seed": seed,
                "derived_seeds": derived_seeds,
                "deterministic": deterministic,
                "slots": slots,
                "activation_dtype": activation_dtype or "as computed",
                "flush_seconds": flush_seconds,
            }
            if asked is not None:
                settings["asked"] = dict(asked)
            opened = open_to_write(
                self.path,
                first_facts(self.policy, environment, specification, settings),
                overwrite=overwrite,
                resume=resume,
                agent=self.policy if keep_agent else None,
            )
        except BaseException:
            if self._capture is not None:
                self._capture.remove()
            raise
        self._root, self._facts, self._lock = opened.root, opened.facts, opened.lock
        self.stored = opened.stored
        """What was there and is continued; None where this is a new recording."""
        self._rows = RowStream(
            self._root,
            self._facts,
            slots=slots,
            flush_seconds=flush_seconds,
            activation_dtype=stored_dtype,
            capture=self._capture,
            lock=opened.lock,
            stored=opened.stored,
        )
        self.uninterrupted = Interrupts()
        """Entered by a loop for what must be done together: Ctrl-C comes when it is left."""
        self._labelling = Labelling(self._facts) if labels else None
        self._due = False
        self._process = os.getpid()
        self._closed = False
        self._slots = Slots(slots, first_episode)
        self._searched: dict[str, npt.NDArray[Any]] = {}
        self._truth_like: dict[str, npt.NDArray[Any]] = {}
        self.newest: MutableMapping[int, Any] = {}
        """By slot, the observation after its last row: the final one of an episode that is cut off."""

    @property
    def number_of_steps(self) -> int:
        """Rows written so far, committed or not."""
        return self._rows.number_of_steps

    # --- what a loop calls -------------------------------------------------------------------------------------------

    def start_episode(self, slot: int = 0, seed: int | None = None) -> int:
        """Say that the next row of `slot` is the first of a new episode; gives the episode's number."""
        if self._slots.episode(slot) >= 0:
            self.finish_episode(slot, self.newest.get(slot), complete=False)
        return self._slots.start(slot, seed)

    def act(
        self,
        observations: Observations,
        state: State | None = None,
        episode_starts: npt.NDArray[np.bool_] | None = None,
        *,
        deterministic: bool,
        random: Sequence[EpisodeRandom] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
        environments: Sequence[Environment] = (),
        copy: bool = True,
    ) -> ActionChoice:
        """The policy's own `act`, with its activations kept for the row that `step` writes next.

        Where the policy acts more than once before the next row, the last pass is taken for the one that acted; after a
        look-ahead, act again on the observation at hand, or call `forget_pass`.

        Args:
            observations: As for `Policy.act`, like all but the last argument.
            state: Recurrent state before this step.
            episode_starts: `[B]`.
            deterministic: Take the mode, or sample.
            random: One stream a row.
            action_masks: `[B, A]`.
            environments: `[B]`, for a policy that searches from where they are.
            copy: False where nobody changes the output's tensors any more: they are then kept as they are.
        """
        if self.policy is None or self._capture is None:
            raise WorkbenchError("This recorder was given no policy, so it cannot act; pass policy=... to Recorder.")
        if self._due:
            self._hand_over()
        searching: dict[str, Any] = {}
        if getattr(self.policy, "takes_environments", False):
            # What the network says while it searches is not what is recorded of the step.
            searching = {"environments": environments or None, "own_pass": self._capture.begin}
        else:
            self._capture.begin()
        choice = self.policy.act(
            observations,
            state,
            episode_starts,
            deterministic=deterministic,
            random=random,
            action_masks=action_masks,
            **searching,
        )
        if searching and environments and SEARCH not in self._facts:
            # Some of it is known when something has been searched.
            self._facts[SEARCH] = self.policy.search_facts(environments[0])  # type: ignore[attr-defined]
        batch = len(choice.actions)
        self._searched = {f"{SEARCH}/{name}": values for name, values in choice.search.items()}
        tensors = self._capture.end(batch)
        _add_outputs(tensors, choice.output, copy=copy)
        self._rows.take(tensors, batch)
        return choice

    def step(
        self,
        observations: Observations,
        actions: npt.NDArray[Any],
        rewards: npt.NDArray[np.float64],
        terminated: npt.NDArray[np.bool_],
        truncated: npt.NDArray[np.bool_],
        *,
        truth: Mapping[str, npt.NDArray[Any]] | None = None,
        frames: npt.NDArray[np.uint8] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
        slots: npt.NDArray[np.int16] | None = None,
        copy: bool = True,
    ) -> None:
        """Write one row for each environment that was stepped.

        Args:
            observations: What the action was chosen on, `[B, *observation]` or a dict of such.
            actions: What was done, `[B, *action]`.
            rewards: What came back, `[B]`.
            terminated: `[B]`; the environment reached an end.
            truncated: `[B]`; the episode was cut off.
            truth: What `read_truth` gave for the infos that came *with the observations*.
            frames: `[B, height, width, 3]`, the picture of the same observation.
            action_masks: `[B, A]`, what was legal.
            slots: `[B]`, which environments these are; None means all.
            copy: False where nobody changes any of these arrays any more: they are then kept as they are.
        """
        if os.getpid() != self._process:
            raise WorkbenchError(
                f"This recorder belongs to process {self._process}, and was taken along into process {os.getpid()}, "
                f"which cannot write to it. Record in the process that made it, or make a recorder here."
            )
        if self._due:
            self._hand_over()
        columns = self._slots.columns(slots)
        columns["steps/action"] = actions
        columns["steps/reward"] = rewards
        columns["steps/terminated"] = terminated
        columns["steps/truncated"] = truncated
        if isinstance(observations, np.ndarray):
            columns["steps/observation"] = observations
        else:
            for key, value in flatten_observation(observations).items():
                columns["steps/observation" + key] = value
        if frames is not None:
            columns["steps/frame"] = frames
        if action_masks is not None:
            columns["steps/action_mask"] = action_masks
        if truth:
            columns |= truth
            if not self._truth_like:
                self._truth_like = {path: values[:0] for path, values in truth.items()}
        if self._searched:
            columns |= self._searched
            self._searched = {}
        if copy:
            columns = {path: np.array(values) for path, values in columns.items()}
        self._rows.ready()
        with self.uninterrupted:
            first = self._rows.number_of_steps
            self._due = self._rows.put(columns, len(rewards))
            self._slots.advance(slots, rewards, first)

    def _hand_over(self) -> None:
        """Give the rows to the writer: before the next ones, when ends that came with them are known."""
        with self.uninterrupted:
            self._due = False
            self._rows.submit(self._slots.take_finished())

    def read_truth(
        self, infos: Sequence[Mapping[str, Any]], environments: Sequence[Environment] = ()
    ) -> dict[str, npt.NDArray[Any]]:
        """The labels in `info["truth"]`, and those of labellers that know the environments, in one column each.

        They are copied; to be read before the environments are stepped.

        Args:
            infos: The info that came with each observation, from `reset` or the step before.
            environments: Those that they came from, in the same order; without them no labeller is asked.
        """
        said = truth_columns(infos, self._facts["skipped_columns"]) if infos and "truth" in infos[0] else {}
        if self._labelling is None or not infos or not environments:
            return said
        return self._labelling.columns(infos[0], environments) | said

    def finish_episode(
        self,
        slot: int = 0,
        final_observation: Observations | None = None,
        *,
        terminated: bool = False,
        truncated: bool = False,
        complete: bool = True,
        final_frame: npt.NDArray[np.uint8] | None = None,
        final_truth: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        """Say that the episode in `slot` is over.

        Args:
            slot: Which environment.
            final_observation: The observation after the last action, `[*observation]`: the (T+1)-th.
            terminated: Whether the environment reached an end.
            truncated: Whether a limit cut the episode off.
            complete: False where the recording stopped before the episode did.
            final_frame: `[height, width, 3]`, the picture of the final observation.
            final_truth: What `read_truth` gave for the info that came with the final observation, one row.
        """
        self._slots.finish(
            slot,
            final_observation,
            terminated=terminated,
            truncated=truncated,
            complete=complete,
            final_frame=final_frame,
            final_truth=self._as_in_steps(final_truth or {}),
        )

    def _as_in_steps(self, truth: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Labels of one row by their names, in the types that the steps have; those of another shape are left out."""
        kept = {}
        for path, values in truth.items():
            like = self._truth_like.get(path)
            if like is not None and values.shape[1:] == like.shape[1:]:
                kept[path.removeprefix("steps/truth/")] = np.array(values[0], like.dtype)
        return kept

    # --- ways in for one's own loop ----------------------------------------------------------------------------------

    def wrap_environment(
        self, environment: Environment, *, frames: bool = False
    ) -> "gymnasium.Wrapper[Any, Any, Any, Any]":
        """A `gymnasium.Wrapper` whose every step writes a row, with the environment's picture if `frames`."""
        from workbench.recording.wrappers import RecordingEnvironment

        return RecordingEnvironment(environment, self, frames=frames)

    def wrap_vectorised(self, environment: Any) -> Any:
        """A stable-baselines3 `VecEnvWrapper` whose every step writes a row for each of its environments."""
        from workbench.recording.vectorised import RecordingVecEnv

        return RecordingVecEnv(environment, self)

    def wrap_policy(self) -> Any:
        """The recorder's policy, with `act` and an SB3-like `predict`, whose activations go to the next row."""
        from workbench.recording.wrappers import RecordingPolicy

        return RecordingPolicy(self)

    # --- the file ----------------------------------------------------------------------------------------------------

    def close(self, ended: str = ENDED_FINISHED) -> None:
        """Write and commit everything, and say in the recording how it ended; does nothing the second time.

        Ctrl-C comes when that is done. A second one comes at once, and leaves what was committed.
        """
        if self._closed or os.getpid() != self._process:
            return
        with self.uninterrupted.until_the_second():
            self._close(ended)

    def _close(self, ended: str) -> None:
        self._closed = True
        if self._capture is not None:
            self._capture.remove()
        for slot in range(self.slots):
            if self._slots.episode(slot) >= 0:
                self.finish_episode(slot, self.newest.get(slot), complete=False)
        final = {"ended": ended, "complete": ended == ENDED_FINISHED, "closed": now()}
        try:
            self._rows.close(self._slots.take_finished(), final)
            consolidate(self._root)
        except OSError as error:
            raise WorkbenchError(
                f"{self.path} could not be closed: {error.strerror or error}. What was committed can be opened."
            ) from error
        finally:
            # A writer that a second Ctrl-C left behind may write until the process ends, and nobody else meanwhile.
            if not self._rows.alive:
                self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        self.uninterrupted.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        try:
            self._leave(error)
        finally:
            self.uninterrupted.remove()

    def _leave(self, error: BaseException | None) -> None:
        if error is None:
            self.close()
            return
        interrupted = isinstance(error, KeyboardInterrupt | SystemExit)
        reason = (
            "interrupted" if interrupted else f"failed: {' '.join(str(error).split())[:300] or type(error).__name__}"
        )
        try:
            self.close(reason)
        except WorkbenchError:
            logger.debug("closing after an error failed as well", exc_info=True)

    def begin_at(self, episode: int) -> None:
        """Say which number the next episode to begin has, in a recording that is resumed."""
        self._slots.number_of_episodes = episode

    def restore_episode(self, slot: int, *, episode: int, t: int, total: float, first_row: int, seed: int) -> None:
        """Take up an episode of the recording that is resumed.

        Args:
            slot: Where it goes on.
            episode: Its number.
            t: How many of its steps are recorded.
            total: The sum of their rewards, added one after another.
            first_row: Row of the first of them.
            seed: What its environment was reset with.
        """
        self._slots.restore(slot, episode=episode, t=t, total=total, first_row=first_row, seed=seed)

    def current_episode(self, slot: int) -> int:
        """The number of the episode going on in a slot; −1 between episodes."""
        return self._slots.episode(slot)

    def forget_pass(self) -> None:
        """Drop what the policy computed last: the action that follows does not come from it, and its row says so."""
        self._rows.drop()
        self._searched = {}


def _add_outputs(tensors: dict[str, Tensor], output: PolicyOutput, *, copy: bool) -> None:
    """Add the tensors of a policy's output, by the path of their array."""
    for name, tensor in output.distribution.items():
        tensors[f"{STEPS}/{name}"] = tensor.detach().clone() if copy else tensor
    if output.value is not None:
        tensors[f"{STEPS}/value"] = output.value.detach().clone() if copy else output.value
    if output.state:
        for name, tensor in output.state.items():
            tensors[f"{STATE}/{name}"] = tensor.detach().clone() if copy else tensor


def _as_policy(policy: Any) -> Policy | None:
    if policy is None or isinstance(policy, Policy):
        return policy
    from workbench.policies import wrap_stable_baselines3

    wrapped: Policy = wrap_stable_baselines3(policy)
    return wrapped
