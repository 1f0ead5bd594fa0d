"""A plain record of a search, in JSON, for whoever searches with something else; `docs/search.md` describes it.

Axis legend: that of `workbench.search.trace`.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace

FORMAT = "rl-workbench-search"
VERSION = 1
MOST_NODES = 5_000_000


def to_record(trace: SearchTrace) -> dict[str, Any]:
    """A trace in plain JSON; numbers that are not there are null."""
    nodes = [
        {
            "parent": int(trace.parent[node]),
            "action": int(trace.action[node]),
            "player": int(trace.player[node]),
            "value": _number(trace.value[node]),
            "terminal": bool(trace.terminal[node]),
            **({"reward": float(trace.reward[node])} if trace.reward is not None else {}),
            "edges": [_edge(trace, edge) for edge in range(*trace.edges_of(node).indices(len(trace.edge_action)))],
        }
        for node in range(trace.nodes)
    ]
    record: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "game": trace.game,
        "source": trace.source,
        "seed": trace.seed,
        "fingerprint": trace.fingerprint,
        "chosen": trace.chosen,
        "nodes": nodes,
        "root_prior": [float(p) for p in trace.root_prior],
        "noise": None if trace.noise is None else [float(n) for n in trace.noise],
    }
    if trace.replayable:
        assert trace.settings is not None
        assert trace.leaf is not None
        assert trace.backed_up is not None
        assert trace.wave is not None
        record["settings"] = asdict(trace.settings)
        record["simulations"] = {
            "leaf": trace.leaf.tolist(),
            "backed_up": [float(v) for v in trace.backed_up],
            "wave": trace.wave.tolist(),
        }
    return record


def _edge(trace: SearchTrace, edge: int) -> dict[str, Any]:
    found: dict[str, Any] = {"action": int(trace.edge_action[edge]), "prior": float(trace.prior[edge])}
    if trace.final_visits is not None and trace.final_value is not None:
        found |= {"visits": int(trace.final_visits[edge]), "q": _number(trace.final_value[edge])}
    return found


def from_record(record: Any) -> SearchTrace:
    """A trace from such a record.

    What is needed: `format`, `version`, `game` and `nodes`, each with `parent` (−1 for the first), `action`, `player`
    and `edges` (`action`, and what is known of `prior`, `visits`, `q`). With `settings` and `simulations` it can be
    replayed and audited; without, it is the final tree, and says so.

    Raises:
        WorkbenchError: Something is missing or has another type; the message names the place.
    """
    if not isinstance(record, Mapping) or record.get("format") != FORMAT or record.get("version") != VERSION:
        raise WorkbenchError(
            f"A record of a search has format {FORMAT!r} and version {VERSION}; this one has "
            f"{_short(record.get('format') if isinstance(record, Mapping) else record)} and "
            f"{_short(record.get('version') if isinstance(record, Mapping) else None)}."
        )
    nodes = record.get("nodes")
    if not isinstance(nodes, list) or not nodes or len(nodes) > MOST_NODES:
        raise WorkbenchError(f"The record of a search needs 'nodes', a list of 1 to {MOST_NODES:,}.")
    edges: list[Mapping[str, Any]] = []
    first = [0]
    for place, node in enumerate(nodes):
        if not isinstance(node, Mapping):
            raise WorkbenchError(f"nodes[{place}] should be an object; it is {_short(node)}.")
        given = node.get("edges", [])
        if not isinstance(given, list) or not all(isinstance(edge, Mapping) for edge in given):
            raise WorkbenchError(f"nodes[{place}].edges should be a list of objects.")
        edges += given
        first.append(len(edges))
    replayable = record.get("simulations") is not None and record.get("settings") is not None
    known = all("visits" in edge for edge in edges)
    if not replayable and not known:
        raise WorkbenchError(
            "The record has neither 'settings' and 'simulations' nor 'visits' at every edge: there is nothing to show."
        )
    simulations = record["simulations"] if replayable else {}
    root_prior = record.get("root_prior")
    if root_prior is None:
        root_prior = [edge.get("prior") for edge in edges[: first[1]]]
    absent = [] if replayable else ["the order of the simulations"]
    if any(node.get("value") is None for node in nodes):
        absent.append("the evaluations of single nodes")
    if any(edge.get("prior") is None for edge in edges):
        absent.append("the priors")
    return SearchTrace(
        game=_text(record, "game"),
        settings=_settings(record["settings"]) if replayable else None,
        seed=_whole(record.get("seed", 0), "seed"),
        fingerprint=str(record.get("fingerprint", ""))[:200],
        parent=_column(nodes, "parent", np.int32),
        action=_column(nodes, "action", np.int16),
        player=_column(nodes, "player", np.int8),
        value=_column(nodes, "value", np.float64, np.nan),
        terminal=_column(nodes, "terminal", np.int8, 0) > 0,
        reward=_column(nodes, "reward", np.float64, 0.0) if any("reward" in node for node in nodes) else None,
        first_edge=np.array(first, np.int32),
        edge_action=_column(edges, "action", np.int16, what="edges"),
        prior=_column(edges, "prior", np.float32, 0.0, what="edges"),
        leaf=_list(simulations, "leaf", np.int32) if replayable else None,
        backed_up=_list(simulations, "backed_up", np.float64) if replayable else None,
        wave=_list(simulations, "wave", np.int32) if replayable else None,
        root_prior=_list({"root_prior": [p or 0.0 for p in root_prior]}, "root_prior", np.float32),
        noise=_list(record, "noise", np.float64) if record.get("noise") is not None else None,
        final_visits=_column(edges, "visits", np.int32, what="edges") if known and not replayable else None,
        final_value=_column(edges, "q", np.float64, 0.0, what="edges") if known and not replayable else None,
        chosen=_whole(record.get("chosen", -1), "chosen"),
        source=str(record.get("source", "a record"))[:200],
        absent=tuple(absent),
    )


def _settings(given: Any) -> SearchSettings:
    names = {entry.name for entry in fields(SearchSettings)}
    if not isinstance(given, Mapping) or not set(given) <= names:
        raise WorkbenchError(f"The settings of a recorded search are any of {', '.join(sorted(names))}.")
    try:
        return SearchSettings(**given)
    except TypeError as error:
        raise WorkbenchError(f"The settings of the record are not of their types: {error}.") from error


def _column(rows: Any, name: str, dtype: Any, default: Any = None, *, what: str = "nodes") -> Any:
    values = []
    for place, row in enumerate(rows):
        value = row.get(name)
        value = default if value is None else value
        if isinstance(value, bool):
            value = int(value)
        if not isinstance(value, int | float):
            raise WorkbenchError(f"{what}[{place}].{name} should be a number; it is {_short(value)}.")
        values.append(value)
    return _array(values, dtype, f"{what}.{name}")


def _list(record: Mapping[str, Any], name: str, dtype: Any) -> Any:
    values = record.get(name)
    if not isinstance(values, list) or not all(isinstance(v, int | float) for v in values):
        raise WorkbenchError(f"'{name}' of the record should be a list of numbers; it is {_short(values)}.")
    return _array(values, dtype, name)


def _array(values: list[Any], dtype: Any, name: str) -> Any:
    array = np.array(values, np.float64) if values else np.zeros(0)
    if np.dtype(dtype).kind == "i":
        limits = np.iinfo(dtype)
        wrong = ~np.isfinite(array) | (array != np.round(array)) | (array < limits.min) | (array > limits.max)
        if wrong.any():
            raise WorkbenchError(f"{name} should be whole numbers; one of them is {values[int(np.argmax(wrong))]!r}.")
    return array.astype(dtype)


def _whole(value: Any, name: str) -> int:
    if type(value) is not int or abs(value) >= 2**63:
        raise WorkbenchError(f"'{name}' of the record should be a whole number; it is {_short(value)}.")
    return value


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value or len(value) > 200:
        raise WorkbenchError(f"'{name}' of the record should be a text of at most 200 characters.")
    return value


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _short(value: Any) -> str:
    return repr(value)[:80]
