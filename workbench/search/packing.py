"""A trace as rows of fixed size, one row of each array a step, as a recording stores them; and back.

What follows from the rest is not stored. Rows are filled up with zeros behind their counts; compression makes nothing
of these.

Axis legend:
    N  most nodes of a search: its simulations and the root, E  most edges, S  most simulations, A  actions, W  words
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.replay import backed_up_of
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace

FORMAT_VERSION = 1
_SECOND_PLAYER, _TERMINAL = 1, 2
_SHORT = 2**15


@dataclass(frozen=True, kw_only=True)
class TraceRoom:
    """How large the rows are: the same for all steps of a recording."""

    simulations: int
    actions: int
    words: int
    """0: positions are not kept."""
    rewards: bool
    """Whether there are rewards, and values are kept as float64."""
    digests: bool = False
    """Whether 64 bits that tell each node's observation are kept, as searches in environments have them."""

    @property
    def nodes(self) -> int:
        """N"""
        return self.simulations + 1

    @property
    def edges(self) -> int:
        """E"""
        return self.nodes * self.actions


def pack_trace(trace: SearchTrace, room: TraceRoom) -> dict[str, npt.NDArray[Any]]:
    """One row of each array, by name.

    Args:
        trace: With its simulations.
        room: At least as large as the trace.

    Raises:
        WorkbenchError: The trace is larger, or cannot be replayed.
    """
    if not trace.replayable:
        raise WorkbenchError(f"A trace from {trace.source} holds the final tree alone, and is not recorded with steps.")
    N, E, S = trace.nodes, len(trace.edge_action), trace.simulations
    if room.nodes < N or room.edges < E or room.simulations < S or len(trace.root_prior) > room.actions:
        raise WorkbenchError(
            f"A trace of {N} nodes, {E} edges and {S} simulations does not fit into rows of {room.nodes}, "
            f"{room.edges} and {room.simulations}: all searches of a recording have the same settings."
        )
    assert trace.leaf is not None
    assert trace.wave is not None
    values: dict[str, Any] = {
        "counts": [N, E, S],
        "seed": trace.seed,
        "parent": trace.parent,
        "action": trace.action,
        "flags": (trace.player > 0) * _SECOND_PLAYER + trace.terminal * _TERMINAL,
        "edge_count": np.diff(trace.first_edge),
        "value": trace.value,
        "edge_action": trace.edge_action,
        "prior": trace.prior,
        "leaf": trace.leaf,
        # A wave is told from the next by its beginning.
        "wave_begins": np.diff(trace.wave, prepend=-1) > 0,
        "root_prior": trace.root_prior,
    }
    values |= {"noise": trace.noise} if trace.noise is not None else {}
    values |= {"reward": trace.reward} if room.rewards and trace.reward is not None else {}
    values |= {"position": trace.position[0]} if room.words and trace.position is not None else {}
    values |= {"digest": trace.position[:, 0]} if room.digests and trace.position is not None else {}
    packed = absent_trace(room)
    for name, given in values.items():
        if packed[name].ndim:
            packed[name][: len(given)] = given
        else:
            packed[name][...] = given
    return packed


def absent_trace(room: TraceRoom) -> dict[str, npt.NDArray[Any]]:
    """The row of a step at which nothing was searched: counts of 0."""
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "counts": ((3,), np.int32),
        "seed": ((), np.int64),
        "parent": ((room.nodes,), np.int16 if room.nodes < _SHORT else np.int32),
        "action": ((room.nodes,), np.int16),
        "flags": ((room.nodes,), np.uint8),
        "edge_count": ((room.nodes,), np.int16),
        "value": ((room.nodes,), np.float64 if room.rewards else np.float32),
        "edge_action": ((room.edges,), np.int16),
        "prior": ((room.edges,), np.float32),
        "leaf": ((room.simulations,), np.int16 if room.nodes < _SHORT else np.int32),
        "wave_begins": ((room.simulations,), np.uint8),
        "root_prior": ((room.actions,), np.float32),
        "noise": ((room.actions,), np.float64),
    }
    if room.rewards:
        shapes["reward"] = ((room.nodes,), np.float64)
    if room.words:
        shapes["position"] = ((room.words,), np.uint64)
    if room.digests:
        shapes["digest"] = ((room.nodes,), np.uint64)
    return {name: np.zeros(shape, dtype) for name, (shape, dtype) in shapes.items()}


