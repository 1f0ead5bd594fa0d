"""`workbench training-run`: what search adds to each checkpoint of a training, and how much of it is taken in."""

import re
import sys
from typing import TYPE_CHECKING, Any

from workbench.cli.playing import (
    Table,
    checkpoints_of,
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
from workbench.cli.strength_options import TrainingRunOptions
from workbench.cli.table import format_table, to_json
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.search.training_run import Iteration, TrainingRun


def run(options: TrainingRunOptions) -> None:
    """Measure the checkpoints, and print what search added, what was taken in, and what was learnt and lost.

    Raises:
        UsageError: An option cannot be so.
        WorkbenchError: There is no such game, checkpoint or solver.
    """
    options.check()
    from workbench.analyses.search.training_run import measure_training

    settings = settings_of(options, options.simulations)
    specs = checkpoints_of(options.policy)
    table = set_the_table(options)
    evaluators = [evaluator_of(spec, options, table) for spec in specs]
    progress = TerminalProgress("measuring", "checkpoints")
    try:
        found = measure_training(
            table.game, evaluators, opponent_of(options, table, evaluators[0]), table.openings,
            positions_of(options, table), settings, solver=table.solver if options.solver else None,
            names=short_names(specs), seed=options.seed, progress=progress,
        )  # fmt: skip
    finally:
        progress.close()
    facts = _facts(options, specs, table, found)
    sys.stdout.write(f"{to_json(facts) if options.json else _describe(facts)}\n")
    if options.out is not None:
        from workbench.exports.output import writing
        from workbench.figures.search import training_figure

        with writing(options.out, overwrite=options.overwrite) as partial:
            training_figure(found).savefig(partial, format=options.out.suffix[1:], dpi=150)
        sys.stderr.write(f"{options.out}\n")


def short_names(specs: list[str]) -> list[str]:
    """What tells policies apart: their names from the first word on that is not the same in all of them.

    `agents.alphazero:hex_000`, `agents.alphazero:hex_005` are `000` and `005`; an ending like `.zip` is left out.
    """
    words = [re.split(r"(?<=[:/_.-])", spec) for spec in specs]
    alike = 0
    while all(len(one) > alike + 1 for one in words) and len({one[alike] for one in words}) == 1:
        alike += 1
    return [re.sub(r"\.(zip|pt|safetensors)$", "", "".join(one[alike:])) for one in words]


def _facts(options: TrainingRunOptions, specs: list[str], table: Table, found: "TrainingRun") -> dict[str, Any]:
    return {
        "game": table.game.name,
        "rule": options.search_rule,
        "simulations": found.simulations,
        "opponent": found.opponent,
        "seed": options.seed,
        "openings": len(table.openings),
        "opening_moves": options.opening_moves,
        "positions": options.positions,
        "position_moves": options.position_moves,
        "decisive": None if found.decisive is None else int(found.decisive.sum()),
        "checkpoints": [{"policy": spec, **_iteration(one)} for spec, one in zip(specs, found.iterations, strict=True)],
    }


def _iteration(one: "Iteration") -> dict[str, Any]:
    distilled = one.distilled
    return {
        "name": one.name,
        "net": score_facts(one.net),
        "search": score_facts(one.search),
        "amplification": plain_estimate(one.amplification),
        "learnt": plain_estimate(one.learnt),
        "distilled": None
        if distilled is None
        else {
            "fraction": distilled.fraction,
            "low": distilled.low,
            "high": distilled.high,
            "in_words": distilled.words,
        },
        "gap": plain_estimate(one.gap),
        "gap_before": plain_estimate(one.gap_before),
        "net_right": one.net_right,
        "search_right": one.search_right,
        "gained": None if one.gained is None else one.gained.tolist(),
        "lost": None if one.lost is None else one.lost.tolist(),
        "taught": one.taught,
    }


def _describe(facts: dict[str, Any]) -> str:
    checkpoints = facts["checkpoints"]
    scores = [
        (
            printable(one["name"]),
            interval(one["net"]["score"], one["net"]["low"], one["net"]["high"]),
            interval(one["search"]["score"], one["search"]["low"], one["search"]["high"]),
            estimate_cell(one["amplification"]),
            estimate_cell(one["learnt"]),
            "–" if one["distilled"] is None else one["distilled"]["in_words"],
        )
        for one in checkpoints
    ]
    gaps = [
        (printable(one["name"]), estimate_cell(one["gap_before"]), estimate_cell(one["gap"])) for one in checkpoints
    ]
    lines = [
        f"{len(checkpoints)} checkpoints of {printable(facts['game'])}, {facts['rule']} with {facts['simulations']:,} "
        f"simulations, against {printable(facts['opponent'])}: {facts['openings']:,} openings of "
        f"{facts['opening_moves']} random moves, both colours. Score: 1 a win, ½ a draw; intervals 95 %.",
        "",
        format_table(
            ("checkpoint", "network", "searched", "amplification A", "learnt by the next", "distilled"), scores
        ),
        "",
        f"Gap on {facts['positions']:,} fixed positions [nat]:",
        "",
        format_table(("checkpoint", "KL(search ‖ its network)", "KL(search ‖ next network)"), gaps),
    ]
    if facts["decisive"] is not None:
        rows = [
            (
                printable(one["name"]),
                f"{one['net_right']:.3f}",
                f"{one['search_right']:.3f}",
                "–" if one["gained"] is None else str(len(one["gained"])),
                "–" if one["lost"] is None else str(len(one["lost"])),
                "–" if one["taught"] is None or one["taught"] != one["taught"] else f"{one['taught']:.2f}",
            )
            for one in checkpoints
        ]
        header = ("checkpoint", "network right", "searched right", "learnt", "lost", "of these its search had right")
        lines += [
            "",
            f"Right moves, by the solver, at the {facts['decisive']:,} decisive positions of these; learnt and lost by "
            f"the next checkpoint:",
            "",
            format_table(header, rows, right=(1, 2, 3, 4, 5)),
        ]
    return "\n".join(lines)
