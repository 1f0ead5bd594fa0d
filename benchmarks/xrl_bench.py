"""The order of saliency methods on LunarLander, beside the one that XRL-Bench publishes.

XRL-Bench (Xiong et al., 2024) sets the k most important of LunarLander's eight numbers to zero and asks whether the
agent acts the same (AIM, accuracy on importance masked: the lower, the better the map), and the same with all the
others set to zero (AUM: the higher, the better). Its agent is a DQN of its own; here it is the one that ships
(`agents/lunar_lander`), so that orders are compared and not numbers.

XRL-Bench explains Q of the action. What is masked away is told by whether the *choice* stays, for which Q less the mean
over the actions is the better target, and zeros the baseline that is meant; both are measured.

Axis legend: S decisions.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EPISODES, STEPS, MASKED = 40, 1_000, 3
TITLE = "## LunarLander, beside XRL-Bench"
OWN, RANDOM = "integrated_gradients", "random"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question that the methods answer."""

    name: str
    words: str
    target: str
    baseline: str


ASKED = (
    Asked(
        name="q",
        words="Q of the action taken, against the recording's mean, as XRL-Bench asks",
        target="q",
        baseline="mean",
    ),
    Asked(
        name="choice",
        words="Q of the action taken less the mean over all actions, against zeros",
        target="advantage",
        baseline="zero",
    ),
)
PUBLISHED: Mapping[str, tuple[float, float] | None] = {
    OWN: (0.175, 0.667),
    # What is published averages over baselines from the recording, as this one does.
    "expected_gradients": None,
    "feature_ablation": (0.362, 0.316),
    "sarfa": (0.379, 0.352),
    RANDOM: None,
}
"""AIM and AUM that XRL-Bench publishes for IntegratedGradient, Perturbation and SARFA."""


def measure(*, episodes: int = EPISODES, steps: int = STEPS, seed: int = 0) -> dict[str, Any]:
    """By question and method: AIM and AUM with intervals over episodes, and integrated gradients' less each, paired.

    Args:
        episodes: Recorded, of which the steps are drawn.
        steps: S.
        seed: Of the episodes and the draw.
    """
    import numpy as np

    import workbench
    from agents import find_agent
    from workbench.analyses.reading_decisions import draw_rows
    from workbench.analyses.saliency import prepare

    agent = find_agent("lunar_lander")
    with tempfile.TemporaryDirectory() as folder:
        recording = workbench.record(
            agent.policy, agent.environment, out=Path(folder) / "lander.zarr", episodes=episodes, seed=seed, layers=[]
        )
        rows = draw_rows(recording, steps, seed=seed)
        cases = {
            one.name: prepare(recording, rows, target=one.target, baseline=one.baseline, seed=seed) for one in ASKED
        }
        questions = {name: _measured(case) for name, case in cases.items()}
        groups = cases[ASKED[0].name].question.decisions.episodes
    return {"steps": len(rows), "episodes": len(np.unique(groups)), "questions": questions}


def _measured(case: Any) -> dict[str, dict[str, Any]]:
    from workbench.analyses.intervals import estimate
    from workbench.analyses.saliency import saliency
    from workbench.analyses.saliency.masking import same_decisions

    groups = case.question.decisions.episodes
    kept = {
        method: same_decisions(case, None if method == RANDOM else saliency(case, method), k=MASKED)
        for method in PUBLISHED
    }
    return {
        method: {
            "aim": estimate(masked, groups),
            "aum": estimate(alone, groups),
            "aim_less": estimate(kept[OWN][0] - masked, groups),
            "aum_less": estimate(kept[OWN][1] - alone, groups),
        }
        for method, (masked, alone) in kept.items()
    }


def section(found: dict[str, Any]) -> list[str]:
    """The page's lines."""
    lines = [
        "",
        TITLE,
        "",
        f"The {MASKED} most important of eight numbers are set to zero: how often does the agent act the same (AIM,",
        "lower is better)? And with only these left (AUM, higher is better)? Differences are those of integrated",
        f"gradients less the method, paired. {found['steps']:,} steps of {found['episodes']} episodes of the DQN that",
        "ships; XRL-Bench's agent is another one, so that the order counts and not the numbers.",
    ]
    for asked in ASKED:
        lines += [
            "",
            f"Explained: {asked.words}.",
            "",
            "| method | AIM | integrated gradients less it | AUM | less it | published AIM | AUM |",
            "|---|---|---|---|---|---|---|",
        ]
        for method, one in found["questions"][asked.name].items():
            published = PUBLISHED[method]
            numbers = ["–", "–"] if published is None else [f"{number:.3f}" for number in published]
            less = ["–", "–"] if method == OWN else [_cell(one["aim_less"]), _cell(one["aum_less"])]
            name = "a random order" if method == RANDOM else f"`{method}`"
            lines.append(
                "| " + " | ".join([name, _cell(one["aim"]), less[0], _cell(one["aum"]), less[1], *numbers]) + " |"
            )
    return lines


def _cell(number: Any) -> str:
    if number.low is None:
        return f"{number.mean:.3f}"
    return f"{number.mean:.3f} ({number.low:.3f} to {number.high:.3f})"
