"""`workbench strength`: what an agent gains by searching, as a function of its simulations."""

import sys
from typing import TYPE_CHECKING, Any

from workbench.cli.playing import (
    Table,
    estimate_cell,
    evaluator_of,
    interval,
    opponent_of,
    plain_estimate,
    positions_of,
    score_facts,
    set_the_table,
    settings_of,
)
from workbench.cli.progress import TerminalProgress
from workbench.cli.strength_options import StrengthOptions
from workbench.cli.table import format_table, to_json
from workbench.printable import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from workbench.analyses.search.strength import EffectGroup, OptimalCurve, StrengthCurve
    from workbench.search import Evaluator


def run(options: StrengthOptions) -> None:
    """Play, and print scores, planning effects and which openings profit.

    Raises:
        UsageError: An option cannot be so.
        WorkbenchError: There is no such game, policy or solver; a search cannot be so.
    """
    options.check()
    from workbench.analyses.search.strength import effects_by_group, optimal_by_group, optimal_moves, strength

    settings = settings_of(options, max(options.simulations))
    table = set_the_table(options)
    network = evaluator_of(options.policy, options, table)
    budgets = sorted(set(options.simulations))
    progress = TerminalProgress("playing", "matches")
    try:
        opponent = opponent_of(options, table, network)
        curve = strength(
            table.game, network, opponent, table.openings, budgets, settings=settings, seed=options.seed,
            progress=progress,
        )  # fmt: skip
        optimal = None
        groups = effects_by_group(curve, _kinds(table, network, table.openings))
        kinds: list[EffectGroup] = []
        if options.solver:
            positions = positions_of(options, table)
            optimal = optimal_moves(
                table.game, network, positions, table.solver, budgets, settings=settings, seed=options.seed,
                progress=progress,
            )  # fmt: skip
            kinds = optimal_by_group(optimal, _kinds(table, network, positions))
    finally:
        progress.close()
    facts = _facts(options, table, curve, optimal, groups, kinds)
    sys.stdout.write(f"{to_json(facts) if options.json else _describe(facts)}\n")
    if options.out is not None:
        from workbench.exports.output import writing
        from workbench.figures.search import strength_figure

        with writing(options.out, overwrite=options.overwrite) as partial:
            strength_figure(curve, optimal).savefig(partial, format=options.out.suffix[1:], dpi=150)
        sys.stderr.write(f"{options.out}\n")


def _kinds(table: Table, network: "Evaluator", positions: "npt.NDArray[np.uint64]") -> "npt.NDArray[np.str_]":
    """What kind each position is: by the truth where a solver is there, else by what the network thinks of it."""
    import numpy as np

    from workbench.analyses.search.exact import action_values
    from workbench.search.evaluators import ask

    if table.solver is not None:
        values = action_values(table.solver, positions, table.game.actions)
        known = np.isfinite(values)
        best = np.where(known.any(1), np.where(known, values, -np.inf).max(1), np.nan)
        names = np.select([best > 0.5, best < -0.5, np.isfinite(best)], ["won", "lost", "drawn"], "not solved")
        return np.asarray([f"{name} for the player to move" for name in names])
    value = np.asarray(ask(network, table.game, positions)[1], np.float64)
    low, high = np.quantile(value, [1 / 3, 2 / 3])
    thirds = np.select([value <= low, value > high], ["lowest", "highest"], "middle")
    return np.asarray([f"the network's value in its {name} third" for name in thirds])


def _facts(
    options: StrengthOptions,
    table: Table,
    curve: "StrengthCurve",
    optimal: "OptimalCurve | None",
    groups: "list[EffectGroup]",
    kinds: "list[EffectGroup]",
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "policy": options.policy,
        "game": table.game.name,
        "rule": options.search_rule,
        "seed": options.seed,
        "opponent": curve.opponent,
        "openings": len(table.openings),
        "opening_moves": options.opening_moves,
        "raw": score_facts(curve.raw),
        "searched": [
            {"simulations": count, **score_facts(score), "effect": plain_estimate(effect)}
            for count, score, effect in zip(curve.simulations, curve.scores, curve.effects, strict=True)
        ],
        "groups": [_group(one) for one in groups],
        "right_moves": None,
    }
    if optimal is not None:
        low, high = optimal.interval(optimal.raw_share)
        searched = []
        for count, share, effect in zip(optimal.simulations, optimal.shares, optimal.effects, strict=True):
            ends = optimal.interval(float(share))
            searched.append(
                {"simulations": count, "share": float(share), "low": ends[0], "high": ends[1],
                 "effect": plain_estimate(effect)}
            )  # fmt: skip
        facts["right_moves"] = {
            "positions": len(optimal.decisive),
            "decisive": int(optimal.decisive.sum()),
            "position_moves": options.position_moves,
            "chance": optimal.chance,
            "raw": {"share": optimal.raw_share, "low": low, "high": high},
            "searched": searched,
            "groups": [_group(one) for one in kinds],
        }
    return facts


def _group(one: "EffectGroup") -> dict[str, Any]:
    return {
        "label": one.label, "count": one.openings, "raw": one.raw, "searched": one.searched,
        "effect": plain_estimate(one.effect),
    }  # fmt: skip


def _describe(facts: dict[str, Any]) -> str:
    raw = facts["raw"]
    rows = [("network alone", interval(raw["score"], raw["low"], raw["high"]), _counts(raw), "–")]
    rows += [
        (
            f"{one['simulations']:,} simulations",
            interval(one["score"], one["low"], one["high"]),
            _counts(one),
            estimate_cell(one["effect"]),
        )
        for one in facts["searched"]
    ]
    last = f"{facts['searched'][-1]['simulations']:,} simulations"
    lines = [
        f"{printable(facts['policy'])} against {printable(facts['opponent'])}: {printable(facts['game'])}, "
        f"{facts['openings']:,} openings of {facts['opening_moves']} random moves, both colours. Score: 1 a win, ½ a "
        f"draw; intervals 95 %.",
        "",
        format_table((facts["rule"], "score", "won, drawn, lost", "planning effect"), rows),
        "",
        f"Which openings profit ({last}):",
        "",
        _groups(facts["groups"], "openings", "score"),
    ]
    right = facts["right_moves"]
    if right is not None:
        raw = right["raw"]
        shares = [
            ("any legal move", f"{right['chance']:.3f}", "–"),
            ("network alone", interval(raw["share"], raw["low"], raw["high"]), "–"),
        ]
        shares += [
            (
                f"{one['simulations']:,} simulations",
                interval(one["share"], one["low"], one["high"]),
                estimate_cell(one["effect"]),
            )
            for one in right["searched"]
        ]
        lines += [
            "",
            f"Right moves, by the solver, at {right['decisive']:,} of {right['positions']:,} positions after "
            f"{right['position_moves']} random moves (the decisive ones: something was wrong there):",
            "",
            format_table((facts["rule"], "share right", "less the network alone"), shares),
            "",
            f"Which positions profit ({last}):",
            "",
            _groups(right["groups"], "positions", "share right"),
        ]
    return "\n".join(lines)


def _groups(groups: list[dict[str, Any]], of: str, what: str) -> str:
    rows = [
        (printable(one["label"]), f"{one['count']:,}", f"{one['raw']:.3f}", f"{one['searched']:.3f}",
         estimate_cell(one["effect"]))
        for one in groups
    ]  # fmt: skip
    return format_table(("kind", of, f"{what} alone", "searched", "effect"), rows, right=(1, 2, 3))


def _counts(score: dict[str, Any]) -> str:
    return f"{score['wins']}, {score['draws']}, {score['losses']}"
