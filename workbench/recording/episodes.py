"""Episodes of a recording: the table of all, and one of them with its rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.layout import EPISODE_COLUMNS
from workbench.recording.lazy import LazyArrays, read_whole

if TYPE_CHECKING:
    from workbench.recording.reader import Recording

MAXIMUM_OPEN = 2**16
"""Most episodes whose end was not committed: there is one a slot."""
LARGEST_TABLE = 2**26
"""Greatest number of an episode up to which those that ended are looked up in a table."""
BLOCK_BYTES = 16 << 20
"""How much of the steps' episodes is held in memory at a time."""


def read_table(arrays: LazyArrays, steps: LazyArrays, number_of_steps: int) -> dict[str, npt.NDArray[Any]]:
    """All episodes in order of their number, those whose end was not committed made up from their steps.

    Args:
        arrays: The stored columns, in the order in which the episodes ended.
        steps: The step columns, read block by block, and only where an episode has to be made up.
        number_of_steps: How many are committed.

    Raises:
        WorkbenchError: A column is missing or of another type, or the table does not fit the steps.
    """
    there = [name for name in EPISODE_COLUMNS if name in arrays]
    for name in there:
        if arrays[name].ndim != 1:
            raise WorkbenchError(
                f"The recording is damaged: episodes/{name} should be one {EPISODE_COLUMNS[name]} an episode and is "
                f"{arrays[name].dtype} {list(arrays[name].shape[1:])}."
            )
    table = dict(zip(there, read_whole([arrays[name] for name in there]), strict=True))
    count = len(table.get("id", ()))
    if count:
        _check(table, number_of_steps)
    else:
        table = {name: np.empty(0, dtype) for name, dtype in EPISODE_COLUMNS.items()}
    if number_of_steps and int(table["length"].sum(dtype=np.int64)) != number_of_steps:
        made_up = _open_episodes(table["id"], steps)
        table = {name: np.concatenate([table[name], made_up[name]]) for name in EPISODE_COLUMNS}
    order = np.argsort(table["id"], kind="stable")
    for name, column in table.items():
        table[name] = column[order]
        table[name].flags.writeable = False
    return table


def _check(table: Mapping[str, npt.NDArray[Any]], number_of_steps: int) -> None:
    for name, dtype in EPISODE_COLUMNS.items():
        if name not in table or table[name].dtype.kind != np.dtype(dtype).kind:
            raise WorkbenchError(
                f"The recording is damaged: episodes/{name} should be one {dtype} an episode and "
                f"{f'is {table[name].dtype}' if name in table else 'is not there'}."
            )
    length, first = table["length"].astype(np.int64), table["first_step"]
    wrong = (length < 0) | (first < 0) | (first > number_of_steps - length) | (table["id"] < 0)
    if wrong.any() or len(np.unique(table["id"])) != len(length):
        place = int(np.argmax(wrong))
        raise WorkbenchError(
            f"The recording is damaged: the table of episodes does not fit its {number_of_steps:,} steps "
            f"(row {place}: id {table['id'][place]}, first step {first[place]}, length {length[place]}; "
            f"ids are there once each)."
        )


def _open_episodes(ended: npt.NDArray[Any], steps: LazyArrays) -> dict[str, npt.NDArray[Any]]:
    """The table's rows of the episodes that steps name and the table does not."""
    ended, found = np.sort(ended), dict[int, list[Any]]()
    for rows, ids in steps["episode"].blocks(BLOCK_BYTES):
        open_rows = np.flatnonzero(~_contains(ended, ids))
        if not len(open_rows):
            continue
        numbers, firsts, places = np.unique(ids[open_rows], return_index=True, return_inverse=True)
        returns = np.bincount(places, steps["reward"][rows][open_rows])
        lengths, slots = np.bincount(places), steps["slot"][rows][open_rows[firsts]]
        for place, number in enumerate(numbers.tolist()):
            facts = found.setdefault(number, [0.0, 0, rows.start + int(open_rows[firsts[place]]), int(slots[place])])
            facts[0] += float(returns[place])
            facts[1] += int(lengths[place])
        if len(found) > MAXIMUM_OPEN:
            raise WorkbenchError(
                f"The recording is damaged: its steps name more than {MAXIMUM_OPEN:,} episodes that its table lacks."
            )
    facts = [found[number] for number in sorted(found)]
    known = {
        "id": sorted(found),
        "return": [fact[0] for fact in facts],
        "length": [fact[1] for fact in facts],
        "seed": [-1] * len(facts),
        "first_step": [fact[2] for fact in facts],
        "slot": [fact[3] for fact in facts],
    }
    return {
        name: np.array(known.get(name, [False] * len(facts))).astype(dtype) for name, dtype in EPISODE_COLUMNS.items()
    }


