"""Measure a training run, checkpoint by checkpoint: `python -m agents.alphazero.measure --run connect_four_4x5`.

What search adds to each network and how much of it training takes in, against plain Monte Carlo tree search and against
the exact solver; what each network still gets wrong; on the small boards the worst that any opponent can do to it.
"""

import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from tqdm import tqdm

from agents.alphazero.network import checkpoints, load_network
from agents.alphazero.runs import Run, find_run
from envs.games import solver_for
from workbench.analyses.search.every_line import EveryLine, every_line
from workbench.analyses.search.matches import Positions, draw_openings, playouts_player, raw_player, search_player
from workbench.analyses.search.strength import OptimalCurve, StrengthCurve, optimal_moves, strength
from workbench.analyses.search.training_run import Iteration, measure_training
from workbench.errors import WorkbenchError
from workbench.search.evaluators import TorchEvaluator
from workbench.search.games import Game
from workbench.search.settings import SearchSettings

OPENING_MOVES = {"tic_tac_toe": 2, "connect_four_4x5": 4, "connect_four_6x7": 6}
"""Drawn moves before a match."""
DEPTHS = {
    "tic_tac_toe": (1, 2, 3, 4, 5, 6),
    "connect_four_4x5": (2, 4, 6, 8, 10, 12),
    "connect_four_6x7": (14, 16, 18, 20, 22, 24),
}
"""Drawn moves before the positions at which the solver is asked: the 6 by 7 board is solved in a second from 14 on."""
BUDGETS = (4, 16, 64, 256, 1024)
SEED = 2_000_000
"""Of openings and positions; no training seed is near it."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure the checkpoints of a training run."""

    run: str = "tic_tac_toe"
    """Which: tic_tac_toe, connect_four_4x5, connect_four_6x7."""
    openings: int = 50
    """Of the matches, each played with both colours."""
    positions: int = 60
    """Of each depth, at which the solver is asked."""
    every: int = 1
    """Measure one in so many iterations, and the last."""
    folder: Path | None = None
    """Where the checkpoints are, and the figures go; by default the one that ships."""


