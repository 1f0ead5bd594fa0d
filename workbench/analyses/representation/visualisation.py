"""Feature visualisation: the input that activates a channel most, beside recorded ones and noise.

Gradient ascent on the policy's preprocessed input (Erhan et al., 2009; Olah, Mordvintsev & Schubert, 2017, "Feature
visualization"): the image is jittered before each step, its total variation and its distance from the mean recorded
input cost something, and it is kept within the range of the observation space. Such an input need not look like
anything that the agent ever sees; so what it reaches stands beside what recorded observations and noise reach.

Axis legend:
    B  restarts
    S  recorded steps that are looked at
    C, H, W  channels, rows and columns of the input
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor

from workbench.analyses.decisions import Decisions, as_values, channels_first
from workbench.analyses.exclusive import exclusively
from workbench.analyses.layers import overwritten
from workbench.analyses.reading_decisions import draw_rows, read_decisions
from workbench.analyses.representation.ascent import ascend, starts, uniform
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

STEPS = 200
RESTARTS = 4
LOOKED_AT = 1_024
AT_A_TIME = 128
NOISE = 128
TOP = 6
OBJECTIVES = ("channel", "place")


@dataclass(frozen=True, kw_only=True)
class Visualisation:
    """An input that was made to activate a channel, and what else activates it."""

    layer: str
    unit: int
    objective: str
    """`channel`: mean over the channel's places; `place`: the place in the middle; of other layers the unit."""
    is_map: bool
    """Whether the layer is a convolution's output."""
    image: npt.NDArray[np.float32]
    """`[C, H, W]` (or `[n]`), in the network's own units, of the restart that reached most."""
    low: npt.NDArray[np.float32]
    """Of the same shape: the least that each number may be."""
    high: npt.NDArray[np.float32]
    reached: float
    """The objective, without jitter."""
    restarts: FloatArray
    """`[B]`, what each one reached."""
    recorded: FloatArray
    """`[S]`, what recorded observations reach."""
    rows: npt.NDArray[np.int64]
    """`[S]`, which steps these are."""
    noise: FloatArray
    """What random inputs reach, each number drawn from its range."""
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        for array in (self.image, self.low, self.high, self.restarts, self.recorded, self.rows, self.noise):
            array.setflags(write=False)

    @property
    def top(self) -> npt.NDArray[np.int64]:
        """Places among S of the recorded steps that reach most, the first first, at most `TOP`."""
        return np.argsort(-self.recorded, kind="stable")[:TOP]

    @property
    def verdict(self) -> str:
        """In words."""
        if self.reached > self.recorded.max():
            return "reaches more than every recorded observation that was looked at"
        share = float((self.recorded < self.reached).mean())
        return f"reaches more than {share:.0%} of the recorded observations, and not more than all: it is not the peak"


def visualise_unit(
    recording: Recording,
    policy: Policy,
    layer: str,
    unit: int,
    *,
    objective: str = "channel",
    steps: int = STEPS,
    restarts: int = RESTARTS,
    jitter: int = 1,
    total_variation: float = 0.02,
    distance: float = 0.02,
    seed: int = 0,
    progress: Progress | None = None,
) -> Visualisation:
    """Make the input that activates a channel (or a unit) most.

    Made greater is a(x) / s − v · TV(x) − d · ‖x − x̄‖² / range², both costs as means over the input's numbers, with s
    the standard deviation of the objective over recorded observations.

    Args:
        recording: Of the network; says what is usual.
        policy: The live policy.
        layer: Which layer.
        unit: Channel of a convolution's output, else unit.
        objective: `channel` or `place`.
        steps: Of gradient ascent.
        restarts: B: half of them begin about the mean recorded input, half at the noise that reaches most.
        jitter: Pixels by which the image is shifted at most before each step.
        total_variation: v.
        distance: d.
        seed: Of the noise, the jitter and the recorded steps.
        progress: Is told of the steps, and may raise `Cancelled`.

    Raises:
        WorkbenchError: There is no such unit, or the layer does not depend on the observation differentiably.
    """
    told = progress or SilentProgress()
    if objective not in OBJECTIVES:
        raise WorkbenchError(f"What is made greater is {' or '.join(map(repr, OBJECTIVES))}; came {objective!r}.")
    shape = recording.activations[layer].shape[1:]
    if not 0 <= unit < shape[0]:
        what = "channels" if len(shape) == 3 else "units"
        raise WorkbenchError(f"The layer {layer!r} has {shape[0]} {what}, numbered from 0; came {unit}.")
    rows = draw_rows(recording, LOOKED_AT, seed=seed)
    measured = _Measured(policy, layer, unit, objective)
    recorded, mean, seen_low, seen_high = _recorded(recording, policy, rows, measured)
    base = read_decisions(recording, policy, rows[:1])
    low, high, notes = _ranges(policy, base, seen_low, seen_high)
    if base.state is not None:
        notes.append("the policy has a memory, which is held as it is at an episode's beginning")
        start = policy.initial_state(1)
        base = Decisions(**{**vars(base), "state": start})
    generator = torch.Generator().manual_seed(seed)
    spread = float(np.std(recorded)) or 1.0
    with exclusively(policy):
        drawn = {name: uniform(low[name], high[name], NOISE, generator) for name in low}
        with torch.no_grad():
            noise = measured.of(base, drawn)
        begun = starts(mean, low, high, drawn, noise, restarts, generator)
        images, reached = ascend(
            partial(measured.of, base), begun, mean, low, high, spread, steps=steps, jitter=jitter,
            total_variation=total_variation, distance=distance, generator=generator, told=told,
        )  # fmt: skip
    best = int(reached.argmax())
    key = _shown(images)
    return Visualisation(
        layer=layer,
        unit=unit,
        objective=objective,
        is_map=len(shape) == 3,
        image=images[key][best].numpy(),
        low=low[key].numpy(),
        high=high[key].numpy(),
        reached=float(reached[best]),
        restarts=reached.double().numpy(),
        recorded=recorded,
        rows=rows,
        noise=noise.double().numpy(),
        notes=tuple(notes),
    )


