"""One step of a recording, gathered for the figure that is downloaded."""

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.episode import EpisodeSummary
from workbench.analyses.recorded import action_bounds, recorded_interval
from workbench.figures.player import last_position
from workbench.figures.step import StepView
from workbench.recording import Recording


def step_view(recording: Recording, summary: EpisodeSummary, number: int, layer: str | None, step: int) -> StepView:
    """Gather what the figure of one step shows.

    Args:
        recording: An open recording.
        summary: Of the episode.
        number: Place of the episode in the recording.
        layer: Module path, or None.
        step: Of the episode, from 0; T, its number of steps, for what was observed after the last action.
    """
    episode = recording.episode(number)
    step = int(np.clip(step, 0, last_position(recording, episode)))
    over = step == episode.length
    row = int(episode.rows[min(step, episode.length - 1)])
    action = np.atleast_1d(recording.steps["action"][row]).reshape(-1)
    environment = recording.attributes.get("environment") or {}
    names, taken = _actions(recording, summary, action, int((environment.get("action_space") or {}).get("start") or 0))
    picture = recording.final_frame(number) if over else _row(recording, "frame", row)
    observation = recording.final_observation(number) if over else _row(recording, "observation", row)
    if picture is None and observation is not None and observation.dtype == np.uint8 and observation.ndim == 3:
        picture = observation if observation.shape[-1] in (1, 3) else observation[..., -1]
    activations = episode.activations(layer) if layer is not None and not over else None
    policy = (recording.attributes.get("policy") or {}).get("name") or "agent"
    return StepView(
        title=f"{policy} in {environment.get('id')}: episode {episode.index}, "
        + (f"after its last action (step {step})" if over else f"step {step} (of 0 to {episode.length - 1})"),
        step=step,
        summary=summary,
        action_names=names,
        taken=taken,
        interval=recorded_interval(recording, summary.distribution),
        action_bounds=action_bounds(environment.get("action_space") or {}),
        picture=picture,
        observation=None if picture is not None else observation,
        observation_names=recording.observation_names or (),
        layer_title=f"{layer}, one scale over the episode",
        layer=None if activations is None else activations[step],
        layer_range=(0.0, 1.0)
        if activations is None
        else (float(np.nan_to_num(activations).min()), float(np.nan_to_num(activations).max())),
    )


def _row(recording: Recording, column: str, row: int) -> npt.NDArray[Any] | None:
    return np.asarray(recording.steps[column][row]) if column in recording.steps else None


def _actions(
    recording: Recording, summary: EpisodeSummary, action: npt.NDArray[np.generic], first: int
) -> tuple[list[str], npt.NDArray[np.generic]]:
    distribution, known = summary.distribution, recording.action_names
    scores = distribution.q_values if distribution.probabilities is None else distribution.probabilities
    if scores is None:
        return known if known and len(known) == len(action) else [f"component {i}" for i in range(len(action))], action
    options = scores.shape[1]
    names = known if known and len(known) == options else [f"action {i}" for i in range(options)]
    if distribution.kind == "bernoulli":
        return names, action.astype(bool)
    taken, start = np.zeros(options, dtype=bool), 0
    for size, choice in zip(distribution.components, action.astype(np.int64) - first, strict=True):
        taken[start + int(choice)] = True
        start += size
    return names, taken