def unpack_trace(row: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, Any], *, chosen: int) -> SearchTrace | None:
    """The trace of a step; None where nothing was searched. Node positions but the root's follow from the game.

    Args:
        row: One row of each array.
        facts: What the recording says of all its searches (`search_facts`).
        chosen: What was played, as the environment numbers actions.

    Raises:
        WorkbenchError: The arrays do not belong together.
    """
    N, E, S = (int(count) for count in row["counts"])
    if N == 0:
        return None
    lengths = {"parent": N, "edge_action": E, "prior": E, "leaf": S, "wave_begins": S}
    for name, count in lengths.items():
        if not 0 <= count <= len(row[name]):
            raise WorkbenchError(f"The search of this step is damaged: {count} entries of {name} of {len(row[name])}.")
    settings = read_settings(facts)
    first = np.concatenate([[0], np.cumsum(row["edge_count"][:N].astype(np.int64))])
    if first[-1] != E or (np.diff(first) < 0).any():
        raise WorkbenchError(f"The search of this step is damaged: its nodes have {first[-1]} edges, not {E}.")
    R = int(first[1])
    noisy = settings.rule == "gumbel"
    if settings.rule == "puct" and settings.noise > 0:
        # Where it acted deterministically there was none, whatever the settings say of it.
        noisy = bool(row["noise"][:R].any())
        settings = settings if noisy else replace(settings, noise=0.0)
    rewards = row["reward"][:N] if "reward" in row else None
    told = facts.get("environment") or {}
    if not isinstance(told, Mapping):
        raise WorkbenchError("What this recording says of the environment that was searched is damaged.")
    first_action = told.get("first_action", 0)
    arrays: dict[str, Any] = {
        "parent": row["parent"][:N].astype(np.int32),
        "action": row["action"][:N].astype(np.int16),
        "player": (row["flags"][:N] & _SECOND_PLAYER).astype(np.int8),
        "value": row["value"][:N].copy(),
        "terminal": (row["flags"][:N] & _TERMINAL) > 0,
        "reward": rewards.copy() if rewards is not None else None,
        "first_edge": first.astype(np.int32),
        "edge_action": row["edge_action"][:E].astype(np.int16),
        "prior": row["prior"][:E].copy(),
        "leaf": row["leaf"][:S].astype(np.int32),
        "wave": (np.cumsum(row["wave_begins"][:S] > 0) - 1).astype(np.int32),
        "root_prior": row["root_prior"][:R].copy(),
        "noise": row["noise"][:R].copy() if noisy else None,
    }
    bare = SearchTrace(
        game=str(facts.get("game", "")),
        settings=settings,
        seed=int(row["seed"]),
        fingerprint=str(facts.get("fingerprint", "")),
        position=row["digest"][:N, None].copy() if "digest" in row else None,
        backed_up=np.zeros(S, row["value"].dtype),
        chosen=max(-1, chosen - int(first_action)),
        facts=dict(told),
        **arrays,
    )
    return replace(bare, backed_up=backed_up_of(bare).astype(row["value"].dtype))


def search_facts(
    game: str,
    settings: SearchSettings,
    fingerprint: str,
    room: TraceRoom,
    environment: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a recording says of all its searches, in plain JSON.

    Args:
        game: The game, or the environment.
        settings: How was searched.
        fingerprint: Which weights evaluated.
        room: How large the rows are.
        environment: Facts that the traces of searches in an environment share; None: it is a game.
    """
    facts: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "game": game,
        "settings": asdict(settings),
        "fingerprint": fingerprint,
        "room": asdict(room),
    }
    return facts if environment is None else facts | {"environment": dict(environment)}


def read_settings(facts: Mapping[str, Any]) -> SearchSettings:
    """The settings that a recording names.

    Raises:
        WorkbenchError: They are none of this version.
    """
    if facts.get("format_version") != FORMAT_VERSION:
        raise WorkbenchError(
            f"The searches of this recording have format version {facts.get('format_version')!r}; this workbench reads "
            f"version {FORMAT_VERSION}."
        )
    given = facts.get("settings")
    names = {entry.name for entry in fields(SearchSettings)}
    if not isinstance(given, Mapping) or not set(given) <= names:
        raise WorkbenchError("The settings of this recording's searches are damaged: names that no search has.")
    try:
        return SearchSettings(**given)
    except TypeError as error:
        raise WorkbenchError(f"The settings of this recording's searches are damaged: {error}.") from error