class _Measured:
    """The objective of inputs; it listens at the layer."""

    def __init__(self, policy: Policy, layer: str, unit: int, objective: str) -> None:
        self._policy, self._layer, self._unit, self._objective = policy, layer, unit, objective

    def of(self, base: Decisions, inputs: Mapping[str, Tensor], index: Tensor | None = None) -> Tensor:
        """`[n]`, differentiable in the inputs."""
        heard: list[Tensor] = []

        def listen(output: Tensor) -> Tensor:
            heard.append(output)
            return output

        count = len(next(iter(inputs.values())))
        with overwritten(self._policy.module, {self._layer: listen}):
            base.run(inputs, torch.zeros(count, dtype=torch.int64) if index is None else index)
        if not heard:
            raise WorkbenchError(f"The layer {self._layer!r} is not run when the policy decides.")
        # A module that is run several times gives what its first run made of the input.
        output = heard[0][:, self._unit]
        if output.ndim == 3:
            if self._objective == "channel":
                return output.mean(dim=(1, 2))
            return output[:, output.shape[1] // 2, output.shape[2] // 2]
        return output.flatten(1).mean(dim=1) if output.ndim > 1 else output


def _recorded(
    recording: Recording, policy: Policy, rows: npt.NDArray[np.int64], measured: _Measured
) -> tuple[FloatArray, dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """What recorded observations reach, and their mean, least and greatest inputs."""
    reached: list[Tensor] = []
    sums: dict[str, Tensor] = {}
    low: dict[str, Tensor] = {}
    high: dict[str, Tensor] = {}
    for start in range(0, len(rows), AT_A_TIME):
        part = read_decisions(recording, policy, rows[start : start + AT_A_TIME])
        with torch.no_grad(), exclusively(policy):
            reached.append(measured.of(part, part.inputs, torch.arange(len(part))))
        for name, tensor in part.inputs.items():
            if name in sums:
                sums[name] = sums[name] + tensor.sum(dim=0)
                low[name] = torch.minimum(low[name], tensor.amin(dim=0))
                high[name] = torch.maximum(high[name], tensor.amax(dim=0))
            else:
                sums[name], low[name], high[name] = tensor.sum(dim=0), tensor.amin(dim=0), tensor.amax(dim=0)
    mean = {name: tensor / len(rows) for name, tensor in sums.items()}
    return torch.cat(reached).double().numpy(), mean, low, high


def _ranges(
    policy: Policy, base: Decisions, seen_low: dict[str, Tensor], seen_high: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor], list[str]]:
    """What each number of the input may be: the observation space's bounds as they enter the network."""
    ends = []
    for end in ("low", "high"):
        raw = _bound(policy.observation_space, end)
        entering = None if raw is None else as_values(policy.preprocess(raw))
        ends.append(
            None
            if entering is None
            else {name: channels_first(t.float(), base.layouts[name])[0] for name, t in entering.items()}
        )
    if ends[0] is None or ends[1] is None:
        return seen_low, seen_high, ["the observation space has no bounds: inputs are kept within what was recorded"]
    low, high, notes = {}, {}, []
    for name in seen_low:
        first, second = torch.minimum(ends[0][name], ends[1][name]), torch.maximum(ends[0][name], ends[1][name])
        bounded = first.isfinite() & second.isfinite() & (second - first < 1e6)
        low[name] = torch.where(bounded, first, seen_low[name])
        high[name] = torch.where(bounded, second, seen_high[name])
        if not bool(bounded.all()):
            notes.append("numbers that the observation space does not bound are kept within what was recorded")
    return low, high, notes


def _bound(space: gymnasium.Space[Any], end: str) -> Any:
    if isinstance(space, spaces.Box):
        return np.asarray(getattr(space, end))[None]
    if isinstance(space, spaces.Dict):
        parts = {name: _bound(part, end) for name, part in space.spaces.items()}
        return None if any(part is None for part in parts.values()) else parts
    return None


def _shown(images: Mapping[str, Tensor]) -> str:
    """The part of the observation that is an image, else the first."""
    return next((name for name, one in images.items() if one.ndim == 4), next(iter(images)))
