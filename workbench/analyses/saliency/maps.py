"""Saliency maps: the one function that makes them, and what it gives.

Axis legend:
    S  decisions that are explained
    G  regions of what stands at the site
    H, W  rows and columns of pixels
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.exclusive import exclusively
from workbench.analyses.saliency.attribution import Attribution, Setting
from workbench.analyses.saliency.methods import METHODS, Method, find_method
from workbench.analyses.saliency.question import Question, split_key
from workbench.analyses.saliency.regions import existing_regions
from workbench.analyses.targets import NamedTarget, words_of
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.policies.types import Policy

FloatArray = npt.NDArray[np.float64]

FRACTIONS = ("noise", "keep", "largest_gap", "largest_change")
"""Options that need not be whole."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Decisions, the number of them that is explained, and all that methods and their evidence are computed with."""

    question: Question
    setting: Setting

    @property
    def policy(self) -> "Policy":
        """What decided."""
        return self.question.decisions.policy


@dataclass(frozen=True, kw_only=True)
class SaliencyMaps:
    """What one method says of S decisions."""

    method: str
    """A name of the table of methods."""
    target: str
    """What is explained, in words."""
    unit: str
    """Of `values`."""
    signed: bool
    """Whether negative numbers mean "against"; else they are magnitudes."""
    baseline: str
    """A name of the table of baselines."""
    layer: str | None
    """What is attributed to; None for the observation."""
    rows: npt.NDArray[np.int64]
    """`[S]` rows of the recording's steps."""
    episodes: npt.NDArray[np.int64]
    """`[S]`."""
    times: npt.NDArray[np.int64]
    """`[S]`."""
    values: Mapping[str, npt.NDArray[np.float32]]
    """Attribution of every number where it enters the network (images channels first), `[S, ...]` by key."""
    region_names: tuple[str, ...]
    """`[G]`."""
    region_kind: str
    regions: FloatArray
    """`[S, G]`, the attribution of each region: the sum over its numbers (of magnitudes, where it is unsigned)."""
    exists: npt.NDArray[np.bool_]
    """`[S, G]`, whether the region was there: of a window, what came before the episode was not. Its attribution is 0,
    and no statistic counts it."""
    target_values: FloatArray
    """`[S]`, the number that is explained."""
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """The method's hyperparameters that were asked for."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else the method found out: `completeness_gap` `[S]`, `points` `[S]`, `perturbations` …"""

    def __post_init__(self) -> None:
        for value in (*vars(self).values(), *self.values.values(), *self.facts.values()):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def film(self, key: str = "", *, stack: int = 1) -> npt.NDArray[np.float32]:
        """The map of each observation on the way to the decision, the oldest first.

        Args:
            key: Of the observation, `""` for a plain one.
            stack: How many frames an image's channels hold side by side (the oldest first), where it is a frame stack.

        Returns:
            `[S, P, H, W]` for images, `[S, P, n]` for vectors; P is the window, times the frames of a stack.

        Raises:
            WorkbenchError: There is no such key, or its channels do not divide into so many frames.
        """
        lags = sorted((split_key(name)[1], name) for name in self.values if split_key(name)[0] == key)
        if not lags:
            raise WorkbenchError(f"There is no observation {key!r} among {', '.join(map(repr, self.values))}.")
        parts = []
        for _, name in reversed(lags):
            values = self._magnitudes(self.values[name])
            if values.ndim != 4:
                parts.append(values.reshape(len(values), 1, -1))
                continue
            if stack < 1 or values.shape[1] % stack:
                raise WorkbenchError(f"{values.shape[1]} channels do not divide into {stack} frames.")
            parts.append(values.reshape(len(values), stack, -1, *values.shape[2:]).sum(axis=2))
        return np.concatenate(parts, axis=1)

    def picture(self, key: str | None = None) -> npt.NDArray[np.float32]:
        """The map of an image, `[S, H, W]`: the sum over its channels.

        Args:
            key: Which image, where there are several.

        Raises:
            WorkbenchError: What is attributed to is no image.
        """
        images = {name: array for name, array in self.values.items() if array.ndim == 4}
        chosen = next(iter(images), None) if key is None else key
        if chosen is None or chosen not in images:
            raise WorkbenchError("What is explained is no image: its attributions stand in `values` and `regions`.")
        return np.asarray(self._magnitudes(images[chosen]).sum(axis=1))

    def _magnitudes(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Attributions whose sum means something: where only magnitudes count, those."""
        return values if self.signed else np.abs(values)


def some_of(case: Case, most: int) -> tuple[Case, npt.NDArray[np.int64]]:
    """A case of at most so many of the decisions, evenly spread over them, and their places, 0 to S − 1.

    Args:
        case: All of them.
        most: How many at most.
    """
    count = len(case.question)
    if count <= most:
        return case, np.arange(count)
    places = np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))
    question = case.question
    decisions = question.decisions.subset(places)
    objects = case.setting.objects
    if objects is not None:
        index = torch.as_tensor(places)
        labels = {key: grid if len(grid) == 1 else grid[index] for key, grid in objects.labels.items()}
        objects = replace(objects, labels=labels)
    return Case(
        question=question.of(decisions),
        setting=replace(case.setting, objects=objects),
    ), places


def saliency(case: Case, method: str = "integrated_gradients", **options: Any) -> SaliencyMaps:
    """Explain the decisions of a case by one method.

    Args:
        case: What `prepare` gives.
        method: A name of `METHODS`.
        options: The method's hyperparameters, as its own docstring names them.

    Raises:
        WorkbenchError: There is no such method, or it cannot explain this policy, target or layer; the message says
            what it lacks and what to use instead.
    """
    row = find_method(method)
    question, setting = case.question, case.setting
    if row.inputs_only and question.layer is not None:
        raise WorkbenchError(
            f"The method {method!r} attributes to observations only, and the layer {question.layer!r} is asked for; "
            f"use integrated_gradients or feature_ablation."
        )
    check_options(options, row.options, method)
    if options:
        setting = _with_options(setting, options)
    with exclusively(case.policy):
        attribution = row.function(question, setting)
        return _as_maps(row, question, setting, attribution)


def possible_methods(case: Case) -> dict[str, str | None]:
    """By method of the table, None where it can explain this case, else why not."""
    question = case.question
    images = any(tensor.ndim == 4 for tensor in question.values.values())
    modules = list(case.policy.module.modules())
    has = {
        "image": images,
        "convolution": any(isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d) for module in modules),
        "relu": any(isinstance(module, torch.nn.ReLU) for module in modules),
        "objects": case.setting.objects is not None,
    }
    reasons = {
        "image": "it is for images",
        "convolution": "the network has no convolution",
        "relu": "the network has no ReLU",
        "objects": "the truth names no objects",
    }
    found: dict[str, str | None] = {}
    for row in METHODS:
        lacks = [reasons[need] for need in row.needs if not has[need]]
        if row.inputs_only and question.layer is not None:
            lacks.append("it attributes to observations only")
        found[row.name] = lacks[0] if lacks else None
    return found


def check_options(options: Mapping[str, Any], known: Sequence[str], method: str) -> None:
    """Check names and kinds of hyperparameters.

    Raises:
        WorkbenchError: One is not known, or is no positive number.
    """
    for name, value in options.items():
        if name not in known:
            there = ", ".join(sorted(set(known))) or "none"
            raise WorkbenchError(f"There is no option {name!r} of {method!r}; there are: {there}.")
        if name == "layer":
            continue
        whole = name not in FRACTIONS
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or value < 0 or (whole and (value < 1 or value != int(value))):
            expected = "a whole number of at least 1" if whole else "a number from 0 on"
            raise WorkbenchError(f"The option {name!r} takes {expected}; came {value!r}.")
        if name == "keep" and not 0 < value < 1:
            raise WorkbenchError(f"The option 'keep' takes a number between 0 and 1; came {value!r}.")


def _with_options(setting: Setting, options: Mapping[str, Any]) -> Setting:
    return replace(setting, options={**setting.options, **options})


def _as_maps(row: Method, question: Question, setting: Setting, attribution: Attribution) -> SaliencyMaps:
    decisions = question.decisions
    values = {name: tensor.detach() for name, tensor in attribution.values.items()}
    for name, tensor in values.items():
        if not bool(torch.isfinite(tensor).all()):
            where = f" of {name!r}" if name else ""
            raise WorkbenchError(
                f"The attributions{where} by {row.name!r} are not finite: the policy's answer, or its gradient, is not "
                f"(NaN or infinite) at one of these steps or on the way from their baseline."
            )
    numbers = question.evaluate(question.values, torch.arange(len(question)))
    unit = question.target.unit if isinstance(question.target, NamedTarget) else ""
    return SaliencyMaps(
        method=row.name,
        target=words_of(question.target),
        unit=unit if row.unit is None else row.unit,
        signed=row.signed,
        baseline=setting.baseline,
        layer=question.layer,
        rows=decisions.rows.copy(),
        episodes=decisions.episodes.copy(),
        times=decisions.times.copy(),
        values={name: tensor.cpu().float().numpy().copy() for name, tensor in values.items()},
        region_names=setting.regions.names,
        region_kind=setting.regions.kind,
        # Where only magnitudes count, those of a region's numbers must not cancel.
        regions=setting.regions.sums(values if row.signed else {name: tensor.abs() for name, tensor in values.items()})
        .cpu()
        .double()
        .numpy()
        .copy(),
        exists=existing_regions(question, setting.regions).numpy().copy(),
        target_values=numbers.cpu().double().numpy().copy(),
        seed=setting.seed,
        options={name: value for name, value in setting.options.items() if name in row.options},
        facts={
            name: fact.cpu().double().numpy().copy() if isinstance(fact, Tensor) else fact
            for name, fact in attribution.facts.items()
        },
    )
