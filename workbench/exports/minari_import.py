"""A Minari dataset as a recording: its steps, without activations, since nothing acted."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import MissingExtraError, WorkbenchError
from workbench.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from workbench.recording import EnvironmentSpecification, Recording


def import_minari(
    dataset: Any, out: str | Path, *, overwrite: bool = False, progress: Progress | None = None
) -> "Recording":
    """Make a recording of a Minari dataset.

    Its policy is unknown, so there are no activations and no distributions; observations (T+1), actions, rewards,
    `terminated`, `truncated`, seeds and the labels in `infos["truth"]` are there. An episode that neither terminates
    nor is truncated counts as incomplete. The dataset's environment is not made: no code of it is run.

    Args:
        dataset: A `minari.MinariDataset`, the folder of one, or its name in Minari's own folder. Nothing is downloaded.
        out: Path of the new recording.
        overwrite: Replace a recording that is there.
        progress: Told about episodes.

    Returns:
        The recording, open.

    Raises:
        WorkbenchError: There is no such dataset, or it holds observations that a recording cannot (text, tuples).
        MissingExtraError: minari or h5py is absent.
    """
    from workbench.recording import Recorder, open_recording

    source = _open(dataset)
    progress = progress or SilentProgress()
    environment = _dataset_environment(source)
    try:
        with Recorder(
            out,
            policy=None,
            environment=environment,
            specification=_specification(source.env_spec),
            slots=1,
            overwrite=overwrite,
        ) as recorder:
            seeds = [_seed(facts) for facts in source.storage.get_episode_metadata(source.episode_indices)]
            for done, (episode, seed) in enumerate(zip(source.iterate_episodes(), seeds, strict=True), 1):
                recorder.start_episode(0, seed)
                _record_episode(recorder, episode)
                progress.update(done, source.total_episodes, "episodes")
    finally:
        progress.close()
    return open_recording(out)


def _open(dataset: Any) -> Any:
    try:
        import h5py  # noqa: F401
        import minari
    except ImportError as error:
        raise MissingExtraError("minari[hdf5]", "minari", "Import from Minari") from error
    if isinstance(dataset, minari.MinariDataset):
        return dataset
    for folder in (Path(dataset), Path(dataset) / "data"):
        if (folder / "metadata.json").is_file():
            metadata = json.loads((folder / "metadata.json").read_text())
            if not {"observation_space", "action_space"} <= metadata.keys():
                raise WorkbenchError(
                    f"The Minari dataset {str(dataset)!r} does not hold its own spaces, and making its environment to "
                    f"learn them would run code; open it yourself and pass the minari.MinariDataset."
                )
            return minari.MinariDataset(folder)
    try:
        return minari.load_dataset(str(dataset))
    except (FileNotFoundError, ValueError) as error:
        raise WorkbenchError(
            f"There is no Minari dataset {str(dataset)!r}, neither as a folder nor by name in Minari's own "
            f"(minari list local). Download it with: minari download {dataset}"
        ) from error


def _dataset_environment(dataset: Any) -> Any:
    """Something that has the dataset's spaces and its environment's name, for the recording to describe."""
    import gymnasium

    class DatasetEnvironment(gymnasium.Env[Any, Any]):
        observation_space = dataset.observation_space
        action_space = dataset.action_space
        spec = dataset.env_spec

    return DatasetEnvironment()


def _specification(spec: Any) -> "EnvironmentSpecification":
    from workbench.recording import EnvironmentSpecification

    by_name = spec is not None and not spec.additional_wrappers
    kwargs = dict(spec.kwargs) if by_name else {}
    try:
        json.dumps(kwargs)
    except TypeError:
        by_name, kwargs = False, {}
    return EnvironmentSpecification(id=spec.id if by_name else None, kwargs=kwargs, wrappers=())


def _seed(metadata: Mapping[str, Any]) -> int | None:
    seed = metadata.get("seed")
    return None if seed is None else int(seed)


def _record_episode(recorder: Any, episode: Any) -> None:
    length = len(episode.rewards)
    if not length:
        return
    _check_readable(episode)
    truth = (episode.infos or {}).get("truth") or {}
    terminations = np.asarray(episode.terminations, np.bool_)
    truncations = np.asarray(episode.truncations, np.bool_)
    rewards = np.asarray(episode.rewards, np.float64)
    for t in range(length):
        row = slice(t, t + 1)
        labels = {name: values[t] for name, values in _leaves(truth)}
        recorder.step(
            _at(episode.observations, row),
            np.asarray(episode.actions)[row],
            rewards[row],
            terminations[row],
            truncations[row],
            truth=recorder.read_truth([{"truth": labels}]),
        )
    recorder.finish_episode(
        0,
        _at(episode.observations, -1),
        terminated=bool(terminations[-1]),
        truncated=bool(truncations[-1]),
        complete=bool(terminations[-1] or truncations[-1]),
    )


def _check_readable(episode: Any) -> None:
    kinds = {type(episode.observations), type(episode.actions)} - {np.ndarray, dict}
    if kinds or isinstance(episode.actions, dict):
        raise WorkbenchError(
            f"Episode {episode.id} has observations of type {type(episode.observations).__name__} "
            f"and actions of type {type(episode.actions).__name__}; a recording holds arrays, and dicts of arrays "
            f"as observations."
        )


def _at(observations: Any, where: int | slice) -> Any:
    if isinstance(observations, Mapping):
        return {key: _at(values, where) for key, values in observations.items()}
    return observations[where]


def _leaves(truth: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, npt.NDArray[Any]]]:
    # A label whose name holds a slash is stored as a group of its own.
    for name, values in truth.items():
        if isinstance(values, Mapping):
            yield from _leaves(values, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", values
