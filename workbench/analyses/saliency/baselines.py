"""What a part of the observation is replaced by when it is taken away: one table of baselines.

An attribution is always relative to a baseline, so that each result says which it was.

Axis legend:
    S  decisions that are explained
    R  recorded steps drawn as a background
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.decisions import Decisions, History, Values, as_values, channels_first
from workbench.analyses.reading_decisions import read_decisions
from workbench.analyses.saliency.blurring import gaussian_blur
from workbench.analyses.saliency.question import Question, split_key
from workbench.analyses.saliency.recorded_mean import MOST_STEPS, RecordedMean
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.policies.types import Policy
    from workbench.recording import Recording

BACKGROUND_STEPS = 128
"""Recorded steps that stand for all of them, where nobody said how many."""
BLUR_SIGMA = 3.0
"""Pixels; as Greydanus et al. (2018)."""


@dataclass(frozen=True)
class Background:
    """What the agent usually sees: other steps of the same recording, drawn at random, and the mean of all of it."""

    decisions: Decisions
    """R of them."""
    seed: int
    mean: RecordedMean
    """Of the whole recording: it does not depend on what was drawn."""
    sites: dict[str | None, Values] = field(default_factory=dict, repr=False)

    def values(self, question: Question) -> Values:
        """What stood at the question's site in those steps, `[R, ...]` by key."""
        if question.layer not in self.sites:
            self.sites[question.layer] = question.of(self.decisions).values
        return self.sites[question.layer]

    def read_again(self) -> "Background":
        """The same steps, with nothing kept of what a network made of them: its weights are others now."""
        return Background(self.decisions, self.seed, self.mean.read_again())

    @cached_property
    def deviation(self) -> dict[str, Tensor]:
        """Standard deviation of each input over the background, by key."""
        return {name: tensor.std(dim=0, unbiased=False) for name, tensor in self.decisions.inputs.items()}

    def draw(self, question: Question, draws: int, seed: int) -> dict[str, Tensor]:
        """Values of random steps of it for each decision, `[S, draws, ...]` by key, never the decision's own step."""
        chosen = self.draw_places(question, draws, seed)
        return {name: tensor[chosen] for name, tensor in self.values(question).items()}

    def draw_places(self, question: Question, draws: int, seed: int) -> Tensor:
        """Which steps of it those are, `[S, draws]`: of a decision the same, whatever else is explained with it."""
        own, rows = question.decisions.rows, self.decisions.rows
        chosen = np.empty((len(own), draws), np.int64)
        for place, row in enumerate(own):
            others = np.flatnonzero(rows != row)
            if not len(others):
                raise WorkbenchError(
                    "The baseline 'random_step' needs a step other than the one that is explained, and the recording "
                    "has only that one; choose the baseline 'zero', or record more."
                )
            generator = np.random.default_rng([seed, int(row)])
            chosen[place] = generator.choice(others, draws, replace=len(others) < draws)
        return torch.as_tensor(chosen)


def read_background(
    recording: "Recording",
    policy: "Policy",
    *,
    steps: int = BACKGROUND_STEPS,
    window: int = 1,
    seed: int = 0,
    mean: RecordedMean | None = None,
) -> Background:
    """Draw steps of a recording at random, without replacement.

    Of a window, what came before an episode's first observation does not exist; there the first one stands, which the
    agent does see, and not zeros, which it does not.

    Args:
        recording: Where from.
        policy: What they are prepared for.
        steps: How many at most.
        window: How many observations are read of each, its own the last.
        seed: Of the draw.
        mean: Of the whole recording, where somebody has it already; None takes it where it is needed.
    """
    generator = np.random.default_rng(seed)
    count = min(steps, len(recording))
    rows = np.sort(generator.choice(len(recording), count, replace=False))
    decisions = read_decisions(recording, policy, rows, window=window)
    if decisions.history is not None:
        decisions = replace(decisions, history=_filled(decisions.history, decisions.inputs))
    return Background(decisions, seed, mean or RecordedMean(recording, policy))


