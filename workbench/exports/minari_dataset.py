"""The finished episodes of a recording as a Minari dataset, for offline reinforcement learning and imitation.

Axis legend:
    T  steps of an episode; observations are T+1
"""

import copy
import importlib.metadata
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from workbench.errors import MissingExtraError, WorkbenchError
from workbench.progress import Progress
from workbench.recording.space_descriptions import read_space

if TYPE_CHECKING:
    from workbench.recording import Episode, Recording

DATASET_ID = re.compile(r"(?:[-_\w][-_\w/]*[-_\w]+/)?[-_\w]+?-v\d+")
"""What Minari takes for a name: `name-v0` or `namespace/name-v0`."""


def write_minari(recording: "Recording", path: Path, *, dataset_id: str, progress: Progress) -> None:
    """Write a Minari dataset: `minari.MinariDataset(path / "data")` reads it.

    Below Minari's own folder, at `<MINARI_DATASETS_PATH>/<dataset id>`, `minari.load_dataset(id)` finds it too. Only
    episodes that were recorded to their end go in, in order of their number. Images stay as they are (no JPEG). An
    episode's `infos` hold what the recording knows beside it, each `[T]` (for the observation before the action, there
    being none for the last): `truth/<name>`, and `policy/<name>` with the value and the action distribution.

    Args:
        recording: An open recording.
        path: The folder, which exists and is empty.
        dataset_id: `name-v0`; a name without a version gets `-v0`.
        progress: Told about episodes.

    Raises:
        WorkbenchError: No episode was finished, a name that Minari does not take, or observations left out.
        MissingExtraError: minari or h5py is absent.
    """
    try:
        import h5py  # noqa: F401
        from minari.data_collector import EpisodeBuffer
        from minari.dataset.minari_storage import MinariStorage
    except ImportError as error:
        raise MissingExtraError("minari[hdf5]", "minari", "Export to minari") from error
    name = _name(dataset_id)
    numbers = [k for k in range(recording.number_of_episodes) if recording.episodes["complete"][k]]
    if not numbers:
        raise WorkbenchError(
            f"The recording {recording.path!r} has no finished episode, and a Minari dataset holds finished ones only; "
            f"record with episodes=... instead of steps=..., or for longer."
        )
    environment = recording.attributes.get("environment")
    if not environment:
        raise WorkbenchError(f"The recording {recording.path!r} does not say its spaces, which a Minari dataset needs.")
    observation_space = read_space(environment["observation_space"])
    storage = MinariStorage.new(
        # Minari puts a relative path before its files' names twice.
        (path / "data").resolve(),
        observation_space=observation_space,
        action_space=read_space(environment["action_space"]),
        env_spec=_environment_spec(environment),
        data_format="hdf5",
        jpeg_encoding=False,
    )
    storage.update_metadata(_metadata(recording, name, len(numbers)))

    def buffers() -> Iterator[Any]:
        for done, number in enumerate(numbers, 1):
            episode = recording.episode(number)
            yield EpisodeBuffer(
                id=done - 1,
                seed=episode.seed,
                observations=_observations(episode, observation_space),
                actions=episode.column("action"),
                rewards=episode.column("reward"),
                terminations=episode.column("terminated"),
                truncations=episode.column("truncated"),
                infos=_infos(episode),
            )
            progress.update(done, len(numbers), "episodes")

    storage.update_episodes(buffers())


def _name(dataset_id: str) -> str:
    name = dataset_id if re.search(r"-v\d+$", dataset_id) else f"{dataset_id}-v0"
    if not DATASET_ID.fullmatch(name):
        raise WorkbenchError(
            f"Minari does not take {dataset_id!r} for a dataset's name; it wants letters, digits, - and _, and a "
            f"version: name the folder like 'cartpole-ppo-v0', or pass dataset_id."
        )
    return name


def _environment_spec(environment: dict[str, Any]) -> Any:
    """The environment as gymnasium names it; None where there were wrappers, which the name does not tell."""
    identifier = environment.get("id")
    if not identifier or environment.get("wrappers"):
        return None
    spec = gymnasium.registry.get(str(identifier).rpartition(":")[2])
    if spec is None:
        return None
    spec = copy.deepcopy(spec)
    spec.kwargs.update(environment.get("kwargs") or {})
    return spec if isinstance(spec.entry_point, str) else None


def _metadata(recording: "Recording", name: str, count: int) -> dict[str, Any]:
    facts = recording.summary()
    kept = (
        "policy",
        "fingerprint",
        "environment",
        "environment_kwargs",
        "wrappers",
        "seed",
        "deterministic",
        "versions",
    )
    return {
        "dataset_id": name,
        "minari_version": importlib.metadata.version("minari"),
        "algorithm_name": str(facts["algorithm"] or "unknown"),
        "description": (
            f"Exported from a recording of {facts['policy'] or 'an unnamed policy'} in {facts['environment']}: "
            f"{count} finished episodes of {facts['episodes']}."
        ),
        "rl_workbench": json.loads(json.dumps({key: facts[key] for key in kept}, default=str)),
    }


def _observations(episode: "Episode", space: gymnasium.Space[Any], key: str | None = None) -> Any:
    if isinstance(space, gymnasium.spaces.Dict):
        return {
            name: _observations(episode, part, f"{key}/{name}" if key else name) for name, part in space.spaces.items()
        }
    observations = episode.observations(key)
    if len(observations) != episode.length + 1:
        raise WorkbenchError(
            f"Episode {episode.index} lacks the observation after its last action, which a Minari dataset needs."
        )
    return observations


def _infos(episode: "Episode") -> dict[str, Any]:
    steps = episode.recording.steps
    infos: dict[str, Any] = {"policy": {}, "truth": {}}
    for name in steps:
        if name in ("value", "logits", "q_values", "mean", "log_std", "action_mask"):
            infos["policy"][name] = episode.column(name)
        elif name.startswith("truth/"):
            infos["truth"][name.removeprefix("truth/")] = np.asarray(episode.column(name))
    return {group: values for group, values in infos.items() if values}