def _contains(ordered: npt.NDArray[Any], values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which values are among those in order; by a table where they are as dense as numbers of episodes are."""
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    if least < 0 or most > LARGEST_TABLE:
        return np.isin(values, ordered)
    table: npt.NDArray[np.bool_] = np.zeros(most + 1, np.bool_)
    table[ordered[ordered <= most]] = True
    return np.asarray(table[values])


def scan_rows(ids: Iterator[tuple[slice, npt.NDArray[Any]]], number: int, length: int) -> npt.NDArray[np.int64]:
    """The rows of one episode, `[T]`, out of blocks of the steps' episodes; stops at the episode's end.

    Args:
        ids: Blocks of `steps/episode`, with the rows that they are.
        number: The episode's `id`.
        length: T.
    """
    found: list[npt.NDArray[np.int64]] = []
    missing = length
    for rows, block in ids:
        if missing <= 0:
            break
        found.append(np.flatnonzero(block == number)[:missing] + rows.start)
        missing -= len(found[-1])
    return np.concatenate(found) if found else np.empty(0, np.int64)


@dataclass(frozen=True, kw_only=True)
class Episode:
    """One episode of a recording; T is its number of steps."""

    recording: "Recording"
    index: int
    """Its place in the recording, from 0."""
    rows: npt.NDArray[np.int64]
    """`[T]`, its rows in `recording.steps`, in order of time."""
    facts: Mapping[str, Any]
    """Its row of `recording.episodes`."""

    @property
    def length(self) -> int:
        """T, its steps."""
        return len(self.rows)

    @property
    def total_reward(self) -> float:
        """Its return: the undiscounted sum of its rewards."""
        return float(self.facts["return"])

    @property
    def seed(self) -> int | None:
        """What the environment was reset with; None where it is not known."""
        return int(self.facts["seed"]) if self.facts["seed"] >= 0 else None

    @property
    def terminated(self) -> bool:
        """Whether the environment reached an end."""
        return bool(self.facts["terminated"])

    @property
    def truncated(self) -> bool:
        """Whether it was cut off by a limit."""
        return bool(self.facts["truncated"])

    @property
    def complete(self) -> bool:
        """Whether it was recorded to its end."""
        return bool(self.facts["complete"])

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of its steps, `[T, ...]`."""
        return self.recording.steps[name][self.rows]

    def activations(self, layer: str) -> npt.NDArray[Any]:
        """A layer's activations, `[T, ...]`."""
        return self.recording.activations[layer][self.rows]

    def state(self, name: str) -> npt.NDArray[Any]:
        """Recurrent state after each of its steps, `[T, ...]`."""
        return self.recording.state[name][self.rows]

    def observations(self, key: str | None = None) -> npt.NDArray[Any]:
        """Its observations, `[T+1, ...]`: before each action and after the last; `[T, ...]` where that was not kept.

        Args:
            key: Which one, where the observation is a dict.

        Raises:
            WorkbenchError: The observation is a dict and no key was given, or another one.
        """
        name = f"observation/{key}" if key else "observation"
        if name not in self.recording.steps:
            keys = [n.removeprefix("observation/") for n in self.recording.steps if n.startswith("observation/")]
            raise WorkbenchError(
                f"There is no {name}; the observation's keys are: {', '.join(keys) or 'none recorded'}."
            )
        before = self.column(name)
        final = self.recording.final_observation(self.index, key)
        return before if final is None else np.concatenate([before, final[None]])

    def __repr__(self) -> str:
        how = "terminated" if self.terminated else "truncated" if self.truncated else "not finished"
        return f"<episode {self.index}: {self.length} steps, return {self.total_reward:g}, seed {self.seed}, {how}>"
