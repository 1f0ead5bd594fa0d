"""`python -m agents.cheese_maze.knows`: what can be read in the corner agent, where, and what steers it.

Writes `knows.md`. Probes are tested on mazes that they were not made from; what is pushed or taken out is tried where
the ways to cheese and corner part, beside random directions that move the layer as far.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.cheese_maze.inside import ELSEWHERE, ENVIRONMENT
from workbench.analyses.intervals import Estimate
from workbench.analyses.probing import ProbeResult, probe_layers
from workbench.analyses.probing.following import following
from workbench.analyses.probing.spatial import probe_squares
from workbench.analyses.probing.use import use_of
from workbench.policies import Policy
from workbench.recording import Recording, record

EPISODES, SEED = 200, 20_000
LAYERS = ("embedding", "blocks.1.convolution_1", "blocks.3.convolution_1", "blocks.5.convolution_1", "summary.1",
          "summary.4")  # fmt: skip
PLACES = {
    "cheese, row": "truth.cheese[0]",
    "cheese, column": "truth.cheese[1]",
    "mouse, row": "truth.mouse[0]",
    "mouse, column": "truth.mouse[1]",
    "way to the cheese": "truth.optimal_action",
    "way to the corner": "truth.action_to_corner",
    "the action": "action",
}
SQUARES = ("here:truth.mouse", "here:truth.cheese", "here:truth.corner", "will_cross:truth.mouse")
SQUARE_LAYERS = ("embedding", "blocks.1.convolution_1", "blocks.3.convolution_1", "blocks.5.convolution_1", "summary.1")
READ_FROM = "summary.4"
"""The layer whose directions are pushed: the last but one, which all of the decision goes through."""
TRIED = 60
ACTIONS = ("up", "right", "down", "left")


def main() -> int:
    """Record, probe, push, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        recording = record(
            "agents.cheese_maze:corner_agent", ENVIRONMENT, out=Path(folder) / "x.zarr", episodes=EPISODES,
            seed=SEED, env_kwargs=ELSEWHERE, layers=[*LAYERS],
        )  # fmt: skip
        policy = recording.policy()
        found = {one: {} for one in PLACES}
        for one in probe_layers(recording, list(PLACES.values()), list(LAYERS), policy=policy):
            name = next(name for name, concept in PLACES.items() if concept == one.concept)
            found[name][one.layer] = one
            sys.stderr.write(f"{name} in {one.layer}: {one.score}\n")
        Path(__file__).with_name("knows.md").write_text(
            page(
                recording,
                _known(found),
                _squares(recording, policy),
                _used(recording, policy, found),
                _followed(recording, policy, found),
            )
        )
    return 0


def _known(found: dict[str, dict[str, ProbeResult]]) -> list[str]:
    rows = []
    for name, by_layer in found.items():
        first = by_layer[LAYERS[0]]
        cells = [f"{by_layer[layer].score}{'' if by_layer[layer].decodable else ' ✗'}" for layer in LAYERS]
        untaught = by_layer[READ_FROM].random_network
        rows.append(
            f"| {name} ({first.metric}) | {' | '.join(cells)} | {first.observation.score} | "
            f"{'–' if untaught is None else untaught.score} | {by_layer[READ_FROM].control.score} |"
        )
    return rows


def _squares(recording: Recording, policy: Policy) -> list[str]:
    rows = []
    for one in probe_squares(recording, SQUARES, SQUARE_LAYERS, policy=policy, steps=2_000):
        picture = "–" if one.picture is None else str(one.picture.score)
        untaught = "–" if one.random_network is None else str(one.random_network.score)
        rows.append(
            f"| {one.words.replace('truth.', '')} | {one.layer} | {one.score} | {one.place.score} | {picture} | "
            f"{untaught} | {one.verdict} |"
        )
        sys.stderr.write(f"{rows[-1]}\n")
    return rows


def _contested(recording: Recording) -> np.ndarray:
    """Some steps whose ways to cheese and corner differ, one of each episode as far as there are."""
    best, corner = recording.steps["truth/optimal_action"][:], recording.steps["truth/action_to_corner"][:]
    rows = np.random.default_rng(0).permutation(np.flatnonzero((best != corner) & (corner >= 0)))
    _, first = np.unique(recording.steps["episode"][:][rows], return_index=True)
    return np.sort(rows[first][:TRIED])


