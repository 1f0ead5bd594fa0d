"""The decisions of a recording in which search and network differ most.

Axis legend: D decisions with a search, in the order of the steps.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from workbench.progress import Progress, SilentProgress
from workbench.search.replay import rebuild
from workbench.search.trace import SearchTrace

if TYPE_CHECKING:
    from workbench.recording import Recording

SMALLEST_PRIOR = 1e-12


@dataclass(frozen=True, kw_only=True)
class Surprise:
    """How far a search left its network at the root."""

    surprise: float
    """KL(visits ‖ prior before noise), in nat."""
    favourite: int
    """The action with the largest prior."""
    choice: int
    """The action with the most visits."""
    q_gain: float
    """Q of the choice less Q of the favourite, for the player to move; NaN where the favourite has no visit."""

    @property
    def overturned(self) -> bool:
        """Whether the search prefers another action than the network."""
        return self.favourite != self.choice


@dataclass(frozen=True, kw_only=True)
class Surprises:
    """Those of a recording."""

    row: npt.NDArray[np.int64]
    """`[D]`, of `recording.steps`."""
    episode: npt.NDArray[np.int64]
    """`[D]`, place of the episode in the recording."""
    step: npt.NDArray[np.int64]
    """`[D]`, of the episode."""
    found: tuple[Surprise, ...]
    """`[D]`"""
    left_out: int
    """Steps that were not looked at."""
    damaged: int
    """Steps whose search cannot be read."""


def surprise_of(trace: SearchTrace) -> Surprise:
    """How far a search left its network."""
    state = rebuild(trace)
    edges = trace.edges_of(0)
    visits, prior, q = state.visits[edges], trace.root_prior.astype(np.float64), state.q[edges]
    share = visits / max(1, int(visits.sum()))
    there = share > 0
    divergence = float((share[there] * np.log(share[there] / np.maximum(prior[there], SMALLEST_PRIOR))).sum())
    favourite, choice = int(np.argmax(prior)), int(np.lexsort((prior, visits))[-1])
    return Surprise(
        surprise=max(0.0, divergence),
        favourite=int(trace.edge_action[favourite]),
        choice=int(trace.edge_action[choice]),
        q_gain=float(q[choice] - q[favourite]),
    )


def surprises(recording: "Recording", *, most: int = 5_000, progress: Progress | None = None) -> Surprises:
    """Go through the searches of a recording.

    Args:
        recording: With searches.
        most: Steps that are looked at, the first ones.
        progress: Is told how many steps were, and may raise `Cancelled`.
    """
    from workbench.errors import WorkbenchError

    progress = progress or SilentProgress()
    rows: list[tuple[int, int, int]] = []
    found: list[Surprise] = []
    looked = damaged = 0
    total = min(most, recording.number_of_steps)
    for number in range(recording.number_of_episodes):
        if looked >= most:
            break
        for step, row in enumerate(recording.episode(number).rows):
            if looked >= most:
                break
            looked += 1
            if looked % 25 == 0:
                progress.update(looked, total, "searches")
            try:
                trace = recording.search_trace(int(row))
            except WorkbenchError:
                damaged += 1
                continue
            if trace is not None and len(trace.root_prior):
                rows.append((int(row), number, step))
                found.append(surprise_of(trace))
    places = np.array(rows, np.int64).reshape(-1, 3)
    return Surprises(
        row=places[:, 0],
        episode=places[:, 1],
        step=places[:, 2],
        found=tuple(found),
        left_out=max(0, recording.number_of_steps - looked),
        damaged=damaged,
    )
