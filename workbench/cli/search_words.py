"""What `workbench search` says: plain facts for JSON, and the same in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.cli.table import format_table
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.intervals import Estimate
    from workbench.analyses.search import Decision, RecordedDecisions, Verdict
    from workbench.analyses.search.auditing import RecordingAudit
    from workbench.analyses.search.recorded_decisions import DecisionGroup
    from workbench.recording import Recording
    from workbench.search.trace import SearchTrace

PROVEN = {-1: "lost", 0: "drawn", 1: "won"}
SCALARS = (
    "simulations", "favourite", "choice", "played", "overturn", "chance_overturn", "surprise", "improved_surprise",
    "q_gain", "net_value", "search_value", "disagreement", "turned_at", "refuted_at", "mean_depth", "max_depth",
    "breadth", "stability",
)  # fmt: skip


def named(action: int, names: Sequence[str]) -> str:
    """An action for people."""
    return printable(names[action]) if 0 <= action < len(names) else str(action) if action >= 0 else "–"


# --- one decision ----------------------------------------------------------------------------------------------------


def decision_facts(
    decision: "Decision",
    trace: "SearchTrace",
    values: Any | None,
    verdict: "Verdict | None",
    names: Sequence[str],
) -> dict[str, Any]:
    """One decision in plain JSON; moves the most visited first."""
    order = np.lexsort((-decision.prior, -decision.visits))
    moves = []
    for place in order:
        action = int(decision.action[place])
        moves.append(
            {
                "action": action,
                "name": named(action, names),
                "visits": int(decision.visits[place]),
                "share": float(decision.share[place]),
                "prior": float(decision.prior[place]),
                "used_prior": float(decision.used_prior[place]),
                "q": float(decision.q[place]),
                "bonus": float(decision.bonus[place]),
                "improved": float(decision.improved[place]),
                "proven": None if decision.proven[place] < -1 else PROVEN[int(decision.proven[place])],
                "exact": None if values is None else float(values[action]),
            }
        )
    rule = None if trace.settings is None else trace.settings.rule
    return {
        "game": trace.game,
        "environment": dict(trace.facts) if trace.of_environment else None,
        "discount": None if trace.settings is None else trace.settings.discount,
        "rule": rule,
        "of": trace.simulations,
        **{name: getattr(decision, name) for name in SCALARS},
        "variation": list(decision.variation),
        "variation_in_words": " ".join(named(action, names) for action in decision.variation),
        "names": [named(action, names) for action in (decision.favourite, decision.choice, decision.played)],
        "verdict": None if verdict is None else asdict(verdict) | {"decisive": verdict.decisive},
        "moves": moves,
    }


def describe_decision(facts: Mapping[str, Any]) -> str:
    """One decision in words."""
    exact = any(move["exact"] is not None for move in facts["moves"])
    there = facts["environment"]
    header = [
        "move" if there is None else "action",
        "visits",
        "share",
        "prior",
        "Q",
        "U",
        "improved",
        "proven",
        *(["exact"] if exact else []),
    ]
    rows = [
        [
            move["name"], f"{move['visits']:,}", _percent(move["share"]), _percent(move["prior"]), _signed(move["q"]),
            _number(move["bonus"]), _percent(move["improved"]), move["proven"] or "–",
            *([_signed(move["exact"])] if exact else []),
        ]
        for move in facts["moves"]
    ]  # fmt: skip
    favourite, choice, played = facts["names"]
    of = f" of {facts['of']:,}" if facts["of"] != facts["simulations"] else ""
    lines = [
        f"episode {facts['episode']}, step {facts['step']}: {printable(facts['game'])}, "
        f"{facts['rule'] or 'rules of its own'}, {facts['simulations']:,}{of} simulations",
        "",
        format_table(header, rows, right=(1, 2, 3, 4, 5, 6, *([8] if exact else []))),
        "",
    ]
    if facts["overturn"]:
        gain = "" if np.isnan(facts["q_gain"]) else f", Q gain {_signed(facts['q_gain'])}"
        lines.append(f"overturn: the network's favourite was {favourite}, the search chose {choice}{gain}")
    else:
        lines.append(f"the search kept the network's favourite, {choice}")
    if facts["played"] >= 0 and played != choice:
        lines.append(f"played was {played}, drawn by the visits")
    if facts["turned_at"] is not None:
        refuted = "" if facts["refuted_at"] is None else f"; the favourite behind from {facts['refuted_at']:,} on"
        when = f"after {facts['turned_at']:,} simulations" if facts["turned_at"] else "from the beginning"
        lines.append(f"the choice behind nothing {when}{refuted}")
    lines.append(
        f"policy surprise KL(visits ‖ prior) {_number(facts['surprise'])} nat; spread over "
        f"{_number(facts['breadth'])} {'moves' if there is None else 'actions'}"
    )
    said = "network" if there is None or there.get("values") == "the same" else "one rollout"
    whose = "for the player to move" if there is None else f"(return, discount {_number(facts['discount'])})"
    lines.append(
        f"value {whose}: {said} {_signed(facts['net_value'])}, search "
        f"{_signed(facts['search_value'])}, difference {_signed(facts['disagreement'])}"
    )
    if facts["mean_depth"] is not None:
        moved = (
            ""
            if facts["stability"] is None
            else f"; {_percent(facts['stability'])} of the visits moved in its second half"
        )
        lines.append(f"depth: mean {facts['mean_depth']:.1f}, most {facts['max_depth']}{moved}")
    lines.append(f"principal variation: {facts['variation_in_words'] or '–'}")
    if there is not None:
        values = "" if there.get("values") == "the same" else f"; values: {printable(str(there.get('values')))}"
        lines.append(f"priors: {printable(str(there.get('priors')))}{values}")
        lines.append(f"states saved by {printable(str(there.get('snapshots')))}")
    if facts["verdict"] is not None:
        lines.append(_verdict_line(facts["verdict"]))
    return "\n".join(lines)


def _verdict_line(verdict: Mapping[str, Any]) -> str:
    from workbench.analyses.search import VERDICTS

    told = f"by the solver: {verdict['name']} ({VERDICTS[verdict['name']]})"
    if np.isnan(verdict["right_share"]):
        return told
    return f"{told}; {_percent(verdict['right_share'])} of the legal moves are right"


# --- a recording -----------------------------------------------------------------------------------------------------


def recording_facts(
    found: "RecordedDecisions", groups: "Sequence[DecisionGroup]", worst: int, names: Sequence[str]
) -> dict[str, Any]:
    """All decisions in plain JSON: means, verdicts, groups, and the worst ones."""

    def listed(places: Any) -> list[dict[str, Any]]:
        return [_listed(found, int(place), names) for place in places]

    return {
        "decisions": len(found),
        "episodes": len(np.unique(found.episode)),
        "without_search": found.without_search,
        "means": {name: asdict(one) for name, one in found.means.items()},
        "in_words": {name: short(one) for name, one in found.means.items()},
        "verdicts": {name: asdict(one) for name, one in found.verdicts.items()},
        "verdicts_in_words": {name: short(one) for name, one in found.verdicts.items()},
        "groups": [
            {
                "label": one.label,
                "decisions": one.decisions,
                "means": {name: asdict(mean) for name, mean in one.means.items()},
                "in_words": {name: short(mean) for name, mean in one.means.items()},
            }
            for one in groups
        ],
        "most_surprising": listed(found.most_surprising(worst)),
        "wrong": listed(found.wrong(worst)) if found.verdict is not None else None,
    }


def _listed(found: "RecordedDecisions", place: int, names: Sequence[str]) -> dict[str, Any]:
    facts = {
        "row": int(found.row[place]),
        "episode": int(found.episode[place]),
        "step": int(found.step[place]),
        "favourite": named(int(found.favourite[place]), names),
        "choice": named(int(found.choice[place]), names),
        "played": named(int(found.played[place]), names),
        "surprise": float(found.columns["surprise"][place]),
        "q_gain": float(found.columns["q_gain"][place]),
        "disagreement": float(found.columns["disagreement"][place]),
    }
    if found.verdict is not None:
        facts["verdict"] = str(found.verdict[place])
        facts["choice_loss"] = float(found.columns["choice_loss"][place])
    return facts


def describe_recording(facts: Mapping[str, Any]) -> str:
    """All decisions in words."""
    from workbench.analyses.search.recorded_decisions import MEASURES, TRUTH_MEASURES

    told = facts["in_words"]
    rows = [(one.words, told[one.name], one.unit) for one in MEASURES]
    if "uniform_overturn" in told:
        words = "a search without the network chose something else than the favourite"
        rows.insert(2, (words, told["uniform_overturn"], "share"))
    without = f"; at {facts['without_search']:,} steps nothing was searched" if facts["without_search"] else ""
    intervals = "95 %, over episodes; none where fewer than 5 episodes were searched, or all are alike"
    lines = [
        f"{facts['decisions']:,} decisions of {facts['episodes']:,} episodes{without}. Intervals: {intervals}.",
        "",
        format_table(("measure", "mean [95 %]", "unit"), rows),
    ]
    if facts["verdicts"]:
        truths = [(words, told[name]) for name, words in TRUTH_MEASURES.items() if facts["means"][name]["steps"]]
        differences = [("right by the search less by the network", told["search_less_net"])]
        if facts["means"]["search_less_uniform"]["steps"]:
            differences.append(("right by the search less without the network", told["search_less_uniform"]))
        lines += [
            "",
            f"By the solver, at the decisive decisions ({told['decisive']} of all: something was wrong there):",
            "",
            format_table(("", "mean [95 %]"), [*truths, *differences]),
            "",
            format_table(("verdict", "share [95 %]"), list(facts["verdicts_in_words"].items())),
        ]
    if facts["groups"]:
        names = list(facts["groups"][0]["in_words"])
        cells = [
            (printable(one["label"]), f"{one['decisions']:,}", *(one["in_words"][name] for name in names))
            for one in facts["groups"]
        ]
        lines += ["", format_table(("kind", "decisions", *names), cells, right=(1,))]
    for title, name in (("most surprising", "most_surprising"), ("wrong, the dearest first", "wrong")):
        if facts[name]:
            lines += ["", f"{title}:", "", _list_table(facts[name])]
    return "\n".join(lines)


def _list_table(rows: Sequence[Mapping[str, Any]]) -> str:
    judged = "verdict" in rows[0]
    header = ("episode", "step", "favourite", "choice", "surprise", "Q gain", *(("verdict",) if judged else ()))
    cells = [
        (
            str(one["episode"]), str(one["step"]), one["favourite"], one["choice"], _number(one["surprise"]),
            _signed(one["q_gain"]), *((one["verdict"],) if judged else ()),
        )
        for one in rows
    ]  # fmt: skip
    return format_table(header, cells, right=(0, 1, 4, 5))


# --- an audit --------------------------------------------------------------------------------------------------------


def audit_facts(found: "RecordingAudit", recording: "Recording") -> dict[str, Any]:
    """An audit in plain JSON."""
    return {
        "recording": recording.path,
        "searches": found.searches,
        "selections": found.selections,
        "divergences": found.divergences,
        "divergent": [
            {
                "row": one.row,
                "episode": int(recording.steps["episode"][one.row]),
                "step": int(recording.steps["t"][one.row]),
                **asdict(one.divergence),
            }
            for one in found.divergent
        ],
    }


def describe_audit(facts: Mapping[str, Any]) -> str:
    """An audit in words."""
    if not facts["divergences"]:
        return f"all {facts['selections']:,} selections of {facts['searches']:,} searches are what their rules select"
    rows = [(str(one["episode"]), str(one["step"]), one["what"]) for one in facts["divergent"]]
    return format_table(("episode", "step", "first divergence"), rows, right=(0, 1))


def short(one: "Estimate") -> str:
    """The mean with its interval, where there is one."""
    if not one.steps:
        return "–"
    if one.low is None or one.high is None:
        return f"{one.mean:.3g}".replace("-", "−")
    return f"{one.mean:.3g} [{one.low:.3g}, {one.high:.3g}]".replace("-", "−")


def _percent(share: float) -> str:
    return "–" if not np.isfinite(share) else f"{100 * share:.1f} %"


def _number(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.3g}".replace("-", "−").replace("inf", "∞")


def _signed(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:+.3f}".replace("-", "−")