def _used(recording: Recording, policy: Policy, found: dict[str, dict[str, ProbeResult]]) -> list[str]:
    rows, lines = _contested(recording), []
    for name, by_layer in found.items():
        if not by_layer[READ_FROM].decodable:
            # Its probe reads something else, if anything.
            lines.append(f"| {name} | – | – | not decodable there |")
            continue
        use = use_of(recording, policy, by_layer[READ_FROM].probe, rows)
        lines.append(
            f"| {name}{'' if use.which == 'the number' else f' ({use.which})'} | {_words(use.taken_out.size)} | "
            f"{use.taken_out.controls.mean():.2f} | {use.verdict.partition(':')[0]} |"
        )
        sys.stderr.write(f"{lines[-1]}\n")
    return lines


def _followed(recording: Recording, policy: Policy, found: dict[str, dict[str, ProbeResult]]) -> list[str]:
    """Does the mouse go where the pushed class points?"""
    lines, actions = [], recording.steps["action"][:]
    contested = _contested(recording)
    for name in ("way to the cheese", "way to the corner", "the action"):
        probe = found[name][READ_FROM].probe
        assert probe.classes is not None
        for number, action in enumerate(ACTIONS):
            spelled = action if action in probe.classes else str(number)
            rows = contested[actions[contested] != number][:40]
            if spelled not in probe.classes or not len(rows):
                continue
            for one in following(
                recording, policy, probe, spelled, follows=f"action == {number}", rows=rows, scales=(2.0, 4.0)
            ):
                lines.append(
                    f"| {name} | {action} | {one.scale:g} | {one.without.mean:.2f} | {_words(one.pushed)} | "
                    f"{one.controls.mean():.2f} | {_words(one.above_controls)} |"
                )
                sys.stderr.write(f"{lines[-1]}\n")
    return lines


def _words(number: Estimate) -> str:
    if number.low is None:
        return f"{number.mean:.2f} (n = {number.steps})".replace("-", "−")
    return f"{number.mean:.2f} [{number.low:.2f}, {number.high:.2f}]".replace("-", "−")


def page(
    recording: Recording, known: Sequence[str], squares: Sequence[str], used: Sequence[str], followed: Sequence[str]
) -> str:
    """The page in Markdown."""
    return "\n".join(
        [
            "# What the corner agent knows, and what steers it",
            "",
            f"Made by `python -m agents.cheese_maze.knows`: {len(recording):,} steps of {EPISODES} mazes with the "
            "cheese outside the",
            "corner. Intervals are 95 %, over episodes.",
            "",
            "## What can be read where",
            "",
            "Linear probes, tested on mazes that they were not made from; ✗: not shown to be more than chance and a "
            "random function of the",
            f"observation. The last columns: the same probe of the raw observation, of `{READ_FROM}` with random "
            "weights, of random labels there.",
            "",
            f"| | {' | '.join(f'`{layer}`' for layer in LAYERS)} | observation | random weights | random labels |",
            f"|---|{'---|' * (len(LAYERS) + 3)}",
            *known,
            "",
            "## Square by square",
            "",
            "One probe for all cells of a layer, which reads the cell alone (balanced accuracy; chance is 0.5). Beside "
            "it what is said by the",
            "cell's place alone, by the picture's pixels of that square, and by the layer with random weights.",
            "",
            "| concept | layer | score | place alone | picture there | random weights | verdict |",
            "|---|---|---|---|---|---|---|",
            *squares,
            "",
            "## What is used",
            "",
            f"The direction along which `{READ_FROM}` moves with a probe's answer is taken out at {TRIED} steps where "
            "the ways to cheese and",
            "corner part: mean absolute change of the log-odds of the action taken [nats], beside random directions "
            "that move the layer as far.",
            "",
            "| concept | change | random directions | |",
            "|---|---|---|---|",
            *used,
            "",
            "## What steers",
            "",
            f"The agent goes on from such steps while a class is pushed in `{READ_FROM}`, by 2 or 4 standard "
            "deviations. How often its next",
            "action is the pushed one, where it would have been another:",
            "",
            "| pushed | to | standard deviations | without | pushed | random directions | pushed less random |",
            "|---|---|---|---|---|---|---|",
            *followed,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
