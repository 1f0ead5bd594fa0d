"""Taking up a recording whose writer was killed or stopped: what must be as it was, and how episodes are brought back.

Axis legend: T (recorded steps of one episode).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.policies.types import EpisodeRandom, Policy
from workbench.recording.chunks import write_root
from workbench.recording.columns import flatten_observation, nest_observation
from workbench.recording.environment_wrappers import Environment
from workbench.recording.facts import now
from workbench.recording.layout import ENDED_CUT_SHORT
from workbench.recording.reader import Recording
from workbench.recording.store import make_store, read_root
from workbench.recording.stored_rows import StoredRows

ALIKE: Mapping[str, str] = {
    "policy/fingerprint": "the agent (the fingerprint of its weights)",
    "environment/id": "the environment",
    "environment/kwargs": "the environment's options",
    "environment/wrappers": "the environment's wrappers",
    "environment/observation_space": "the environment's observations",
    "environment/action_space": "the environment's actions",
    "seed": "the seed",
    "derived_seeds": "how episodes are seeded",
    "deterministic": "whether the most likely action is taken",
    "slots": "how many environments are stepped side by side",
    "activation_dtype": "the precision of activations",
    "asked/episodes": "how many episodes were asked for",
    "asked/steps": "how many steps were asked for",
    "asked/layers": "which layers were asked for",
    "asked/frames": "whether pictures were asked for",
    "asked/labels": "whether labels were asked for",
    "asked/search": "how the agent searches",
    "versions": "the versions of the libraries",
}
"""What a recording that is resumed must have as it was, and in words."""
_OF_THE_ROWS = ("committed_steps", "committed_episodes", "non_finite")


def take_up(path: str, facts: Mapping[str, Any]) -> tuple[StoredRows | None, dict[str, Any]]:
    """Make an interrupted recording one that is being written; the caller holds its lock.

    Args:
        path: Of the recording.
        facts: The root attributes that a new recording would have.

    Returns:
        What is there and is kept, None where nothing was committed; and the attributes to go on with.

    Raises:
        WorkbenchError: It is complete, or was recorded otherwise, or is damaged.
    """
    metadata = read_root(path)
    _check(metadata.attributes, json.loads(json.dumps(facts)), path)
    if not metadata.attributes["committed_steps"]:
        return None, dict(facts)
    stored = StoredRows(metadata, path)
    attributes = {
        **{key: value for key, value in metadata.attributes.items() if key != "closed"},
        "flush_seconds": facts["flush_seconds"],
        "complete": False,
        "ended": ENDED_CUT_SHORT,
        "resumed": [*(metadata.attributes.get("resumed") or []), now()],
        "committed_episodes": stored.number_of_episodes,
    }
    write_root(make_store(path, read_only=False), attributes)
    kept = {key: value for key, value in attributes.items() if key not in _OF_THE_ROWS}
    for key in ("absent", "skipped_layers", "skipped_columns", "layers"):
        kept[key] = dict(kept.get(key) or {})
    return stored, kept


def _check(there: Mapping[str, Any], wanted: Mapping[str, Any], path: str) -> None:
    if there.get("complete"):
        raise WorkbenchError(f"{path} is complete, so there is nothing to resume. Choose another path to record more.")
    if not isinstance(there.get("asked"), dict) or "asked" not in wanted:
        raise WorkbenchError(
            f"{path} cannot be resumed: it was not made by `record`, so that nobody knows how to bring its episodes "
            f"back. Begin a new recording (--overwrite, or another path)."
        )
    for key, words in ALIKE.items():
        one, other = _look_up(there, key), _look_up(wanted, key)
        if one != other:
            raise WorkbenchError(
                f"{path} cannot be resumed: {words} must be as it was. There it is {_short(one)}, and now "
                f"{_short(other)}. Record as before, or begin a new recording (--overwrite, or another path)."
            )


def _look_up(attributes: Mapping[str, Any], key: str) -> Any:
    value: Any = attributes
    for part in key.split("/"):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else f"{text[:160]}…"


@dataclass(frozen=True, kw_only=True)
class LastRows:
    """The rows of the last step of all environments, which say what goes on where."""

    slots: list[int]
    ended: list[bool]
    """Whether the episode in that slot ended with it."""


def read_last_rows(recording: Recording, slots: int) -> LastRows:
    """Find them: they are in the order of the slots, and no environment comes back that has once been left out.

    Args:
        recording: With at least one step.
        slots: How many environments there are at most.
    """
    rows = slice(max(0, len(recording) - slots), len(recording))
    numbers = recording.steps["slot"][rows].tolist()
    start = len(numbers) - 1
    while start > 0 and numbers[start - 1] < numbers[start]:
        start -= 1
    ended = recording.steps["terminated"][rows] | recording.steps["truncated"][rows]
    return LastRows(slots=numbers[start:], ended=ended[start:].tolist())


def left_out(recording: Recording, last: LastRows, slots: int) -> list[tuple[int, int]]:
    """Which episodes go on though the last step left them out, for no more steps were asked for: slot and number.

    Args:
        recording: Of a number of steps, so that all environments take part in each step but the last.
        last: The rows of that one.
        slots: How many environments there are.
    """
    stop = len(recording) - len(last.slots)
    if len(last.slots) == slots or stop < slots:
        return []
    rows = slice(stop - slots, stop)
    ended = recording.steps["terminated"][rows] | recording.steps["truncated"][rows]
    numbers = recording.steps["episode"][rows].tolist()
    return [(slot, numbers[slot]) for slot in range(slots) if slot not in last.slots and not ended[slot]]


@dataclass(frozen=True, kw_only=True)
class RestoredEpisode:
    """An episode brought back to where its recording ends."""

    observation: Any
    info: Mapping[str, Any]
    stream: EpisodeRandom
    length: int
    """T, how many of its steps are recorded."""
    total: float
    """Sum of their rewards, added one after another as the recorder does."""
    first_row: int


def restore_episode(
    recording: Recording, number: int, environment: Environment, policy: Policy, *, seed: int, deterministic: bool
) -> RestoredEpisode:
    """Reset an environment with the episode's seed, do its recorded actions again, and compare all that comes back.

    Args:
        recording: What is resumed.
        number: Of the episode, which has not ended.
        environment: Is reset and stepped.
        policy: What acted.
        seed: Of this episode.
        deterministic: Whether it took its mode; if not, its random stream is brought back by letting it act again.

    Raises:
        WorkbenchError: The environment does not do again what it did.
    """
    episode = recording.episode(number)
    actions, rewards = episode.column("action"), episode.column("reward")
    stream = EpisodeRandom(seed)
    if not deterministic:
        _draw_again(recording, episode.rows, policy, stream)
    seen = {name.removeprefix("observation"): episode.column(name) for name in recording.steps if _is_observation(name)}
    total = 0.0
    try:
        observation, info = environment.reset(seed=seed)
        for t in range(episode.length):
            same = all(
                np.array_equal(seen[key][t], value, equal_nan=value.dtype.kind == "f")
                for key, value in flatten_observation(observation).items()
            )
            observation, reward, terminated, truncated, info = environment.step(actions[t].copy())
            unlike = float(reward) != rewards[t] and not (np.isnan(rewards[t]) and np.isnan(float(reward)))
            if not same or unlike or terminated or truncated:
                raise WorkbenchError(
                    f"{recording.path} cannot be resumed: reset with seed {seed} and given the same actions, the "
                    f"environment did something else at step {t} of episode {number} than when it was recorded, so "
                    f"that its episodes cannot be continued. Begin a new recording (--overwrite, or another path)."
                )
            total += float(rewards[t])
    except WorkbenchError:
        raise
    except Exception as error:
        raise WorkbenchError(
            f"{recording.path} cannot be resumed: the environment raised when episode {number} was done again: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}."
        ) from error
    return RestoredEpisode(
        observation=observation,
        info=info,
        stream=stream,
        length=episode.length,
        total=total,
        first_row=int(episode.facts["first_step"]),
    )


def _is_observation(name: str) -> bool:
    return name == "observation" or name.startswith("observation/")


def _draw_again(recording: Recording, rows: npt.NDArray[np.int64], policy: Policy, stream: EpisodeRandom) -> None:
    """Bring a random stream to where it was: how much is drawn at a step does not depend on the network's output."""
    columns = {name: recording.steps[name][rows] for name in recording.steps if _is_observation(name)}
    masks = recording.steps["action_mask"][rows] if "action_mask" in recording.steps else None
    if hasattr(policy, "skip_draws"):
        # What searches needs the environments, which are brought back later, and always draws as much.
        for _ in range(len(rows)):
            policy.skip_draws(stream)
        return
    state = policy.initial_state(1)
    for t in range(len(rows)):
        choice = policy.act(
            nest_observation(
                {
                    name.removeprefix("observation").removeprefix("/"): values[t : t + 1]
                    for name, values in columns.items()
                }
            ),
            state,
            np.array([t == 0]),
            deterministic=False,
            random=[stream],
            action_masks=None if masks is None else masks[t : t + 1],
        )
        state = choice.output.state
