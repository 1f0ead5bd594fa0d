"""The table of what is measured: figures that come out of one measurement together form a group."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.results import Figure, Row


@dataclass(frozen=True, kw_only=True)
class Group:
    """Figures that are measured together."""

    name: str
    function: str
    """`module:function` below `benchmarks`; takes `quick` and the figures by name, gives the rows."""
    figures: tuple[Figure, ...]

    def measure(self, *, quick: bool) -> list[Row]:
        """Measure all figures of the group.

        Args:
            quick: Tiny sizes: the numbers mean nothing.
        """
        module, _, function = self.function.partition(":")
        measured: list[Row] = getattr(importlib.import_module(f"benchmarks.{module}"), function)(
            {figure.name: figure for figure in self.figures}, quick=quick
        )
        return measured


GROUPS = (
    Group(
        name="recording a CNN",
        function="rollouts:measure_cnn",
        figures=(
            Figure(
                name="recording/cnn_ratio",
                unit="of bare steps/s",
                goal=0.95,
                better="higher",
                measured=(
                    "Steps a second while recording every layer and observation of PPO's NatureCNN on Atari Breakout "
                    "(84×84×4 uint8, 8 environments, one torch thread), from the first reset to the last committed "
                    "byte, ÷ the steps a second of the same policy in the same environments, seeds and actions "
                    "without recording."
                ),
            ),
            Figure(
                name="recording/bytes_ratio",
                unit="of raw bytes",
                goal=0.6,
                better="lower",
                measured=(
                    "Bytes on disk of that recording ÷ bytes of the same arrays uncompressed in their own dtypes "
                    "(float32 activations, uint8 observations), everything included (metadata, the agent's own file)."
                ),
            ),
        ),
    ),
    Group(
        name="recording an MLP",
        function="rollouts:measure_mlp",
        figures=(
            Figure(
                name="recording/mlp_ratio",
                unit="of bare steps/s",
                goal=0.85,
                better="higher",
                measured=(
                    "The same ratio for PPO's two 64-64 networks on CartPole, 8 environments, one torch thread: a "
                    "step that costs microseconds, so that every microsecond of recording shows."
                ),
            ),
        ),
    ),
    Group(
        name="recording frames",
        function="rollouts:measure_frames",
        figures=(
            Figure(
                name="recording/frames_ratio",
                unit="of bare steps/s",
                goal=0.90,
                better="higher",
                measured=(
                    "As `recording/cnn_ratio`, with the environment's 210×160 RGB picture recorded at every step as "
                    "well; the bare rollout renders it too, and throws it away."
                ),
            ),
        ),
    ),
    Group(
        name="growth of a recording",
        function="growth:measure_recording",
        figures=(
            Figure(
                name="recording/growth_slope",
                unit="change per tenfold length",
                goal=0.05,
                better="lower",
                measured=(
                    "How much longer a recorded step takes as a recording grows: the slope of log time over log10 of "
                    "the length, through the 10,000 steps before 20,000, 100,000 and 1,000,000 steps of one recording "
                    "(PPO's 64-64 networks on CartPole, every layer). Time is counted in bare steps: the recording "
                    "stops five times in these steps for a bare rollout of as many, as the machine's own speed "
                    "changes by more; the middle one of the five counts, and the writer thread goes on in all of them. "
                    "Below zero, it becomes quicker."
                ),
            ),
        ),
    ),
    Group(
        name="reading what has grown",
        function="growth:measure_reading",
        figures=(
            Figure(
                name="reading/growth_slope",
                unit="change per tenfold length",
                goal=0.05,
                better="lower",
                measured=(
                    "The same slope for the time that one step at random takes to read (every column and layer), in "
                    "recordings of 10,000, 100,000 and 1,000,000 steps, one step of each in turn."
                ),
            ),
        ),
    ),
    Group(
        name="peers",
        function="peers:measure",
        figures=tuple(
            Figure(
                name=f"recording/over_{peer}",
                unit="times as fast",
                goal=1.0,
                better="higher",
                measured=f"Steps a second of the recorder (as in `recording/cnn_ratio`) ÷ those of {what}.",
            )
            for peer, what in (
                ("append", "plain hooks that append to lists, saved as one compressed `.npz` at the end"),
                ("minari", "Minari's `DataCollector` around the same environments, its dataset written at the end"),
                ("torchlens", "TorchLens tracing the same network one observation at a time"),
            )
        ),
    ),
    Group(
        name="cluster",
        function="clusters:measure",
        figures=(
            Figure(
                name="cluster/two_workers_speedup",
                unit="times as fast",
                goal=1.7,
                better="higher",
                measured=(
                    "Steps a second that two workers of a Dask cluster on this machine (one thread each) record "
                    "together, with the network, environment and layers of `recording/cnn_ratio`, whole episodes, "
                    "÷ those of one worker."
                ),
            ),
        ),
    ),
    Group(
        name="reading",
        function="reading:measure",
        figures=(
            Figure(
                name="reading/open_ms",
                unit="ms",
                goal=50,
                better="lower",
                measured="`open_recording` of a 100,000-step recording, page cache warm, imports done.",
            ),
            Figure(
                name="reading/random_step_ms",
                unit="ms",
                goal=20,
                better="lower",
                measured=(
                    "All of one step at random (every step column and every layer) of that open recording, page cache "
                    "warm: the median step of each run. Opening is not included."
                ),
            ),
            Figure(
                name="reading/layer_mb_per_s",
                unit="MB/s",
                goal=300,
                better="higher",
                measured=(
                    "The whole first convolution's output of that recording, read in blocks of 64 MB: uncompressed "
                    "megabytes a second, page cache warm."
                ),
            ),
        ),
    ),
    Group(
        name="command line",
        function="command_line:measure",
        figures=(
            Figure(
                name="cli/help_seconds",
                unit="s",
                goal=0.3,
                better="lower",
                measured="`workbench --help`, from start to exit.",
            ),
        ),
    ),
    Group(
        name="environments",
        function="environments:measure",
        figures=(
            Figure(
                name="env/cheese_maze_steps_per_s",
                unit="steps/s",
                goal=50_000,
                better="higher",
                measured=(
                    "Steps a second of `envs:CheeseMaze-v0` as `gymnasium.make` gives it, image observations and "
                    "truth included, random actions, resets included, on one core."
                ),
            ),
        ),
    ),
    Group(
        name="dashboard",
        function="playback:measure",
        figures=(
            Figure(
                name="dashboard/playback_steps_per_s",
                unit="steps/s",
                goal=15,
                better="higher",
                measured=(
                    "Steps that the player shows in a second at its fastest speed, with frames, feature maps and "
                    "timelines of a CNN's episode, in headless Chromium at 1440×900 without a graphics card."
                ),
            ),
        ),
    ),
    Group(
        name="atlas",
        function="atlas:measure",
        figures=(
            Figure(
                name="atlas/click_ms",
                unit="ms",
                goal=300,
                better="lower",
                measured=(
                    "Milliseconds from the mouse's button going down on a point of a map of 50,000 steps (PCA of a "
                    "64-unit layer, coloured by value) to the frame of the browser in which that step's picture is "
                    "there, in headless Chromium at 1440×1000 without a graphics card: the median click of each run."
                ),
            ),
        ),
    ),
    Group(
        name="saliency",
        function="saliency:measure",
        figures=(
            Figure(
                name="saliency/ig_vs_captum",
                unit="times as fast",
                goal=3.0,
                better="higher",
                measured=(
                    "Frames a second of integrated gradients with a completeness gap of at most 1 %, of 16 decisions "
                    "of the CheeseMaze agent (13×13×3 pixels, 14 convolutions), one torch thread, ÷ those of Captum's "
                    "with as many points as it needs for a median gap of 1 %."
                ),
            ),
            Figure(
                name="saliency/blur_vs_loop",
                unit="times as fast",
                goal=6.0,
                better="higher",
                measured=(
                    "Frames a second of the blur perturbation (Greydanus et al. 2018) of PPO's NatureCNN on Atari "
                    "Breakout (84×84×4), one torch thread, ÷ those of a loop with one mask at a time."
                ),
            ),
            Figure(
                name="saliency/occlusion_vs_captum",
                unit="times as fast",
                goal=1.5,
                better="higher",
                measured="Frames a second of occlusion of the same agent ÷ those of Captum's with the same windows.",
            ),
            Figure(
                name="saliency/sarfa_cost",
                unit="of the perturbation's time",
                goal=1.1,
                better="lower",
                measured="Seconds of SARFA ÷ seconds of the blur perturbation with the same masks.",
            ),
            Figure(
                name="saliency/overlay_ms",
                unit="ms",
                goal=150.0,
                better="lower",
                measured=(
                    "Milliseconds from a step's number to the PNG of its gradient over the frame: reading the step and "
                    "64 others, the gradient, the overlay; what the dashboard does for it."
                ),
            ),
        ),
    ),
    Group(
        name="probing",
        function="probing:measure_speed",
        figures=(
            Figure(
                name="probing/vs_sklearn",
                unit="times as fast",
                goal=20.0,
                better="higher",
                measured=(
                    "Seconds that a loop of scikit-learn's fits would take for 20 concepts in four layers of NatureCNN "
                    "(32×20×20, 64×9×9, 64×7×7, 512) on 20,000 steps of Atari Breakout, five folds each (some of them "
                    "are timed), ÷ seconds of the linear probes of all, reading included, one torch thread."
                ),
            ),
        ),
    ),
    Group(
        name="probing on two workers",
        function="probing:measure_workers",
        figures=(
            Figure(
                name="probing/two_workers_speedup",
                unit="times as fast",
                goal=1.7,
                better="higher",
                measured=(
                    "Seconds that one worker of a Dask cluster on this machine (one thread) takes for these layers and "
                    "concepts with the baselines of observation and random labels, ÷ those of two."
                ),
            ),
        ),
    ),
    Group(
        name="memory of probing",
        function="probing:measure_memory",
        figures=(
            Figure(
                name="probing/memory_growth",
                unit="of the peak at 10,000 steps",
                goal=1.1,
                better="lower",
                measured=(
                    "Most memory of a process that probes two layers of 64 numbers for two concepts in a recording of "
                    "1,000,000 steps ÷ that of one of 10,000 steps."
                ),
            ),
        ),
    ),
    Group(
        name="search of games",
        function="search:measure",
        figures=tuple(
            Figure(name=f"search/{name}", unit=unit, goal=goal, better=better, measured=measured)
            for name, unit, goal, better, measured in (
                (
                    "mlp_sims_per_s",
                    "simulations/s",
                    400_000,
                    "higher",
                    "Simulations a second over 512 games of Connect Four, 400 each, in two threads, an MLP of "
                    "84-128-128-8 in torch, with the complete trace.",
                ),
                (
                    "cnn_sims_per_s",
                    "simulations/s",
                    50_000,
                    "higher",
                    "The same with three convolutions of 32 channels.",
                ),
                (
                    "mlp_onnx_sims_per_s",
                    "simulations/s",
                    800_000,
                    "higher",
                    "The search with the MLP, which ONNX Runtime evaluates.",
                ),
                (
                    "cnn_onnx_sims_per_s",
                    "simulations/s",
                    75_000,
                    "higher",
                    "The search with the three convolutions, which ONNX Runtime evaluates.",
                ),
                (
                    "interactive_800_ms",
                    "ms",
                    100,
                    "lower",
                    "One search of 800 simulations of Connect Four with the MLP, one leaf at a time, with its trace.",
                ),
                (
                    "vs_openspiel_python",
                    "times as fast",
                    10,
                    "higher",
                    "Simulations a second of 64 searches of Connect Four side by side ÷ those of OpenSpiel.",
                ),
                (
                    "vs_mctx",
                    "times as fast",
                    1,
                    "higher",
                    "Simulations a second of 64 trees side by side ÷ those of mctx on the same processor.",
                ),
                ("trace_cost", "of the time", 0.05, "lower", "Share of a search's time that making its traces takes."),
                (
                    "trace_bytes",
                    "bytes",
                    20_000,
                    "lower",
                    "Bytes of one search of 800 simulations of Connect Four as recordings store it.",
                ),
                ("replay_ms", "ms", 1, "lower", "Making the tree after 800 simulations of its trace."),
            )
        ),
    ),
    Group(
        name="search in environments",
        function="search_environments:measure",
        figures=tuple(
            Figure(name=f"search/gymnasium_{name}", unit="simulations/s", goal=goal, better="higher", measured=measured)
            for name, goal, measured in (
                (
                    "cartpole_copy",
                    800,
                    "Simulations a second of UCT (800 simulations, random rollouts to the end, at most 100 steps) from "
                    "a fresh CartPole, states saved by deep copies, with the complete trace, on one core.",
                ),
                (
                    "cartpole_adapter",
                    2_500,
                    "The same, states saved by the adapter of its attributes.",
                ),
                (
                    "toy_text",
                    10_000,
                    "The same in FrozenLake (slippery), CliffWalking and Taxi, stepped by their tables: the slowest of "
                    "the three.",
                ),
            )
        ),
    ),
)


def select(names: Sequence[str]) -> list[Group]:
    """The groups that hold a figure of one of these names or areas; all of them where no name is given."""
    if not names:
        return list(GROUPS)
    return [
        group
        for group in GROUPS
        if any(figure.name == name or figure.name.startswith(f"{name}/") for figure in group.figures for name in names)
    ]
