"""`python -m benchmarks.saliency_league`: which method finds what a decision rests on, where that is known.

Writes `benchmarks/saliency.md`. Planted policies (`agents/planted.py`) are formulas; of the CheeseMaze agent that was
trained with the cheese anywhere it is known that it goes to the cheese, so that cheese and mouse have to matter.
The last table is LunarLander's (`benchmarks/xrl_bench.py`).

Axis legend: S decisions, G regions.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import xrl_bench

EPISODES, STEPS = 12, 36
OPTIONS = {"coalitions": 512, "masks": 512}


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.saliency_league", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few decisions; nothing is written")
    parser.add_argument("--lander", action="store_true", help="measure LunarLander's table alone; the rest stays")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "saliency.md")
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    lander = xrl_bench.measure(episodes=3, steps=20) if options.quick else xrl_bench.measure()
    landers = "\n".join(xrl_bench.section(lander)).replace("-0.", "−0.") + "\n"
    if options.lander:
        kept = options.out.read_text().split(f"\n{xrl_bench.TITLE}\n")[0].rstrip("\n")
        options.out.write_text(f"{kept}\n{landers}")
        return 0
    table = measure(steps=6 if options.quick else STEPS)
    text = page(table) + landers
    if options.quick:
        sys.stdout.write(text)
    else:
        options.out.write_text(text)
    return 0


def measure(steps: int = STEPS) -> dict[str, dict[str, Any]]:
    """By organism: its words, n, and each method's score with its evidence."""
    from agents.planted import ORGANISMS
    from workbench.analyses.saliency import prepare

    table: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for organism in ORGANISMS:
            policy = organism.policy()
            recording = _record(policy, organism.environment, Path(folder) / f"{organism.name}.zarr")
            case = prepare(
                recording, _rows(recording, steps), policy=policy, target="logit:0",
                patch=4 if len(organism.observation_space.shape or ()) == 3 else None, options=OPTIONS,
            )  # fmt: skip
            relevant = case.setting.regions.sums({"": organism.relevant(case.question.values[""]).float()}) > 0
            table[organism.name] = _scores(organism.words, case, relevant.numpy())
        table |= _maze(Path(folder), steps)
    return table


def _maze(folder: Path, steps: int) -> dict[str, dict[str, Any]]:
    import numpy as np

    import workbench
    from workbench.analyses.saliency import prepare

    recording = workbench.record(
        "agents.cheese_maze:anywhere_agent", "envs:CheeseMaze-v0", out=folder / "maze.zarr", episodes=40, seed=7,
        env_kwargs={"cheese": "anywhere"},
    )  # fmt: skip
    case = prepare(recording, _rows(recording, steps), options=OPTIONS)
    rows = case.question.decisions.rows
    regions = case.setting.regions
    objects = case.setting.objects
    assert objects is not None
    wanted = [objects.names.index(name) for name in ("mouse", "cheese")]
    labels = objects.labels[""][:, 0]
    relevant = np.zeros((len(rows), len(regions)), bool)
    grid = regions.labels[""][0, 0]
    for place in range(len(rows)):
        for label in wanted:
            relevant[place, grid[labels[place] == label].numpy()] = True
    words = "the CheeseMaze agent trained with cheese anywhere: mouse and cheese, of 169 squares"
    return {"cheese maze": _scores(words, case, relevant)}


def _record(policy: Any, make: Any, out: Path) -> Any:
    from workbench.recording import record

    return record(policy, make, out=out, episodes=EPISODES, seed=0, deterministic=False, layers=[])


def _rows(recording: Any, steps: int) -> Any:
    import numpy as np

    return np.sort(np.random.default_rng(0).choice(len(recording), min(steps, len(recording)), replace=False))


