"""`python -m agents.cheese_maze.inside`: what carries the cheese, and what the corner, inside the corner agent.

Writes `inside.md`. Channels and directions are found on one set of mazes, and tried on another.

Axis legend: S contested steps, where the ways to cheese and corner part.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.decisions import Decisions
from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.intervention import (
    Change,
    ablate,
    behaviour_effect,
    layer_values,
    mean_difference,
    steer,
)
from workbench.analyses.layers import overwritten
from workbench.analyses.reading_decisions import read_decisions
from workbench.analyses.saliency.question import Question
from workbench.recording import Episode, Recording, record

ENVIRONMENT = "envs:CheeseMaze-v0"
ELSEWHERE = {"cheese": "outside top-right 5x5"}
CHANNELS, FEATURES = "summary.1", "summary.4"
"""The 8-channel bottleneck, and the first layer that has weights of its own for every place."""
MOST_STEPS, EARLY = 200, 25
FOUND_SEED, TRIED_SEED = 100, 5_000
EPISODES = 100


def main() -> int:
    """Find, try, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        recording = record(
            "agents.cheese_maze:corner_agent", ENVIRONMENT, out=Path(folder) / "x.zarr", episodes=120,
            seed=FOUND_SEED, env_kwargs=ELSEWHERE,
        )  # fmt: skip
        Path(__file__).with_name("inside.md").write_text(page(*look_inside(recording)))
    return 0


