"""Cards: reading what a card states, and writing newly measured figures into it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agents.intervals import Measured
from agents.trials import TRIALS, Trial

_BEGIN, _END = "<!-- measured: written by `python -m agents.evaluate` -->\n", "<!-- end -->"


def read_card(folder: Path) -> dict[str, Any]:
    """Give a card's facts (`card.json`)."""
    facts: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return facts


def stated(folder: Path, trial: str) -> dict[str, Measured]:
    """Give the figures that a card states of a trial, by name."""
    figures = read_card(folder)["measured"][trial]["figures"]
    return {name: Measured(**{**facts, "interval_95": _pair(facts["interval_95"])}) for name, facts in figures.items()}


def _pair(ends: list[float] | None) -> tuple[float, float] | None:
    return None if ends is None else (ends[0], ends[1])


def write_figures(folder: Path, trial: Trial, figures: dict[str, Measured], *, seed: int) -> None:
    """Put a trial's figures into `card.json`, and the table of all into `card.md`."""
    card = read_card(folder)
    measured = card.setdefault("measured", {})
    measured[trial.name] = {
        "meaning": trial.meaning,
        "environment_options": dict(trial.options),
        "episodes": trial.episodes,
        "first_seed": seed,
        "figures": {name: asdict(figure) for name, figure in figures.items()},
    }
    order = [row.name for row in TRIALS if row.card == folder.name]
    card["measured"] = {name: measured[name] for name in order if name in measured}
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    page = folder / "card.md"
    text = page.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(before + _BEGIN + _table(card["measured"]) + _END + after)


def _table(measured: dict[str, Any]) -> str:
    lines = ["| who, where | figure | value | 95 % interval | episodes |", "|---|---|---|---|---|"]
    for facts in measured.values():
        for name, figure in facts["figures"].items():
            number = "{:.1f}" if abs(figure["value"]) > 20 else "{:.3f}"
            interval = _interval(figure, number)
            lines.append(
                f"| {facts['meaning']} | {name} | {number.format(figure['value'])} | {interval} | {figure['n']} |"
            )
    return "\n".join(lines) + "\n"


def _interval(figure: dict[str, Any], number: str) -> str:
    ends, method = figure["interval_95"], figure["interval_method"]
    if ends is not None:
        named = {"student_t": "Student's t", "clopper_pearson": "Clopper–Pearson"}[method]
        return f"{number.format(ends[0])} to {number.format(ends[1])} ({named})"
    if method == "all_alike":
        return f"none: all alike, another value is no likelier than {100 * figure['other_at_most_95']:.2g} %"
    return "none"
