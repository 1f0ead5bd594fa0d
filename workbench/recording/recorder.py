"""The engine: takes what an agent saw, computed and did, and turns it into rows of a recording.

All ways in (`record`, the wrappers for one's own loop, the training callback) feed a `Recorder`, which owns the file.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gymnasium
import numpy as np
import numpy.typing as npt
import torch

from workbench.errors import WorkbenchError
from workbench.policies.types import ActionChoice, EpisodeRandom, Observations, Policy, PolicyOutput, State
from workbench.recording.agent import write_agent
from workbench.recording.columns import flatten_observation, truth_columns
from workbench.recording.environments import Environment, EnvironmentSpecification, describe_environment
from workbench.recording.hooks import ActivationCapture, numpy_dtype
from workbench.recording.layout import (
    ACTIVATIONS,
    ENDED_CUT_SHORT,
    ENDED_FINISHED,
    FORMAT,
    FORMAT_VERSION,
    GROUPS,
    STATE,
    STEPS,
    trailing_dimensions,
)
from workbench.recording.store import create_group
from workbench.recording.writer import ArraySpecification, Segment, StoreWriter

logger = logging.getLogger(__name__)

PACKAGES = ("rl-workbench", "torch", "gymnasium", "stable-baselines3", "sb3-contrib", "zarr", "numpy")
NO_SEED = -1


class Recorder:
    """Owns a recording while it is written; a context manager that leaves a valid recording however it is left.

    Args:
        out: Path or URL of the new recording.
        policy: What acts: a `Policy`, or a live stable-baselines3 algorithm. None records the environment alone.
        environment: The environment, described in the recording; an SB3 vectorised one is described by its first.
        specification: How the environment is made by name; None where it was handed over as an object.
        slots: How many environments are stepped side by side.
        seed: The seed that the episodes' seeds were derived from; kept for the record.
        deterministic: Whether actions are the policy's mode; kept for the record.
        layers: Module paths or patterns; None means every leaf module, an empty sequence means none.
        activation_dtype: `float16` halves the activations' size and loses precision; None keeps each tensor's own.
        overwrite: Replace a recording that is there.
        flush_seconds: The longest that a row waits to be committed: what a killed process loses at most.

    Raises:
        WorkbenchError: The place cannot be written, or a layer pattern matches nothing.
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
        deterministic: bool | None = None,
        layers: Sequence[str] | None = None,
        activation_dtype: str | None = None,
        overwrite: bool = False,
        flush_seconds: float = 2.0,
    ) -> None:
        self.path = str(out)
        self.policy: Policy | None = _as_policy(policy)
        self.slots = slots
        self._flush_seconds = flush_seconds
        self._activation_dtype = _activation_dtype(activation_dtype)
        self._capture = ActivationCapture(self.policy.module, layers) if self.policy is not None else None
        try:
            self._root = create_group(self.path, overwrite=overwrite)
            for group in GROUPS:
                self._root.require_group(group)
            if self.policy is not None:
                write_agent(self._root, self.policy)
        except OSError as error:
            raise WorkbenchError(f"A recording cannot be written at {self.path}: {error.strerror or error}.") from error
        self._facts = self._first_facts(environment, specification, seed, deterministic)
        self._root.update_attributes(self._attributes() | {"committed_steps": 0, "committed_episodes": 0})
        self._writer: StoreWriter | None = None
        self._segment: Segment | None = None
        self._names: dict[str, str] = {}
        self._pending: PolicyOutput | None = None
        self._finished: list[Mapping[str, npt.NDArray[Any]]] = []
        self._last_submit = time.monotonic()
        self._closed = False
        self.number_of_steps = 0
        self.number_of_episodes = 0
        self._episode = np.full(slots, -1, np.int32)
        self._t = np.zeros(slots, np.int32)
        self._return = np.zeros(slots, np.float64)
        self._first = np.zeros(slots, np.int64)
        self._seed = np.full(slots, NO_SEED, np.int64)
        self._slot_numbers = np.arange(slots, dtype=np.int16)
        self.newest: dict[int, Any] = {}
        """By slot, the observation after its last row: the final one of an episode that ends because the recording does."""

    # --- what a loop calls -------------------------------------------------------------------------------------------

    def start_episode(self, slot: int = 0, seed: int | None = None) -> int:
        """Say that the next row of `slot` is the first of a new episode; gives the episode's number."""
        if self._episode[slot] >= 0:
            self.finish_episode(slot, complete=False)
        self._episode[slot] = self.number_of_episodes
        self.number_of_episodes += 1
        self._t[slot] = 0
        self._return[slot] = 0.0
        self._first[slot] = -1
        self._seed[slot] = NO_SEED if seed is None else seed
        return int(self._episode[slot])

    def act(
        self,
        observations: Observations,
        state: State | None = None,
        episode_starts: npt.NDArray[np.bool_] | None = None,
        *,
        deterministic: bool,
        random: Sequence[EpisodeRandom] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
    ) -> ActionChoice:
        """The policy's own `act`, with its activations kept for the row that `step` writes next."""
        if self.policy is None or self._capture is None:
            raise WorkbenchError("This recorder was given no policy, so it cannot act; pass policy=... to Recorder.")
        first = next(iter(observations.values())) if isinstance(observations, Mapping) else observations
        self._capture.begin(len(first), self._segment.filled if self._segment is not None else 0)
        try:
            choice = self.policy.act(
                observations,
                state,
                episode_starts,
                deterministic=deterministic,
                random=random,
                action_masks=action_masks,
            )
        finally:
            self._capture.end()
        self._pending = choice.output
        return choice

    def step(
        self,
        observations: Observations,
        actions: npt.NDArray[Any],
        rewards: npt.NDArray[np.float64],
        terminated: npt.NDArray[np.bool_],
        truncated: npt.NDArray[np.bool_],
        *,
        infos: Sequence[Mapping[str, Any]],
        frames: npt.NDArray[np.uint8] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
        slots: npt.NDArray[np.int16] | None = None,
    ) -> None:
        """Write one row for each environment that was stepped.

        Args:
            observations: What the action was chosen on, `[B, *observation]` or a dict of such.
            actions: What was done, `[B, *action]`.
            rewards: What came back, `[B]`.
            terminated: `[B]`; the environment reached an end.
            truncated: `[B]`; the episode was cut off.
            infos: The info that came *with the observation* (from `reset` or the step before), one a row: its `truth`.
            frames: `[B, height, width, 3]`, the picture of the same observation.
            action_masks: `[B, A]`, what was legal.
            slots: `[B]`, which environments these are; None means all.
        """
        chosen = self._slot_numbers if slots is None else slots
        columns: dict[str, npt.NDArray[Any]] = {
            "episode": self._episode[chosen],
            "t": self._t[chosen],
            "slot": chosen,
            "action": actions,
            "reward": rewards,
            "terminated": terminated,
            "truncated": truncated,
        }
        for key, value in flatten_observation(observations).items():
            columns["observation" + key] = value
        if frames is not None:
            columns["frame"] = frames
        if action_masks is not None:
            columns["action_mask"] = action_masks
        if infos and "truth" in infos[0]:
            columns |= truth_columns(infos, self._facts["skipped_columns"])
        self._write(columns, len(chosen))
        rows = self.number_of_steps + np.arange(len(chosen))
        starting = self._t[chosen] == 0
        self._first[chosen[starting]] = rows[starting]
        self._t[chosen] += 1
        self._return[chosen] += rewards
        self.number_of_steps += len(chosen)

    def finish_episode(
        self,
        slot: int = 0,
        final_observation: Observations | None = None,
        *,
        terminated: bool = False,
        truncated: bool = False,
        complete: bool = True,
        final_frame: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Say that the episode in `slot` is over.

        Args:
            final_observation: The observation after the last action, `[*observation]`: the (T+1)-th.
            complete: False where the recording stopped before the episode did.
        """
        if self._episode[slot] < 0:
            return
        if self._t[slot] > 0:
            row = {
                "id": np.asarray(self._episode[slot], np.int32),
                "return": np.asarray(self._return[slot]),
                "length": np.asarray(self._t[slot], np.int32),
                "seed": np.asarray(self._seed[slot]),
                "first_step": np.asarray(self._first[slot]),
                "slot": np.asarray(slot, np.int16),
                "terminated": np.asarray(terminated),
                "truncated": np.asarray(truncated),
                "complete": np.asarray(complete),
            }
            if final_observation is not None:
                for key, value in flatten_observation(final_observation).items():
                    row["final_observation" + key] = np.array(value)
            if final_frame is not None:
                row["final_frame"] = np.array(final_frame)
            self._finished.append(row)
        self._episode[slot] = -1

    # --- ways in for one's own loop ----------------------------------------------------------------------------------

    def wrap_environment(self, environment: Environment) -> "gymnasium.Wrapper[Any, Any, Any, Any]":
        """A `gymnasium.Wrapper` whose every step writes a row."""
        from workbench.recording.wrappers import RecordingEnvironment

        return RecordingEnvironment(environment, self)

    def wrap_vectorised(self, environment: Any) -> Any:
        """A stable-baselines3 `VecEnvWrapper` whose every step writes a row for each of its environments."""
        from workbench.recording.vectorised import RecordingVecEnv

        return RecordingVecEnv(environment, self)

    def wrap_policy(self) -> Any:
        """The recorder's policy, with `act` and an SB3-like `predict`, each leaving its activations for the next row."""
        from workbench.recording.wrappers import RecordingPolicy

        return RecordingPolicy(self)

    # --- the file ----------------------------------------------------------------------------------------------------

    def close(self, ended: str = ENDED_FINISHED) -> None:
        """Write and commit everything, and say in the recording how it ended; does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        if self._capture is not None:
            self._capture.remove()
        for slot in range(self.slots):
            if self._episode[slot] >= 0:
                self.finish_episode(slot, self.newest.get(slot), complete=False)
        self._facts |= {"ended": ended, "complete": ended == ENDED_FINISHED, "closed": _now()}
        if self._writer is None:
            self._root.update_attributes(self._attributes() | {"committed_steps": 0, "committed_episodes": 0})
            return
        try:
            if self._segment is not None and self._segment.filled:
                self._writer.submit(self._segment)
                self._segment = None
            self._submit_episodes()
        finally:
            self._writer.close()
        import zarr

        zarr.consolidate_metadata(self._root.store)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        interrupted = isinstance(error, KeyboardInterrupt | SystemExit)
        reason = "interrupted" if interrupted else f"failed: {' '.join(str(error).split())[:300] or type(error).__name__}"
        try:
            self.close(reason)
        except WorkbenchError:
            logger.debug("closing after an error failed as well", exc_info=True)

    def current_episode(self, slot: int) -> int:
        """The number of the episode going on in a slot; −1 between episodes."""
        return int(self._episode[slot])

    @property
    def committed_steps(self) -> int:
        """Rows that are safe now."""
        return self._writer.committed_steps if self._writer is not None else 0

    @property
    def pending(self) -> bool:
        """Whether the policy has acted since the last row was written."""
        return self._pending is not None

    # --- inside ------------------------------------------------------------------------------------------------------

    def _write(self, columns: dict[str, npt.NDArray[Any]], batch: int) -> None:
        output, self._pending = self._pending, None
        if output is not None:
            for name, tensor in output.distribution.items():
                columns[name] = tensor.numpy(force=True)
            if output.value is not None:
                columns["value"] = output.value.numpy(force=True)
        state = output.state if output is not None else None
        if self._segment is None:
            if self.policy is not None and output is None:
                raise WorkbenchError(
                    "The environment was stepped before the recorder's policy had acted. Choose the action with "
                    "recorder.wrap_policy(), or make the Recorder without policy=... to record the environment alone."
                )
            self._begin(columns, state or {}, batch)
        segment = self._segment
        assert segment is not None
        start, stop = segment.filled, segment.filled + batch
        arrays = segment.arrays
        try:
            for name, value in columns.items():
                arrays[self._names[name]][start:stop] = value
            for name, tensor in (state or {}).items():
                arrays[f"{STATE}/{name}"][start:stop] = tensor.numpy(force=True)
        except KeyError as error:
            raise WorkbenchError(
                f"Step {self.number_of_steps} has a column {error} that the recording's first step did not have; "
                f"every step must give the same observations and truth."
            ) from error
        except ValueError as error:
            raise WorkbenchError(f"Step {self.number_of_steps} does not have the first step's shapes: {error}") from error
        if len(columns) < len(self._names) or (output is None and self._capture is not None):
            self._fill_missing(columns, arrays, start, stop, acted=output is not None)
        segment.filled = stop
        if segment.rows - stop < self.slots or time.monotonic() - self._last_submit > self._flush_seconds / 2:
            self._next_segment()

    def _fill_missing(
        self,
        columns: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        start: int,
        stop: int,
        *,
        acted: bool,
    ) -> None:
        absent = [path for name, path in self._names.items() if name not in columns]
        if not acted:
            absent += [path for path in arrays if path.startswith((ACTIVATIONS, STATE))]
        for path in absent:
            arrays[path][start:stop] = np.nan if arrays[path].dtype.kind == "f" else 0

    def _begin(self, columns: Mapping[str, npt.NDArray[Any]], state: State, batch: int) -> None:
        """The first row says what there is: lay out the store, and point the hooks at the first block."""
        specifications: dict[str, ArraySpecification] = {}

        def add(path: str, values: npt.NDArray[Any], dtype: Any = None, module: str = "") -> None:
            shape = values.shape[1:]
            specifications[path] = ArraySpecification(
                row_shape=shape,
                dtype=np.dtype(dtype or values.dtype),
                dimensions=("step", *trailing_dimensions(path, shape, module)),
                attributes={"module": module} if module else {},
            )

        for name, values in columns.items():
            self._names[name] = f"{STEPS}/{name}"
            add(f"{STEPS}/{name}", values)
        for name, tensor in state.items():
            add(f"{STATE}/{name}", tensor.numpy(force=True))
        samples = dict(self._capture.samples) if self._capture is not None else {}
        for name, tensor in samples.items():
            assert self._capture is not None
            kind = self._activation_dtype if tensor.is_floating_point() else None
            sample = tensor.cpu().to(torch.float32) if tensor.dtype == torch.bfloat16 else tensor.cpu()
            add(f"{ACTIVATIONS}/{name}", sample.numpy(), kind or numpy_dtype(tensor), self._capture.layers[name].module)
        self._facts["layers"] = {
            name: {
                "shape": list(specifications[f"{ACTIVATIONS}/{name}"].row_shape),
                "dtype": str(specifications[f"{ACTIVATIONS}/{name}"].dtype),
                "module": self._capture.layers[name].module if self._capture is not None else "",
            }
            for name in samples
        }
        self._facts["skipped_layers"] = self._capture.skipped if self._capture is not None else {}
        self._writer = StoreWriter(
            self._root,
            specifications,
            batch=self.slots,
            attributes=self._attributes,
            flush_seconds=self._flush_seconds,
        )
        self._segment = self._writer.take_segment()
        for name, tensor in samples.items():
            self._segment.arrays[f"{ACTIVATIONS}/{name}"][:batch] = tensor.to(torch.float32).cpu().numpy() if (
                tensor.dtype == torch.bfloat16
            ) else tensor.cpu().numpy()
        self._bind()

    def _bind(self) -> None:
        if self._capture is None or self._segment is None:
            return
        prefix = f"{ACTIVATIONS}/"
        self._capture.bind(
            {
                path.removeprefix(prefix): torch.from_numpy(array)
                for path, array in self._segment.arrays.items()
                if path.startswith(prefix)
            }
        )

    def _next_segment(self) -> None:
        assert self._writer is not None
        assert self._segment is not None
        self._writer.submit(self._segment)
        self._submit_episodes()
        self._segment = self._writer.take_segment()
        self._last_submit = time.monotonic()
        self._bind()

    def _submit_episodes(self) -> None:
        if self._finished and self._writer is not None:
            self._writer.submit_episodes(self._finished)
            self._finished = []

    def _attributes(self) -> dict[str, Any]:
        missing = dict(self._capture.missing) if self._capture is not None else {}
        return self._facts | {"missing_activations": missing}

    def _first_facts(
        self,
        environment: Any,
        specification: EnvironmentSpecification | None,
        seed: int | None,
        deterministic: bool | None,
    ) -> dict[str, Any]:
        spec = specification or EnvironmentSpecification(id=None, kwargs={}, wrappers=())
        first = environment.envs[0] if hasattr(environment, "envs") else environment
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "created": _now(),
            "complete": False,
            "ended": ENDED_CUT_SHORT,
            "seed": seed,
            "deterministic": deterministic,
            "slots": self.slots,
            "policy": _describe_policy(self.policy),
            "environment": describe_environment(first, spec) if isinstance(first, gymnasium.Env) else None,
            "layers": {},
            "skipped_layers": {},
            "skipped_columns": {},
            "activation_dtype": str(self._activation_dtype) if self._activation_dtype else "as computed",
            "flush_seconds": self._flush_seconds,
            "versions": _versions(),
        }


def _as_policy(policy: Any) -> Policy | None:
    if policy is None or isinstance(policy, Policy):
        return policy
    from workbench.policies import wrap_stable_baselines3

    wrapped: Policy = wrap_stable_baselines3(policy)
    return wrapped


def _activation_dtype(name: str | None) -> np.dtype[Any] | None:
    if name is None:
        return None
    if name not in ("float16", "float32"):
        raise WorkbenchError(f"Activations can be stored as float16 or float32; {name!r} is neither.")
    return np.dtype(name)


def _describe_policy(policy: Policy | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    from workbench.policies import fingerprint

    return {
        "name": policy.name,
        "spec": getattr(policy, "spec", None),
        "fingerprint": fingerprint(policy),
        "settings": getattr(policy, "settings", None) or {},
        "parameters": sum(parameter.numel() for parameter in policy.module.parameters()),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
