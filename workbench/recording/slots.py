"""Which episode goes on in which environment, and how far it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.recording.columns import flatten_observation

NO_SEED = -1
NO_EPISODE = -1
_ONE = np.int32(1)


class Slots:
    """The environments side by side, each with its episode: what `steps/` and `episodes/` say of episodes.

    Args:
        count: How many environments there are.
        first_episode: Number of the first episode to begin.
    """

    def __init__(self, count: int, first_episode: int = 0) -> None:
        self.count = count
        self.number_of_episodes = first_episode
        """Number of the next episode to begin."""
        self.finished: list[Mapping[str, Any]] = []
        """Rows of the episodes' table that have not been handed to the writer yet."""
        self._numbers = np.arange(count, dtype=np.int16)
        # Rows hold these two as they are: they are replaced, and never changed.
        self._episode = np.full(count, NO_EPISODE, np.int32)
        self._t = np.zeros(count, np.int32)
        self._return = np.zeros(count, np.float64)
        self._first = np.zeros(count, np.int64)
        self._seed = np.full(count, NO_SEED, np.int64)
        self._starting: set[int] = set()

    def episode(self, slot: int) -> int:
        """The number of the episode that goes on in a slot; −1 between episodes."""
        return int(self._episode[slot])

    def start(self, slot: int, seed: int | None) -> int:
        """Begin an episode; gives its number."""
        self._set(slot, episode=self.number_of_episodes, t=0)
        self.number_of_episodes += 1
        self._return[slot] = 0.0
        self._starting.add(slot)
        self._seed[slot] = NO_SEED if seed is None else seed
        return self.episode(slot)

    def restore(self, slot: int, *, episode: int, t: int, total: float, first_row: int, seed: int) -> None:
        """Take up an episode of which `t` steps are recorded, with a return of `total` so far."""
        self._set(slot, episode=episode, t=t)
        self._return[slot] = total
        self._first[slot], self._seed[slot] = first_row, seed

    def columns(self, slots: npt.NDArray[np.int16] | None) -> dict[str, npt.NDArray[Any]]:
        """`episode`, `t` and `slot` of the rows to come, which do not change later; None means all slots."""
        if slots is None:
            return {"steps/episode": self._episode, "steps/t": self._t, "steps/slot": self._numbers}
        return {"steps/episode": self._episode[slots], "steps/t": self._t[slots], "steps/slot": slots}

    def advance(self, slots: npt.NDArray[np.int16] | None, rewards: npt.NDArray[np.float64], first_row: int) -> None:
        """Count one step in each slot.

        Args:
            slots: Which, in the order of the rows; None means all.
            rewards: What came back, one a row.
            first_row: Row of the first of them in `steps/`.
        """
        if self._starting:
            for row, slot in enumerate((self._numbers if slots is None else slots).tolist()):
                if slot in self._starting:
                    self._first[slot] = first_row + row
                    self._starting.discard(slot)
        if slots is None:
            self._t = self._t + _ONE
            self._return += rewards
        else:
            self._t = self._t.copy()
            self._t[slots] += 1
            self._return[slots] += rewards

    def take_finished(self) -> list[Mapping[str, Any]]:
        """The rows of the episodes that have ended since the last call."""
        finished, self.finished = self.finished, []
        return finished

    def finish(
        self,
        slot: int,
        final_observation: Any,
        *,
        terminated: bool,
        truncated: bool,
        complete: bool,
        final_frame: npt.NDArray[np.uint8] | None,
        final_truth: Mapping[str, npt.NDArray[Any]],
    ) -> None:
        """End the slot's episode; one without a step leaves no row."""
        if self._episode[slot] >= 0 and self._t[slot] > 0:
            row: dict[str, Any] = {
                "id": self._episode[slot],
                "return": self._return[slot],
                "length": self._t[slot],
                "seed": self._seed[slot],
                "first_step": self._first[slot],
                "slot": slot,
                "terminated": terminated,
                "truncated": truncated,
                "complete": complete,
            }
            if final_observation is not None:
                for key, value in flatten_observation(final_observation).items():
                    row["final_observation" + key] = np.array(value)
            if final_frame is not None:
                row["final_frame"] = np.array(final_frame)
            row |= {f"final_truth/{name}": value for name, value in final_truth.items()}
            self.finished.append(row)
        self._set(slot, episode=NO_EPISODE, t=0)

    def _set(self, slot: int, *, episode: int, t: int) -> None:
        self._episode, self._t = self._episode.copy(), self._t.copy()
        self._episode[slot], self._t[slot] = episode, t
