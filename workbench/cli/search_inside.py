"""`workbench search RECORDING --step T --at MOVES`: what the network makes of a node of a search."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.cli.search_changes import action_of
from workbench.cli.search_options import ROOT, SearchOptions
from workbench.cli.search_words import named
from workbench.cli.table import format_table, to_json
from workbench.errors import WorkbenchError
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.saliency import Case, SaliencyMaps
    from workbench.analyses.saliency.evidence import Evidence
    from workbench.analyses.search.nodes import PlaceActivations, Then
    from workbench.analyses.search.places import Place
    from workbench.policies.types import Policy
    from workbench.recording import Recording
    from workbench.search.trace import SearchTrace


def run_inside(options: SearchOptions, recording: "Recording", row: int, trace: "SearchTrace") -> None:
    """Ask the network about a node, and print its layers there beside the root's; with a method also a map.

    Raises:
        UsageError: There is no such move.
        WorkbenchError: The search did not go there, the network is not at hand or another, or nothing is chosen there.
    """
    from workbench.analyses.search.nodes import activations_at, told_then
    from workbench.analyses.search.places import action_names_of, check_network
    from workbench.cli.saliency import describe_maps, map_facts
    from workbench.recording.spaces_only import environment_or_spaces
    from workbench.search.policy import SearchPolicy

    policy = recording.policy(environment_or_spaces(recording))
    network = policy.policy if isinstance(policy, SearchPolicy) else policy
    check_network(trace, network)
    places = _Places(recording, row, trace, network)
    names = places.names if places.names is not None else action_names_of(recording, trace)
    node = node_after(trace, options.at or ROOT, names)
    place = places.at(node)
    found = activations_at(network, [place])
    root = found if node == 0 else activations_at(network, [places.at(0)])
    facts = _facts(options, row, trace, node, names, place, found, root, told_then(trace, node, found))
    explained = (
        [] if options.method is None else _explain(options.method, recording, network, trace, node, place, found)
    )
    if options.json:
        facts["maps"] = [map_facts(*one) for one in explained]
        sys.stdout.write(f"{to_json(facts)}\n")
    else:
        where = printable(f"node {node}, {' '.join(facts['line']) or ROOT}")
        blocks = [_describe(facts), *(describe_maps(*one, where=where) for one in explained)]
        sys.stdout.write("\n\n".join(blocks) + "\n")
    if options.out is not None:
        _write(options.out, options, found, root)


class _Places:
    """Nodes of one search as places: by the rules of a game, or with the environment brought there."""

    def __init__(self, recording: "Recording", row: int, trace: "SearchTrace", network: "Policy") -> None:
        from workbench.recording.searched import SearchedStep
        from workbench.search.policy import game_of

        self._trace, self._network = trace, network
        self._game = self._root = self._step = None
        self.names: list[str] | None = None
        if "position" in recording.search:
            self._game, self._root = game_of(recording.make_environment()), recording.search["position"][row]
            self.names = list(self._game.action_names)
        else:
            self._step = SearchedStep(recording, row)

    def at(self, node: int) -> "Place":
        from workbench.analyses.search.places import node_position, position_place, visited_place

        if self._step is not None:
            return visited_place(self._step, self._network, node)
        assert self._game is not None
        assert self._root is not None
        return position_place(self._game, node_position(self._trace, self._game, self._root, node))


def node_after(trace: "SearchTrace", line: str, names: "list[str]") -> int:
    """The node that actions lead to; where chance decided between several, the one that came most often.

    Args:
        trace: The search.
        line: Actions by name or number, with commas; `root` for none.
        names: `[A]`

    Raises:
        UsageError: There is no such action.
        WorkbenchError: The search did not go there.
    """
    from workbench.search import rebuild

    actions = [] if line.strip() == ROOT else [action_of(one.strip(), names) for one in line.split(",") if one.strip()]
    visits = rebuild(trace).node_visits if trace.replayable else np.zeros(trace.nodes, int)
    node = 0
    for number, action in enumerate(actions):
        below = np.flatnonzero((trace.parent == node) & (trace.action == action))
        if not len(below):
            gone = ", ".join(named(one, names) for one in actions[:number]) or ROOT
            there = sorted({named(int(one), names) for one in trace.action[trace.parent == node]})
            raise WorkbenchError(
                f"This search did not try {named(action, names)} after {gone}; what it tried there: "
                f"{', '.join(there) or 'nothing'}."
            )
        node = int(below[np.argmax(visits[below])])
    return node


def _facts(
    options: SearchOptions,
    row: int,
    trace: "SearchTrace",
    node: int,
    names: "list[str]",
    place: "Place",
    found: "PlaceActivations",
    root: "PlaceActivations",
    then: "Then",
) -> dict[str, Any]:
    actions = [int(action) for action in trace.edge_action[trace.edges_of(node)]]
    now = then.priors_now
    layers = []
    for name, values in found.layers.items():
        here, other = values[0].astype(np.float64).ravel(), root.layers[name][0].astype(np.float64).ravel()
        size = float(np.linalg.norm(other))
        layers.append(
            {
                "layer": name,
                "module": found.modules.get(name, ""),
                "shape": list(values.shape[1:]),
                "mean": float(here.mean()),
                "root_mean": float(other.mean()),
                "change": float(np.linalg.norm(here - other)) / size if size else None,
            }
        )
    return {
        "recording": options.recording,
        "row": row,
        "episode": options.episode,
        "step": options.step,
        "node": node,
        "line": [named(move, names) for move in trace.moves(node)],
        "fingerprint": trace.fingerprint,
        "exact": place.exact,
        "value_unit": place.value_unit,
        "value": then.value_now,
        "value_told": then.value,
        "largest_difference": then.largest_difference,
        "moves": [
            {
                "name": named(action, names),
                "prior_told": float(then.priors[index]),
                "prior": None if now is None else float(now[index]),
                "score": None if found.logits is None else float(found.logits[0, action]),
            }
            for index, action in enumerate(actions)
        ],
        "scores": found.scores,
        "layers": layers,
        "skipped": dict(found.skipped),
    }


def _describe(facts: dict[str, Any]) -> str:
    def number(value: float | None, form: str = "+.4f") -> str:
        return "–" if value is None else format(value, form).replace("-", "−")

    where = f"after {' '.join(map(printable, facts['line']))}" if facts["line"] else "the root"
    said = [f"value {number(facts['value'])} [{facts['value_unit']}]"] if facts["value"] is not None else ["no value"]
    if facts["value_told"] is not None:
        said.append(f"the search was told {number(facts['value_told'])}")
    if not np.isnan(facts["largest_difference"]):
        said.append(f"largest difference of value and priors to what it was told {facts['largest_difference']:.1g}")
    if not facts["exact"]:
        said.append("chance was met on the way: a state with the same observation")
    lines = [
        f"node {facts['node']}, {where}: step {facts['step']} of episode {facts['episode']} (n = 1 node)",
        f"asked anew, the network of fingerprint {facts['fingerprint'][:12]}: {'; '.join(said)}",
    ]
    moves = [
        (printable(one["name"]), number(one["prior_told"], ".4f"), number(one["prior"], ".4f"), number(one["score"]))
        for one in facts["moves"]
    ]
    layers = [
        (
            printable(one["layer"]),
            one["module"],
            " × ".join(map(str, one["shape"])) or "1",
            number(one["mean"], ".4g"),
            number(one["root_mean"], ".4g"),
            "–" if one["change"] is None else f"{one['change']:.3f}",
        )
        for one in facts["layers"]
    ]
    unit = " [nats]" if facts["scores"] == "logit" else " [return]"
    blocks = [
        "\n".join(lines),
        format_table(("move", "prior told", "prior now", f"{facts['scores']}{unit}"), moves, right=(1, 2, 3)),
        format_table(
            ("layer", "module", "shape", "mean", "mean at the root", "|node − root| ÷ |root|"), layers, right=(3, 4, 5)
        ),
    ]
    return "\n\n".join(blocks)


def _explain(
    method: str,
    recording: "Recording",
    network: "Policy",
    trace: "SearchTrace",
    node: int,
    place: "Place",
    found: "PlaceActivations",
) -> "list[tuple[Case, SaliencyMaps, Evidence]]":
    """Maps of the value and of the logit of what the search prefers there, as far as the network gives them."""
    from workbench.analyses.saliency import saliency
    from workbench.analyses.saliency.evidence import evidence
    from workbench.analyses.search.nodes import place_case, preferred_action

    questions: list[int | None] = [] if found.value is None else [None]
    questions += [] if found.logits is None else [preferred_action(trace, node)]
    explained = []
    for action in questions:
        case = place_case(recording, network, place, action)
        maps = saliency(case, method)
        explained.append((case, maps, evidence(case, maps)))
    return explained


def _write(out: Path, options: SearchOptions, found: "PlaceActivations", root: "PlaceActivations") -> None:
    from workbench.exports.output import writing

    arrays = {f"node/{name}": values[0] for name, values in found.layers.items()}
    arrays |= {f"root/{name}": values[0] for name, values in root.layers.items()}
    with writing(out, overwrite=options.overwrite) as partial:
        np.savez_compressed(partial, **arrays)
    sys.stderr.write(f"{out}\n")