def measure(options: Options, run: Run | None = None) -> dict[str, Any]:
    """Measure, write `measured.json` and `measured.md`, and give the figures."""
    started, chosen = time.monotonic(), run or find_run(options.run)
    folder, game = options.folder or chosen.folder, chosen.game
    files = checkpoints(folder)
    if not files:
        raise WorkbenchError(f"{folder} holds no checkpoint; train first: python -m agents.alphazero.train")
    files = sorted({*files[:: options.every], files[-1]})
    evaluators = [TorchEvaluator(load_network(chosen, file)) for file in files]
    opponent = playouts_player(game, chosen.opponent_simulations)
    openings = draw_openings(game, options.openings, OPENING_MOVES.get(chosen.name, 2), seed=SEED)
    positions = np.concatenate(
        [_up_to(game, options.positions, moves) for moves in DEPTHS.get(chosen.name, DEPTHS["tic_tac_toe"])]
    )
    settings, solver = chosen.search(), solver_for(game)
    with _bar("checkpoints") as bar:
        course = measure_training(
            game, evaluators, opponent, openings, positions, settings, solver=solver,
            names=[str(int(file.stem.rpartition("_")[2])) for file in files], seed=SEED, progress=bar,
        )  # fmt: skip
    with _bar("strength") as bar:
        curve = strength(game, evaluators[-1], opponent, openings, BUDGETS, settings=settings, seed=SEED, progress=bar)
    with _bar("right moves") as bar:
        right = optimal_moves(
            game, evaluators[-1], positions, solver, BUDGETS, settings=settings, seed=SEED, progress=bar
        )
    lines = _every_line(game, evaluators[-1], settings) if game.longest <= 20 else []
    facts = {
        "run": chosen.name,
        "every": options.every,
        "opponent": opponent.name,
        "openings": len(openings),
        "positions": len(positions),
        "decisive": int(right.decisive.sum()),
        "chance": right.chance,
        "simulations": settings.simulations,
        "iterations": [_iteration(one) for one in course.iterations],
        "strength": _strength(curve),
        "right": _right(right),
        "every_line": [vars(one) | {"worst": one.worst} for one in lines],
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    (folder / "measured.json").write_text(json.dumps(facts, indent=1) + "\n")
    (folder / "measured.md").write_text(page(chosen, facts))
    return facts


def _up_to(game: Game, count: int, moves: int) -> Positions:
    """So many different positions of so many moves, or as many as there are."""
    while count > 1:
        try:
            return draw_openings(game, count, moves, seed=SEED + moves)
        except WorkbenchError:
            count = count * 3 // 4
    return draw_openings(game, 1, moves, seed=SEED + moves)


def _every_line(game: Game, evaluate: TorchEvaluator, settings: SearchSettings) -> list[EveryLine]:
    found = []
    for player in (raw_player(game, evaluate), search_player(game, evaluate, settings)):
        for first in (True, False):
            with _bar(f"every line against {player.name}") as bar:
                found.append(every_line(game, player, moves_first=first, progress=bar))
    return found


class _bar:  # noqa: N801
    """Progress on standard error."""

    def __init__(self, description: str) -> None:
        self._bar = tqdm(desc=description, leave=False, disable=None)

    def __enter__(self) -> "_bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self, done: int, total: int, message: str = "") -> None:
        self._bar.total = total
        self._bar.set_postfix_str(message, refresh=False)
        self._bar.update(done - self._bar.n)


def _estimate(one: Any) -> dict[str, float | None] | None:
    return None if one is None else {"mean": one.mean, "low": one.low, "high": one.high}


def _iteration(one: Iteration) -> dict[str, Any]:
    return {
        "iteration": int(one.name),
        "net": {"score": one.net.score, "interval": one.net.interval},
        "search": {"score": one.search.score, "interval": one.search.interval},
        "amplification": _estimate(one.amplification),
        "learnt": _estimate(one.learnt),
        "distilled": None
        if one.distilled is None
        else {
            "fraction": one.distilled.fraction, "low": one.distilled.low, "high": one.distilled.high,
            "words": one.distilled.words,
        },
        "gap": _estimate(one.gap),
        "gap_before": _estimate(one.gap_before),
        "net_right": one.net_right,
        "search_right": one.search_right,
        "gained": None if one.gained is None else len(one.gained),
        "lost": None if one.lost is None else len(one.lost),
        "taught": None if one.taught is None or np.isnan(one.taught) else one.taught,
    }  # fmt: skip


def _strength(curve: StrengthCurve) -> list[dict[str, Any]]:
    rows = [{"simulations": 0, "score": curve.raw.score, "interval": curve.raw.interval, "effect": None}]
    for simulations, score, effect in zip(curve.simulations, curve.scores, curve.effects, strict=True):
        rows.append(
            {"simulations": simulations, "score": score.score, "interval": score.interval, "effect": _estimate(effect)}
        )
    return rows


def _right(curve: OptimalCurve) -> list[dict[str, Any]]:
    rows = [{"simulations": 0, "share": curve.raw_share, "interval": curve.interval(curve.raw_share)}]
    for simulations, share in zip(curve.simulations, curve.shares, strict=True):
        rows.append({"simulations": simulations, "share": float(share), "interval": curve.interval(float(share))})
    return rows


def page(run: Run, facts: dict[str, Any]) -> str:
    """The figures for people, in Markdown."""
    chosen = (
        ""
        if facts["every"] == 1
        else f"One iteration in {facts['every']} was measured; the next is the next of those. "
    )
    lines = [
        f"# {run.title}: what was measured",
        "",
        f"Written by `python -m agents.alphazero.measure --run {run.name}`. Scores are against {facts['opponent']}, "
        f"from {facts['openings']} drawn openings with both colours (1 a win, ½ a draw); searches have "
        f"{facts['simulations']} simulations. Right moves are those that keep the exact value, at {facts['decisive']} "
        f"positions (of {facts['positions']} drawn) where something wrong could be played; drawing evenly gets "
        f"{facts['chance']:.2f}. Intervals hold 95 %: Wilson's of scores and shares, "
        f"Student's of the paired differences, Fieller's of the distilled fraction. "
        "Definitions: [search-measures.md](../../../docs/search-measures.md).",
        "",
        "## Iteration by iteration",
        "",
        f"{chosen}Amplification is what the search adds to a network's score, and the distilled fraction the part of "
        "it by which the next network alone is better.",
        "",
        "| iteration | network alone | with search | amplification | distilled fraction | KL(search ‖ network), nats | "
        "KL(search ‖ next network) | right, network | right, search | right moves found / lost by the next |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in facts["iterations"]:
        found = "" if one["gained"] is None else f"{one['gained']} / {one['lost']}"
        lines.append(
            f"| {one['iteration']} | {_score(one['net'])} | {_score(one['search'])} | {_mean(one['amplification'])} | "
            f"{_fraction(one['distilled'])} | {_mean(one['gap_before'])} | {_mean(one['gap'])} | "
            f"{one['net_right']:.3f} | {one['search_right']:.3f} | {found} |"
        )
    lines += [
        "",
        "## The last network, by its simulations",
        "",
        "| simulations | score | gained by searching | right moves |",
        "|---|---|---|---|",
    ]
    for score, right in zip(facts["strength"], facts["right"], strict=True):
        simulations = "none (the network alone)" if not score["simulations"] else f"{score['simulations']:,}"
        low, high = right["interval"]
        lines.append(
            f"| {simulations} | {_score(score)} | {_mean(score['effect'])} | {right['share']:.3f} ({low:.3f} to "
            f"{high:.3f}) |"
        )
    if facts["every_line"]:
        lines += [
            "",
            "## Against everything",
            "",
            "The last network meets every reply from the start of the game; positions that it is asked about, and the "
            "different final positions that come of it.",
            "",
            "| player | moves | positions | won | drawn | lost | the worst that can happen |",
            "|---|---|---|---|---|---|---|",
        ]
        words = {-1: "it can be beaten", 0: "a draw", 1: "it wins against everything"}
        lines += [
            f"| {one['player']} | {'first' if one['moves_first'] else 'second'} | {one['positions']:,} | "
            f"{one['wins']:,} | {one['draws']:,} | {one['losses']:,} | {words[one['worst']]} |"
            for one in facts["every_line"]
        ]
    return re.sub(r"(?<=[\s(])-(?=\d)", "−", "\n".join(lines)) + "\n"


def _score(one: dict[str, Any]) -> str:
    low, high = one["interval"]
    return f"{one['score']:.2f} ({low:.2f} to {high:.2f})"


def _mean(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    if one["low"] is None:
        return f"{one['mean']:.2f}"
    return f"{one['mean']:.2f} ({one['low']:.2f} to {one['high']:.2f})"


def _fraction(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    if one["fraction"] is None:
        return "not defined"
    return f"{one['fraction']:.2f} ({one['low']:.2f} to {one['high']:.2f})"


def main() -> int:
    """From the command line."""
    torch.set_num_threads(1)
    try:
        measure(tyro.cli(Options))
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