def _filled(history: History, inputs: Values) -> History:
    """A history in which the first observation of an episode stands for those before it."""
    following, filled = inputs, list[Values]()
    for place in range(len(history.inputs) - 1, -1, -1):
        there = history.exists[:, place]
        following = {
            name: torch.where(there.view(-1, *(1,) * (tensor.ndim - 1)), tensor, following[name])
            for name, tensor in history.inputs[place].items()
        }
        filled.append(following)
    return replace(history, inputs=tuple(filled[::-1]))


BaselineFunction = Callable[[Question, Background, int], Values]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A row of the table."""

    name: str
    words: str
    function: BaselineFunction
    """Gives a value for each decision, `[S, ...]` by key; the number is a seed."""
    inputs_only: bool = False
    """Whether it has no meaning inside the network."""


def _zero(question: Question, background: Background, seed: int) -> Values:
    return {name: torch.zeros_like(tensor) for name, tensor in question.values.items()}


def _black(question: Question, background: Background, seed: int) -> Values:
    raw = question.decisions.observations
    zeros = as_values(question.decisions.policy.preprocess(_zeros_like(raw)))
    layouts = question.decisions.layouts
    black = {name: channels_first(tensor.float(), layouts[name]) for name, tensor in zeros.items()}
    return {key: black[split_key(key)[0]] for key in question.values}


def _zeros_like(observations: Any) -> Any:
    if isinstance(observations, dict):
        return {key: _zeros_like(part) for key, part in observations.items()}
    return np.zeros_like(observations)


def _mean(question: Question, background: Background, seed: int) -> Values:
    means = background.mean.at(question)
    return {
        key: means[key if question.layer is not None else split_key(key)[0]].expand_as(tensor)
        for key, tensor in question.values.items()
    }


def _blurred(question: Question, background: Background, seed: int) -> Values:
    images = [name for name, tensor in question.values.items() if tensor.ndim == 4]
    if not images:
        raise WorkbenchError(
            "The baseline 'blurred' is for images, and nothing that is explained here is one; choose 'mean' or 'zero'."
        )
    means = _mean(question, background, seed)
    return {
        name: gaussian_blur(tensor, BLUR_SIGMA) if name in images else means[name]
        for name, tensor in question.values.items()
    }


def _random_step(question: Question, background: Background, seed: int) -> Values:
    return {name: tensor[:, 0] for name, tensor in background.draw(question, 1, seed).items()}


BASELINES: tuple[Baseline, ...] = (
    Baseline(
        name="zero",
        words="zeros where they enter the network (black; where VecNormalize stands before it, the training's mean)",
        function=_zero,
    ),
    Baseline(
        name="black", words="an observation of zeros, preprocessed like any other", function=_black, inputs_only=True
    ),
    Baseline(
        name="mean",
        words=f"the mean over this recording (of more than {MOST_STEPS:,} steps so many, evenly spread)",
        function=_mean,
    ),
    Baseline(
        name="blurred",
        words=f"the image itself, blurred (Gaussian, σ = {BLUR_SIGMA:g} pixels)",
        function=_blurred,
        inputs_only=True,
    ),
    Baseline(name="random_step", words="another step of this recording, drawn at random", function=_random_step),
)


def find_baseline(name: str) -> Baseline:
    """The baseline of that name.

    Raises:
        WorkbenchError: There is none.
    """
    for row in BASELINES:
        if row.name == name:
            return row
    raise WorkbenchError(f"There is no baseline {name!r}; there are: {', '.join(row.name for row in BASELINES)}.")


def baseline_values(name: str, question: Question, background: Background, seed: int = 0) -> Values:
    """What stands for "nothing there" at the question's site, `[S, ...]` by key.

    Raises:
        WorkbenchError: There is no such baseline, or it means nothing here.
    """
    row = find_baseline(name)
    if row.inputs_only and question.layer is not None:
        raise WorkbenchError(
            f"The baseline {name!r} is one of observations, and the layer {question.layer!r} is explained; "
            f"choose 'zero', 'mean' or 'random_step'."
        )
    return {key: tensor.detach() for key, tensor in row.function(question, background, seed).items()}
