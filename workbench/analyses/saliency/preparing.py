"""From recorded steps to the case that methods explain: what is asked, and all that the methods need beside it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.exclusive import exclusively
from workbench.analyses.reading_decisions import read_decisions
from workbench.analyses.readings import find_reading, reading_policy
from workbench.analyses.saliency.attribution import Setting
from workbench.analyses.saliency.baselines import BACKGROUND_STEPS, find_baseline, read_background
from workbench.analyses.saliency.maps import Case, check_options
from workbench.analyses.saliency.methods import METHODS
from workbench.analyses.saliency.objects import find_objects
from workbench.analyses.saliency.question import Question
from workbench.analyses.saliency.recorded_mean import RecordedMean
from workbench.analyses.saliency.regions import default_regions, patches
from workbench.analyses.targets import AnyTarget, default_target, find_target
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from workbench.policies.types import Policy
    from workbench.recording import Recording


def prepare(
    recording: "Recording",
    rows: int | Sequence[int] | npt.NDArray[Any],
    *,
    policy: "Policy | None" = None,
    target: str | AnyTarget | None = None,
    layer: str | None = None,
    baseline: str = "mean",
    patch: int | None = None,
    window: int = 1,
    seed: int = 0,
    background_steps: int = BACKGROUND_STEPS,
    batch_size: int | None = None,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
    mean: RecordedMean | None = None,
) -> Case:
    """Put recorded decisions, and what shall be explained of them, together.

    Args:
        recording: An open recording.
        rows: Rows of `recording.steps`.
        policy: The agent; None builds the one that is kept in the recording.
        target: What is explained: a name as `find_target` takes it, or any function `PolicyOutput -> Tensor [n]`; by
            default the action taken (`default_target`).
        layer: What is attributed to: None for the observation, else a layer's name.
        baseline: What stands for "nothing there", of the table of baselines.
        patch: Side of an image's regions in pixels; None makes about 100 regions.
        window: How many observations are explained: the decision's own and those before it, which reach it through the
            policy's memory. A policy without one has no such window.
        seed: Of everything that is drawn.
        background_steps: How many recorded steps stand for all of them, where some are drawn; the baseline `mean` is
            that of the whole recording, whatever stands here.
        batch_size: Rows that go through the network at a time; None chooses by the size of an observation.
        progress: Is told how far the work is, and may raise `Cancelled`.
        options: Hyperparameters of methods by name.
        mean: Of the whole recording, as the same policy sees it, where somebody has it already.

    Raises:
        WorkbenchError: A row, target, layer or baseline does not exist or does not fit, or the policy cannot be built.
    """
    check_options(options or {}, [name for row in METHODS for name in row.options], "any method")
    acting = policy if policy is not None else recording.policy()
    with exclusively(acting):
        return _prepared(
            recording, acting, rows, target, layer, baseline, patch, window, seed, background_steps, batch_size,
            progress or SilentProgress(), dict(options or {}), mean,
        )  # fmt: skip


def _prepared(
    recording: "Recording",
    acting: "Policy",
    rows: int | Sequence[int] | npt.NDArray[Any],
    target: str | AnyTarget | None,
    layer: str | None,
    baseline: str,
    patch: int | None,
    window: int,
    seed: int,
    background_steps: int,
    batch_size: int | None,
    progress: Progress,
    options: Mapping[str, Any],
    mean: RecordedMean | None,
) -> Case:
    chosen = np.atleast_1d(np.asarray(rows, dtype=np.int64))
    inner = find_reading(target, acting) if isinstance(target, str) else target
    if inner is not None:
        acting = reading_policy(acting, inner)
    if window > 1 and acting.initial_state(1) is None:
        raise WorkbenchError(
            f"A window of {window} observations is for agents with a memory, and this one has none: what it saw before "
            f"does not reach its decision. Leave the window out."
        )
    decisions = read_decisions(recording, acting, chosen, window=window)
    named = _target(recording, acting, decisions, target if inner is None else inner)
    find_baseline(baseline)
    question = Question(decisions, named, layer, window, batch_size)
    names = recording.observation_names
    setting = Setting(
        background=read_background(recording, acting, steps=background_steps, window=window, seed=seed, mean=mean),
        baseline=baseline,
        regions=patches(question, patch) if patch is not None else default_regions(question, names),
        seed=seed,
        objects=find_objects(recording, question),
        progress=progress,
        options=options,
    )
    return Case(question=question, setting=setting)


def _target(recording: "Recording", policy: "Policy", decisions: Any, target: str | AnyTarget | None) -> AnyTarget:
    if target is not None and not isinstance(target, str):
        return target
    first = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        answer = decisions.run({name: tensor[first] for name, tensor in decisions.inputs.items()}, first)
    if target is None:
        return default_target(answer, policy.action_space, recording.action_names)
    return find_target(target, answer, policy.action_space, recording.action_names)