def look_inside(recording: Recording) -> tuple[list[str], list[str]]:
    """The lines of both tables."""
    policy = recording.policy()
    rows, best, corner = _contested(recording)
    seen = read_decisions(recording, policy, rows)
    without = _without_cheese(recording, seen)
    found = _channels(seen, without, best, corner)
    strongest = [int(channel) for channel in np.argsort([one.mean for one in found])[:2]]
    usual = layer_values(recording, policy, CHANNELS, range(0, len(recording), max(1, len(recording) // 400)))
    features = layer_values(recording, policy, FEATURES, rows)
    took = recording.steps["action"][:][rows]
    goal = mean_difference(features[torch.as_tensor(took == best)], features[torch.as_tensor(took == corner)])
    generator = np.random.default_rng(0)
    changes: list[tuple[str, list[Change]]] = [
        (f"channels {strongest[0]} and {strongest[1]} at their mean", [ablate(CHANNELS, strongest, usual, how="mean")])
    ]
    pair = ablate(CHANNELS, strongest, usual, how="mean")
    assert pair.control is not None
    changes += [(f"two other channels at their mean, draw {k + 1}", [pair.control(generator)]) for k in range(3)]
    for scale in (-2.0, -1.0, 1.0, 2.0):
        changes.append((f"{scale:+g} × the goal direction".replace("-", "−"), [steer(FEATURES, goal, scale)]))
    twice = steer(FEATURES, goal, 2.0)
    assert twice.control is not None
    changes += [(f"a random direction as long as +2 of it, draw {k + 1}", [twice.control(generator)]) for k in range(3)]
    lines = [f"| {channel} | {_words(one)} |" for channel, one in enumerate(found)]
    return lines, _behaviour(policy, changes)


def _contested(
    recording: Recording,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of early steps whose ways to cheese and corner differ, and the action of each way, `[S]`."""
    best, corner = recording.steps["truth/optimal_action"][:], recording.steps["truth/action_to_corner"][:]
    rows = np.flatnonzero((best != corner) & (corner >= 0) & (recording.steps["t"][:] < EARLY))
    chosen = np.sort(np.random.default_rng(0).choice(rows, min(MOST_STEPS, len(rows)), replace=False))
    return chosen, best[chosen], corner[chosen]


def _without_cheese(recording: Recording, seen: Decisions) -> Decisions:
    """The same decisions with a floor square in the place of the cheese."""
    images = seen.inputs[""].clone()
    cheese, walls = (recording.steps[f"truth/{name}"][seen.rows] for name in ("cheese", "walls"))
    # The commonest colour of open squares is the floor's.
    colours, counts = torch.unique(images[0][:, ~torch.as_tensor(walls[0])].T, dim=0, return_counts=True)
    for place, (row, column) in enumerate(cheese):
        images[place, :, row, column] = colours[counts.argmax()]
    return replace(seen, inputs={"": images})


def _channels(
    seen: Decisions, without: Decisions, best: npt.NDArray[np.int64], corner: npt.NDArray[np.int64]
) -> list[Estimate]:
    """By channel, how patching it from the image without cheese changes the preference for the cheese's way."""
    index = torch.arange(len(seen))
    ways = torch.as_tensor(best), torch.as_tensor(corner)

    def preference() -> torch.Tensor:
        logits = seen.run(seen.inputs, index).logits
        assert logits is not None
        return logits[index, ways[0]] - logits[index, ways[1]]

    with_cheese, no_cheese = (Question(one, lambda o: o.value, CHANNELS).values[CHANNELS] for one in (seen, without))
    found = []
    with torch.no_grad():
        before = preference()
        for channel in range(with_cheese.shape[1]):
            patched = with_cheese.clone()
            patched[:, channel] = no_cheese[:, channel]
            with overwritten(seen.policy.module, {CHANNELS: _giving(patched)}):
                found.append(estimate((preference() - before).double().numpy(), seen.episodes))
    return found


def _giving(values: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda output: values


def _in_corner(episode: Episode) -> float:
    """Whether the mouse was in the top right 5 by 5 squares at any step."""
    mouse = episode.recording.steps["truth/mouse"][episode.rows]
    corner = episode.recording.steps["truth/corner"][episode.rows[0]]
    return float(((mouse[:, 0] - corner[0] <= 4) & (corner[1] - mouse[:, 1] <= 4)).any())


def _behaviour(policy: Any, changes: Sequence[tuple[str, list[Change]]]) -> list[str]:
    lines = []
    for name, change in changes:
        found = behaviour_effect(
            policy, change, ENVIRONMENT, episodes=EPISODES, seed=TRIED_SEED, env_kwargs=ELSEWHERE,
            measures={"cheese": lambda episode: float(episode.terminated), "corner": _in_corner},
        )  # fmt: skip
        cheese, corner = found.estimates["cheese"], found.estimates["corner"]
        if not lines:
            lines.append(f"| nothing changed | {cheese[0].mean:.2f} | | {corner[0].mean:.2f} | |")
        lines.append(
            f"| {name} | {cheese[1].mean:.2f} | {_words(cheese[2])} | {corner[1].mean:.2f} | {_words(corner[2])} |"
        )
        sys.stderr.write(f"{lines[-1]}\n")
    return lines


def _words(number: Estimate) -> str:
    if number.low is None:
        return f"{number.mean:+.2f}".replace("-", "−")
    return f"{number.mean:+.2f} [{number.low:.2f}, {number.high:.2f}]".replace("-", "−")


def page(channels: list[str], behaviour: list[str]) -> str:
    """The page in Markdown."""
    return "\n".join(
        [
            "# Inside the corner agent: what carries the cheese, and what the corner?",
            "",
            "Made by `python -m agents.cheese_maze.inside`. Channels and directions are found on "
            f"{MOST_STEPS} contested steps (where the",
            "ways to cheese and corner part) of 120 mazes with the cheese elsewhere, and tried on "
            f"{EPISODES} other mazes. Intervals are",
            "95 % over episodes: of channels Student's t, of the shares' differences Newcombe's for pairs.",
            "",
            f"## Which of the 8 channels of `{CHANNELS}` carry the cheese",
            "",
            "Each channel is patched from the image of the same maze without the cheese. The change of the preference",
            "for the cheese's way, logit of that step less logit of the step to the corner:",
            "",
            "| channel | change [nats] |",
            "|---|---|",
            *channels,
            "",
            "## What becomes of where the mouse goes",
            "",
            f"The *goal direction* is the mean of `{FEATURES}` over contested steps at which the agent took the way to",
            "the cheese, less the mean over those at which it took that to the corner.",
            "",
            "| held on | finds the cheese | change | enters the corner region | change |",
            "|---|---|---|---|---|",
            *behaviour,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
