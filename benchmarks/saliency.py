"""How fast saliency maps are made, beside Captum and beside a loop of one mask at a time."""

import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.agents_measured import ATARI, ATARI_WRAPPERS, SEED, untrained_ppo
from benchmarks.pairs import middle, paired, ratios, seconds
from benchmarks.results import Figure, Row, row
from workbench.recording import Recording, record
from workbench.recording.environments import make_environment

WINDOW = 5
"""Pixels of an occluded square, and between two of them."""


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """All rows of `saliency/…`."""
    import torch

    torch.set_num_threads(1)
    runs, frames = (2, 2) if quick else (7, 16)
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    try:
        policy = untrained_ppo("CnnPolicy", lambda: make_environment(ATARI, wrappers=ATARI_WRAPPERS))
        breakout = record(
            policy, ATARI, wrappers=ATARI_WRAPPERS, steps=60 if quick else 400, environments=2,
            out=folder / "breakout.zarr", seed=SEED, deterministic=False,
        )  # fmt: skip
        maze = record(
            "agents.cheese_maze:corner_agent", "envs:CheeseMaze-v0", out=folder / "maze.zarr",
            episodes=2 if quick else 20, seed=SEED,
        )  # fmt: skip
        return [
            _integrated_gradients(figures["saliency/ig_vs_captum"], maze, runs, frames),
            *_perturbations(figures, breakout, policy, runs, max(1, frames // 4)),
            _overlay(figures["saliency/overlay_ms"], breakout, policy, 2 if quick else 15),
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rows(recording: Recording, count: int) -> Any:
    import numpy as np

    return np.sort(np.random.default_rng(SEED).choice(len(recording), count, replace=False))


def _integrated_gradients(figure: Figure, recording: Recording, runs: int, frames: int) -> Row:
    import torch
    from captum.attr import IntegratedGradients

    from workbench.analyses.saliency import prepare, saliency
    from workbench.analyses.saliency.baselines import baseline_values

    case = prepare(recording, _rows(recording, frames))
    question = case.question
    baseline = baseline_values("mean", question, case.setting.background)[""]
    index = torch.arange(frames)
    peer = IntegratedGradients(lambda values, rows: question({"": values}, rows))

    def theirs(steps: int = 50) -> Any:
        return peer.attribute(
            question.values[""],
            baseline,
            additional_forward_args=(index,),
            n_steps=steps,
            return_convergence_delta=True,
        )

    difference = question.evaluate(question.values, index) - question.evaluate({"": baseline}, index)

    def gap_of(steps: int) -> float:
        return float((theirs(steps)[1].abs() / difference.abs()).median())

    found = saliency(case, "integrated_gradients")
    own = float(median(found.facts["completeness_gap"].tolist()))
    default_gap = gap_of(50)
    # How many points Captum needs for the gap that ours has: its default, or as many more as it takes.
    steps = next((steps for steps in (50, 100, 200, 400, 800) if gap_of(steps) <= 0.01), 1600)
    fast, slow = paired(
        lambda: frames / seconds(lambda: saliency(case, "integrated_gradients")),
        lambda: frames / seconds(lambda: theirs(steps)),
        runs,
    )
    against = (
        f"Captum {version('captum')}'s IntegratedGradients with {steps} points, the fewest of 50, 100, 200 … whose "
        f"median gap is at most 1 % (at its default of 50: {100 * default_gap:.2g} %): {middle(slow)} frames/s; ours "
        f"{middle(fast)} frames/s, {int(found.facts['points'].min())} to {int(found.facts['points'].max())} points, "
        f"median gap {100 * own:.2g} %"
    )
    return row(figure, ratios(fast, slow), against)


def _perturbations(
    figures: Mapping[str, Figure], recording: Recording, policy: Any, runs: int, frames: int
) -> list[Row]:
    import torch
    from captum.attr import Occlusion

    from workbench.analyses.saliency import prepare, saliency
    from workbench.analyses.saliency.baselines import baseline_values
    from workbench.analyses.saliency.perturbations import blurs

    case = prepare(recording, _rows(recording, frames), policy=policy, target="logit", baseline="zero")
    question = case.question
    index = torch.arange(frames)
    [masks] = blurs(question)

    @torch.no_grad()
    def one_at_a_time() -> None:
        for decision in range(frames):
            row_of = torch.tensor([decision])
            unperturbed = question(question.at(row_of), row_of)
            for number in range(masks.count):
                values = masks.apply(question.at(row_of), row_of, torch.tensor([number]))
                0.5 * (question(values, row_of) - unperturbed) ** 2

    ours, loop = paired(
        lambda: frames / seconds(lambda: saliency(case, "blur")),
        lambda: frames / seconds(one_at_a_time),
        runs,
    )
    baseline = baseline_values("zero", question, case.setting.background)[""]
    peer = Occlusion(lambda values, rows: question({"": values}, rows))
    channels = question.values[""].shape[1]
    window, stride = (channels, WINDOW, WINDOW), (channels, WINDOW, WINDOW)

    @torch.no_grad()
    def theirs() -> Any:
        return peer.attribute(question.values[""], window, stride, baseline, additional_forward_args=(index,))

    fast, slow = paired(
        lambda: frames / seconds(lambda: saliency(case, "occlusion", window=WINDOW, stride=WINDOW)),
        lambda: frames / seconds(theirs),
        runs,
    )
    cost, stands_on = paired(
        lambda: seconds(lambda: saliency(case, "sarfa")), lambda: seconds(lambda: saliency(case, "blur")), runs
    )
    return [
        row(
            figures["saliency/blur_vs_loop"],
            ratios(ours, loop),
            f"the same {masks.count} masks, one at a time, with the blurred image made once: {middle(loop)} frames/s; "
            f"ours {middle(ours)} frames/s",
        ),
        row(
            figures["saliency/occlusion_vs_captum"],
            ratios(fast, slow),
            f"Captum {version('captum')}'s Occlusion, windows of {WINDOW} × {WINDOW} pixels every {WINDOW}, "
            f"{frames} frames at a time: {middle(slow)} frames/s; ours {middle(fast)} frames/s",
        ),
        row(
            figures["saliency/sarfa_cost"],
            ratios(cost, stands_on),
            f"the blur perturbation that it stands on, {middle(stands_on)} s for {frames} frames",
        ),
    ]


def _overlay(figure: Figure, recording: Recording, policy: Any, runs: int) -> Row:
    import io

    from PIL import Image

    from workbench.analyses.saliency import prepare, saliency
    from workbench.analyses.saliency.seen import seen_at
    from workbench.figures.saliency import overlay

    def one(step: int) -> float:
        def draw() -> None:
            case = prepare(recording, step, policy=policy, background_steps=64)
            maps = saliency(case, "gradient")
            seen = seen_at(case.question.decisions, 0)
            assert seen.picture is not None
            shown = overlay(seen.picture, maps.picture()[0], signed=maps.signed)
            Image.fromarray(shown).save(io.BytesIO(), "png")

        return 1000 * seconds(draw)

    one(0)
    values = [one(int(step)) for step in _rows(recording, runs)]
    return row(
        figure, values, "the time that a rerun of a page may take before it is felt, 150 ms (its goal); no peer does it"
    )
