"""`workbench search RECORDING --set-prior …, --set-value …`: a recorded search run again with changes."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.cli.option_kinds import UsageError
from workbench.cli.search_options import SearchOptions
from workbench.cli.table import format_table, to_json
from workbench.errors import WorkbenchError
from workbench.printable import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from workbench.recording import Recording
    from workbench.search import Evaluator, Game, SearchTrace
    from workbench.search.counterfactual import Counterfactual, NodeChange


@dataclass(frozen=True, kw_only=True)
class AtHand:
    """What a search can be run again with."""

    game: "Game | None"
    evaluate: "Evaluator | None"
    root: "npt.NDArray[np.uint64] | None"
    """`[W]`"""
    missing: str
    """Why something of it is not there; empty where all is."""


def run_changed(options: SearchOptions, recording: "Recording", row: int, trace: "SearchTrace") -> None:
    """Run one search again, and print the root before and after.

    Raises:
        UsageError: A change is not of its form.
        WorkbenchError: There is no such move or position, or the search cannot be run again.
    """
    from workbench.search.counterfactual import counterfactual

    there = _at_hand(recording, row, trace)
    names = list(there.game.action_names) if there.game is not None else list(recording.action_names or ())
    changes = _changes(options, trace, there, names)
    again = counterfactual(trace, changes, keep=options.keep, game=there.game, root=there.root, evaluate=there.evaluate)
    facts = {"recording": options.recording, "row": row, "episode": options.episode, "step": options.step}
    facts |= _facts(trace, again, changes, names, there)
    sys.stdout.write(f"{to_json(facts) if options.json else _describe(facts)}\n")


def _at_hand(recording: "Recording", row: int, trace: "SearchTrace") -> AtHand:
    """The game and the network, as far as they can be had; without them a search ends where its trace knows no more."""
    from workbench.recording.spaces_only import environment_or_spaces
    from workbench.search.policy import SearchPolicy, game_of
    from workbench.search.policy_evaluators import PolicyEvaluator

    missing: list[str] = []
    game, evaluate, root = None, None, None
    if "position" in recording.search:
        root = recording.search["position"][row]
        try:
            game = game_of(recording.make_environment())
        except WorkbenchError as error:
            missing.append(f"The game is not at hand: {error}")
    if game is not None:
        try:
            policy = recording.policy(environment_or_spaces(recording))
            evaluate = PolicyEvaluator(policy.policy if isinstance(policy, SearchPolicy) else policy)
        except WorkbenchError as error:
            missing.append(f"The network is not at hand: {error}")
    if evaluate is not None and trace.fingerprint and evaluate.fingerprint != trace.fingerprint:
        missing.append(
            f"The recorded network (fingerprint {evaluate.fingerprint[:12]}) is not the one that this search asked "
            f"({trace.fingerprint[:12]}), and is not asked."
        )
        evaluate = None
    return AtHand(game=game, evaluate=evaluate, root=root, missing=" ".join(missing))


def _changes(options: SearchOptions, trace: "SearchTrace", there: AtHand, names: Sequence[str]) -> "list[NodeChange]":
    from workbench.search.counterfactual import NodeChange, changed_priors, nodes_after

    changes: dict[int, NodeChange] = {}
    if options.set_prior:
        given = {}
        for text in options.set_prior:
            move, number = _parts(text, "--set-prior", "MOVE=PROBABILITY, such as d=0.5")
            given[action_of(move, names)] = number
        _check_root_moves(given, trace, names)
        changes[0] = NodeChange(prior=changed_priors(trace, given))
    for text in options.set_value:
        line, number = _parts(text, "--set-value", "MOVES=VALUE, such as d,c=-0.3, or =0.2 for the root")
        if there.game is not None and not abs(number) <= 1:
            raise UsageError(f"A value in a game is −1 (lost) to 1 (won); came {number:g} in --set-value {text}.")
        moves = [action_of(move, names) for move in line.replace(",", " ").split()]
        for node in nodes_after(trace, moves, there.game, there.root):
            changes[node] = NodeChange(node=node, value=number, prior=changes[node].prior if node in changes else None)
    return list(changes.values())


def _check_root_moves(given: Mapping[int, float], trace: "SearchTrace", names: Sequence[str]) -> None:
    there = [int(action) for action in trace.edge_action[trace.edges_of(0)]]
    for action in given:
        if action not in there:
            raise UsageError(
                f"{names[action]} cannot be played at the root of this search; what can is: "
                f"{', '.join(names[one] for one in there)}."
            )


def _parts(text: str, option: str, form: str) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    try:
        if not equals:
            raise ValueError
        return name.strip(), float(number)
    except ValueError:
        raise UsageError(f"{option} takes {form}; came {text!r}.") from None


def action_of(text: str, names: Sequence[str]) -> int:
    """The action of a name or a number.

    Raises:
        UsageError: There is none.
    """
    if text in names:
        return list(names).index(text)
    if text.isdecimal() and (not names or int(text) < len(names)):
        return int(text)
    raise UsageError(f"There is no move {text!r}; moves are: {', '.join(names) or 'numbers'}.")


def _facts(
    trace: "SearchTrace", again: "Counterfactual", changes: "Sequence[NodeChange]", names: Sequence[str], there: AtHand
) -> dict[str, Any]:
    import numpy as np

    from workbench.search import choose_action, view_node

    def name(action: int) -> str:
        return names[action] if action < len(names) else str(action)

    before, after = view_node(trace), view_node(again.trace)
    new_prior = again.trace.root_prior
    order = np.lexsort((-before.prior, -before.visits))
    moves = [
        {
            "action": int(before.action[place]),
            "name": name(int(before.action[place])),
            "prior": float(trace.root_prior[place]),
            "prior_after": float(new_prior[place]),
            "visits": int(before.visits[place]),
            "visits_after": int(after.visits[place]),
            "q": float(before.q[place]),
            "q_after": float(after.q[place]),
        }
        for place in order
    ]
    return {
        "changed": [
            {"node": one.node, "moves": [name(move) for move in trace.moves(one.node)], "value": one.value,
             "value_before": float(trace.value[one.node]), "priors": one.prior is not None}
            for one in changes
        ],
        "moves": moves,
        "choice": name(choose_action(trace)),
        "choice_after": name(choose_action(again.trace)),
        "simulations": trace.simulations,
        "simulations_after": again.trace.simulations,
        "kept": again.kept,
        "parts_at": again.parts_at,
        "differs_at": again.differs_at,
        "reused": again.reused,
        "asked": again.asked,
        "stopped": again.stopped,
        "missing": there.missing,
    }  # fmt: skip


def _describe(facts: dict[str, Any]) -> str:
    rows = [
        (
            printable(one["name"]), f"{100 * one['prior']:.1f} %", f"{100 * one['prior_after']:.1f} %",
            f"{one['visits']:,}", f"{one['visits_after']:,}", _signed(one["q"]), _signed(one["q_after"]),
        )
        for one in facts["moves"]
    ]  # fmt: skip
    told = []
    for one in facts["changed"]:
        where = f"after {' '.join(map(printable, one['moves']))}" if one["moves"] else "at the root"
        if one["priors"]:
            told.append("other priors at the root")
        if one["value"] is not None:
            told.append(f"value {_signed(one['value_before'])} → {_signed(one['value'])} {where}")
    header = ("move", "prior", "then", "visits", "then", "Q", "then")
    parts = (
        "no simulation goes elsewhere"
        if facts["parts_at"] is None
        else f"the searches part at simulation {facts['parts_at'] + 1:,} of {facts['simulations']:,}"
    )
    same = facts["choice"] == facts["choice_after"]
    chosen = f"the choice stays {printable(facts['choice'])}"
    if not same:
        chosen = f"the choice was {printable(facts['choice'])}, and is {printable(facts['choice_after'])}"
    lines = [
        f"changed: {'; '.join(told)}",
        "",
        format_table(header, rows, right=(1, 2, 3, 4, 5, 6)),
        "",
        f"{chosen}; {parts}",
        f"{facts['reused']:,} positions are those of the trace, {facts['asked']:,} were asked for anew; one search of "
        f"each, with the same seed and noise",
    ]
    if facts["stopped"]:
        lines.append(printable(facts["stopped"]))
    if facts["stopped"] and facts["missing"]:
        lines.append(printable(facts["missing"]))
    return "\n".join(lines)


def _signed(value: float) -> str:
    return "–" if value != value else f"{value:+.3f}".replace("-", "−")
