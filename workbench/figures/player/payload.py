"""Everything the player needs to show one window of an episode, as JSON.

Axis legend:
    T  steps of the episode
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.analyses.distributions import ActionDistribution, FloatArray, maximum_entropy
from workbench.analyses.episode import EpisodeSummary
from workbench.analyses.recorded import is_squashed, summarise_recorded_episode
from workbench.errors import WorkbenchError
from workbench.figures.player.actions import describe_actions
from workbench.figures.player.contents import last_position, window_contents
from workbench.figures.player.encoding import encode_array
from workbench.figures.player.layers import layer_bytes_per_step

if TYPE_CHECKING:
    from workbench.analyses.probing.readouts import ProbeReadout
    from workbench.recording import Episode, Recording

MOST_STEPS = 1000
PAYLOAD_BYTES = 8 << 20
MOST_BINS = 4000
_REWARD_UNITS = {True: "units of reward", False: "the rescaled reward that it was trained on"}


def window_steps(recording: "Recording", layer: str | None) -> int:
    """How many steps one payload holds so that it stays around 8 MB, between 50 and 1000."""
    row = 256
    if layer is not None and layer in recording.activations:
        row += layer_bytes_per_step(recording.activations[layer].shape[1:])
    for name, array in recording.steps.items():
        size = int(np.prod(array.shape[1:], dtype=np.int64))
        if name == "frame":
            row += min(12_000, size)
        elif name.startswith("observation"):
            row += min(10_000, size * 4)
    return int(np.clip(PAYLOAD_BYTES // row, 50, MOST_STEPS))


def episode_payload(
    recording: "Recording",
    number: int,
    *,
    layer: str | None = None,
    start: int = 0,
    stop: int | None = None,
    max_frame_pixels: int = 160_000,
    summary: EpisodeSummary | None = None,
) -> dict[str, Any]:
    """Build the player's payload.

    Args:
        recording: An open recording.
        number: Place of the episode in it, from 0.
        layer: Module path of the layer to show; None for none.
        start: First step of the window.
        stop: One past its last step; None for the episode's end.
        max_frame_pixels: Larger pictures are scaled down to about so many pixels.
        summary: The episode's summary, where the caller has it already.

    Returns:
        Plain JSON: numbers, texts, and arrays in base64.

    Raises:
        WorkbenchError: There is no such episode or layer.
    """
    episode = recording.episode(number)
    if layer is not None and layer not in recording.activations:
        raise WorkbenchError(
            f"The recording has no layer {layer!r}; it has: {', '.join(recording.activations) or 'none'}."
        )
    length = episode.length
    start = int(np.clip(start, 0, max(0, length - 1)))
    stop = length if stop is None else int(np.clip(stop, start, length))
    window = slice(start, stop)
    summary = summary or summarise_recorded_episode(recording, number)
    environment = recording.attributes.get("environment") or {}
    contents = window_contents(recording, episode, window, layer, max_frame_pixels)
    episode_key = f"{recording.path}|{number}"
    return {
        "format": "rl-workbench-player",
        "version": 1,
        "key": f"{episode_key}|{start}|{stop}|{layer}|{recording.number_of_steps}",
        "episode_key": episode_key,
        "title": _title(recording, episode),
        "episode": {
            "index": episode.index,
            "length": length,
            "last": last_position(recording, episode),
            "seed": episode.seed,
            "total_reward": episode.total_reward,
            "ending": _ending(episode),
        },
        "window": {"start": start, "stop": stop, "has_final": contents.has_final},
        "environment_fps": environment.get("render_fps"),
        "notes": [*_notes(recording, episode), *contents.notes],
        "frames": contents.frames,
        "observations": contents.observations,
        "actions": describe_actions(
            summary.distribution,
            episode.column("action") if "action" in recording.steps else np.zeros((length, 0)),
            window,
            space=environment.get("action_space") or {},
            names=recording.action_names,
            squashed=is_squashed(recording),
        ),
        "readouts": _readouts(summary, window),
        "timeline": _timeline(summary, window),
        "moments": [{"kind": m.kind, "step": m.step, "text": m.text} for m in summary.moments],
        "moments_note": "No step of this episode stands out: no sharp fall of the value, no peak of the entropy, "
        "no action against the mode.",
        "layer": contents.layer,
        "truth": contents.truth,
        "state": contents.state,
        "probes": [],
    }


def with_probes(payload: dict[str, Any], readouts: Sequence["ProbeReadout"]) -> dict[str, Any]:
    """A payload that also shows what probes say at each step.

    Args:
        payload: Of an episode.
        readouts: Of the same episode.
    """
    window = slice(payload["window"]["start"], payload["window"]["stop"])
    return {
        **payload,
        "key": "|".join([payload["key"], *(one.words for one in readouts)]),
        "probes": [_probe(one, window) for one in readouts],
    }


def _probe(readout: "ProbeReadout", window: slice) -> dict[str, Any]:
    """What a probe says at the steps of a window: probabilities of classes, or a number; and what is true."""
    classes = readout.classes
    return {
        "title": readout.words,
        "hint": readout.evidence,
        "names": None if classes is None else list(classes),
        "said": encode_array(readout.said[window].reshape(-1, 1 if classes is None else len(classes)), "float32"),
        "truth": encode_array(readout.truth[window], "float32"),
    }


def _title(recording: "Recording", episode: "Episode") -> str:
    policy = recording.attributes.get("policy") or {}
    environment = recording.attributes.get("environment") or {}
    return f"{policy.get('name') or 'Agent'} in {environment.get('id') or 'an environment'}, episode {episode.index}"


def _ending(episode: "Episode") -> str:
    last = f"after step {episode.length - 1}"
    if episode.terminated:
        return f"The episode terminated {last}: the environment reached an end. No action follows."
    if episode.truncated:
        return f"The episode was truncated {last}: a limit cut it off, it had not come to an end. No action follows."
    return f"The recording stops {last}; the episode was not finished."


def _notes(recording: "Recording", episode: "Episode") -> list[str]:
    notes = []
    if not recording.complete:
        notes.append(f"This recording is not complete ({recording.ended}); everything committed until then is here.")
    if episode.length and not episode.complete:
        notes.append("This episode was not recorded to its end: its return is the sum of what there is.")
    return notes


def _entropy_of(distribution: ActionDistribution) -> str:
    """What the entropy is the entropy of, in words."""
    if distribution.squashed:
        return "Of the action's density after squashing, in the action's own units"
    if distribution.kind == "gaussian":
        return "Of the Gaussian, before actions are cut off at the bounds"
    most = maximum_entropy(distribution)
    scale = "" if most is None else f": 0 when sure, {most:.4g} nat (100 %) when every action is as likely"
    return f"Of the distribution over actions{scale}"


def _readouts(summary: EpisodeSummary, window: slice) -> list[dict[str, Any]]:
    distribution = summary.distribution
    so_far = np.cumsum(summary.reward) - summary.reward
    value_unit = "reward" if summary.reward_in_value_units else "rescaled"
    candidates: list[tuple[str, str, FloatArray | None, str]] = [
        ("Value", value_unit, summary.value, "The critic's estimate of the return from here"),
        ("Reward", "reward", summary.reward, "What this step's action brought"),
        ("Return so far", "reward", so_far, "Sum of the rewards before this step"),
        ("Return to go", "reward", summary.return_to_go, "Sum of the rewards from this step on, not discounted"),
        (
            "Discounted to go",
            "reward",
            summary.discounted_return_to_go if summary.temporal_difference_error is not None else None,
            f"With discount {summary.discount:g}: what the critic estimates",
        ),
        ("One-step error", "reward", summary.temporal_difference_error, "Reward + discount · next value − value"),
        ("Entropy", "nat", distribution.entropy, _entropy_of(distribution)),
        ("Log-probability", "nat", distribution.log_probability, "Of the action taken; of a density where continuous"),
    ]
    most = {"Entropy": maximum_entropy(distribution)}
    at_the_end = {"Return so far": float(summary.reward.sum())}
    return [
        {
            "label": label,
            "unit": unit,
            "hint": hint,
            "most": most.get(label),
            "final": at_the_end.get(label),
            "array": encode_array(values[window], "float64"),
        }
        for label, unit, values, hint in candidates
        if values is not None
    ]


def _timeline(summary: EpisodeSummary, window: slice) -> dict[str, Any]:
    distribution = summary.distribution
    scale = "reward" if summary.reward_in_value_units else "rescaled reward"
    estimate = (
        f"The critic's estimate of the return from each step on, in {_REWARD_UNITS[summary.reward_in_value_units]}"
    )
    candidates: list[tuple[str, str, str, str, FloatArray | None]] = [
        ("value", "Value", scale, estimate, summary.value),
        ("reward", "Reward", "a step", "What each step's action brought", summary.reward),
        ("entropy", "Entropy", "nat", _entropy_of(distribution), distribution.entropy),
    ]
    if distribution.q_values is not None and distribution.q_values.shape[1] > 1:
        best = np.sort(distribution.q_values, axis=1)
        hint = "Q of the best action minus Q of the second best: small where the choice hardly matters to the agent"
        candidates.append(("gap", "Q gap", scale, hint, best[:, -1] - best[:, -2]))
    length = len(summary.reward)
    bin_steps = max(1, -(-length // MOST_BINS))
    binned = f", each column the range over {bin_steps} steps" if bin_steps > 1 else ""
    return {
        "label": f"{length} steps{binned}; ▼ ◆ ✕ mark moments. Click to go there.",
        "steps_per_bin": bin_steps,
        "series": [
            {
                "key": key,
                "label": label,
                "unit": unit,
                "hint": hint,
                "array": encode_array(values[window], "float64"),
                "low": encode_array(_bins(values, bin_steps, np.fmin)),
                "high": encode_array(_bins(values, bin_steps, np.fmax)),
            }
            for key, label, unit, hint, values in candidates
            if values is not None
        ],
    }


def _bins(values: FloatArray, size: int, reduce: np.ufunc) -> FloatArray:
    if size == 1 or not len(values):
        return values
    return np.asarray(reduce.reduceat(values, np.arange(0, len(values), size)))