def _scores(words: str, case: Any, relevant: Any) -> dict[str, Any]:
    import numpy as np

    from workbench.analyses.intervals import estimate
    from workbench.analyses.saliency import possible_methods, saliency
    from workbench.analyses.saliency.causal import causal_check
    from workbench.analyses.saliency.fidelity import fidelity

    methods: dict[str, Any] = {}
    for method, why_not in possible_methods(case).items():
        # Objects are what the truth names: ranking them by it would be circular.
        if why_not is not None or method == "object_ablation":
            continue
        started = time.perf_counter()
        maps = saliency(case, method)
        taken = (time.perf_counter() - started) / len(maps.rows)
        found = fidelity(case, maps)
        methods[method] = {
            "score": estimate(area_under_curve(np.abs(maps.regions), relevant), maps.episodes, lowest=0.0, highest=1.0),
            "deletion": found.deletion_below_random,
            "causal": causal_check(case, maps).correlation,
            "seconds": taken,
        }
        sys.stderr.write(f"{words[:40]}: {method} {methods[method]['score']}\n")
    return {"words": words, "steps": len(relevant), "methods": methods}


def area_under_curve(strength: Any, relevant: Any) -> Any:
    """By decision, the chance that a relevant region is ranked above an irrelevant one, `[S]`; ties count half.

    Args:
        strength: `[S, G]`.
        relevant: `[S, G]` bool.
    """
    import numpy as np

    from workbench.analyses.intervals import ranks

    positive, negative = relevant.sum(axis=1), (~relevant).sum(axis=1)
    ranked = np.where(relevant, ranks(strength), 0).sum(axis=1)
    return (ranked - positive * (positive - 1) / 2) / np.maximum(positive * negative, 1)


def page(table: dict[str, dict[str, Any]]) -> str:
    """The page in Markdown."""
    from workbench.analyses.saliency.methods import METHODS

    names = list(table)
    lines = [
        "# Which method finds what a decision rests on?",
        "",
        "Made by `python -m benchmarks.saliency_league`. On planted policies (`agents/planted.py`) what each decision",
        "rests on is known; of the CheeseMaze agent trained with the cheese anywhere it is that mouse and cheese must",
        "matter. The score is the chance that a relevant region is ranked above an irrelevant one by |attribution|,",
        "ties counting half: 1 is perfect, 0.5 is what a random map gets. Means over steps with 95 % intervals over",
        "episodes; no interval stands where all steps agree. A mean is over the organisms that a method can explain.",
        "",
        "| organism | what the first action's logit is | steps |",
        "|---|---|---|",
        *(f"| {name} | {table[name]['words']} | {table[name]['steps']} |" for name in names),
        "",
        "## Score",
        "",
        "| method | mean | of | " + " | ".join(names) + " |",
        "|---|---|---|" + "---|" * len(names),
    ]
    order = sorted((row.name for row in METHODS), key=lambda name: -_mean(table, name))
    for method in order:
        cells = [_cell(table[name]["methods"].get(method), "score") for name in names]
        if any(cell != "–" for cell in cells):
            known = sum(cell != "–" for cell in cells)
            lines.append(f"| `{method}` | {_mean(table, method):.3f} | {known} | " + " | ".join(cells) + " |")
    for title, key, words in (
        ("Deletion", "deletion", "Random order less the map, mean area, in nats: above 0, the map finds what matters."),
        ("Causal check", "causal", "Rank correlation with the effect of patching in other steps."),
    ):
        lines += [
            "",
            f"## {title}",
            "",
            words,
            "",
            "| method | " + " | ".join(names) + " |",
            "|---|" + "---|" * len(names),
        ]
        for method in order:
            cells = [_cell(table[name]["methods"].get(method), key) for name in names]
            if any(cell != "–" for cell in cells):
                lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    return "\n".join(lines).replace("-0.", "−0.") + "\n"


def _mean(table: dict[str, dict[str, Any]], method: str) -> float:
    scores = [one["methods"][method]["score"].mean for one in table.values() if method in one["methods"]]
    return sum(scores) / len(scores) if scores else -1.0


def _cell(found: Any, key: str) -> str:
    if found is None:
        return "–"
    number = found[key]
    if not number.steps:
        return "undecided"
    if number.low is None:
        return f"{number.mean:.2f}"
    return f"{number.mean:.2f} [{number.low:.2f}, {number.high:.2f}]"


if __name__ == "__main__":
    sys.exit(main())
