"""Recording an agent at intervals while it trains."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.recording.environment_wrappers import Environment

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback


def RecordingCallback(  # noqa: N802 - it stands where stable-baselines3's callback classes stand
    env: str | Callable[[], Environment],
    folder: str | Path,
    *,
    every: int,
    episodes: int = 5,
    seed: int = 0,
    deterministic: bool = True,
    layers: Sequence[str] | None = None,
    environments: int = 1,
    env_kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[str] = (),
    overwrite: bool = False,
) -> "BaseCallback":
    """A stable-baselines3 callback that records the agent at the start, every so many steps, and at the end.

    The recordings lie in `folder` as `step_000010000.zarr`, all of the same episodes (same seeds): they compare.

    Args:
        env: The environment to record in (not the training one), by name or as a function that makes it.
        folder: Where the recordings go.
        every: Training steps between two recordings.
        episodes: Episodes in each.
        seed: Of the first episode of each.
        deterministic: Take the policy's mode.
        layers: As for `record`.
        environments: As for `record`.
        env_kwargs: As for `record`.
        wrappers: As for `record`.
        overwrite: Replace recordings that are there.
    """
    from stable_baselines3.common.callbacks import BaseCallback

    from workbench.recording.rollout import record

    class _Callback(BaseCallback):
        def __init__(self) -> None:
            super().__init__()
            self._next = 0
            self._last = -1

        def _on_training_start(self) -> None:
            self._record()

        def _on_step(self) -> bool:
            if self.num_timesteps >= self._next:
                self._record()
            return True

        def _on_training_end(self) -> None:
            if self._last != self.num_timesteps:
                self._record()

        def _record(self) -> None:
            self._last = self.num_timesteps
            self._next = self.num_timesteps + every
            record(
                self.model,
                env,
                out=f"{str(folder).rstrip('/')}/step_{self.num_timesteps:09d}.zarr",
                episodes=episodes,
                seed=seed,
                deterministic=deterministic,
                layers=layers,
                environments=environments,
                env_kwargs=env_kwargs,
                wrappers=wrappers,
                overwrite=overwrite,
            )

    return _Callback()
