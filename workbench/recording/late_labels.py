"""Labels for a recording that was made without: its episodes are done again, checked, and read by labellers.

The new arrays stand beside the others before the root names them, and it names them all at once: a reader sees the
recording with its labels or as it was.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.chunks import write_root
from workbench.recording.columns import truth_columns
from workbench.recording.environment_wrappers import Environment
from workbench.recording.facts import now
from workbench.recording.labelling import Labelling
from workbench.recording.layout import EPISODES, PARTS_FORMAT_VERSION, STEPS, trailing_dimensions
from workbench.recording.lock import WriterLock
from workbench.recording.metadata import MAXIMUM_ARRAY_METADATA_BYTES
from workbench.recording.object_storage import remove_below
from workbench.recording.reader import Recording, open_recording
from workbench.recording.replayed_rows import replayed_moments
from workbench.recording.store import consolidate, local_path, lock_for_writing, make_store, read_root, stored_files
from workbench.recording.stored_files import METADATA_FILE
from workbench.recording.table import GrowingArray

TRUTH, FINAL_TRUTH = f"{STEPS}/truth", f"{EPISODES}/final_truth"
ROWS_AT_ONCE = 512


def label_recording(
    path: str | Path,
    *,
    make_environment: Callable[[], Environment] | None = None,
    progress: Progress | None = None,
) -> Recording:
    """Add what is true at each step to a recording that lacks it.

    Each episode is reset with its seed and its actions are done again; every observation, reward and end must be what
    was recorded, bit for bit. What the environment says in `info["truth"]` and what labellers read off it is added
    as `record` would have recorded it; what the recording holds already is left as it is. Nothing is added unless all
    episodes go the recorded way.

    Args:
        path: Of the recording, a folder or a URL.
        make_environment: Makes the environment that was recorded; None makes it by the recorded name.
        progress: Is told how many steps have been done again, and may raise `Cancelled`, which leaves it as it was.

    Returns:
        The recording with its labels.

    Raises:
        WorkbenchError: An episode goes another way or cannot be replayed; nothing is known of the environment that the
            recording does not hold; it is in parts, may still be resumed, or is being written.
    """
    where = str(path)
    _check(open_recording(where))
    lock = lock_for_writing(where)
    try:
        recording = _with_repeated(where)
        _check(recording)
        _label(recording, make_environment or recording.make_environment, lock, progress or SilentProgress())
    finally:
        if lock is not None:
            lock.release()
    return open_recording(where)


def _check(recording: Recording) -> None:
    attributes = recording.attributes
    if attributes.get("format_version") == PARTS_FORMAT_VERSION:
        raise WorkbenchError(
            f"{recording.path} is in parts, as a cluster records, and cannot be labelled afterwards; record it again "
            f"with labels."
        )
    if not recording.complete and isinstance(attributes.get("asked"), dict):
        raise WorkbenchError(
            f"{recording.path} is not complete and may be resumed, which needs it as it is: finish it first "
            f"(workbench record … --resume), then label it."
        )
    if not len(recording):
        raise WorkbenchError(f"{recording.path} holds no step, so there is nothing to label.")
    if "action" not in recording.steps:
        raise WorkbenchError(f"{recording.path} cannot be replayed: it holds no actions.")


def _with_repeated(path: str) -> Recording:
    """The recording, whose root repeats the metadata of all arrays, so that what is not repeated there is not seen."""
    if read_root(path).repeated is None:
        consolidate(zarr.open_group(make_store(path, read_only=False), mode="r+", zarr_format=3))
    return open_recording(path)


def _label(
    recording: Recording, make_environment: Callable[[], Environment], lock: WriterLock | None, progress: Progress
) -> None:
    labels = _NewLabels(recording, lock)
    try:
        with contextlib.closing(replayed_moments(recording, make_environment)) as moments:
            for moment in moments:
                labels.take(moment.environment, moment.info, moment.row, moment.episode_id)
                if moment.row is not None and moment.row % ROWS_AT_ONCE == 0:
                    progress.update(moment.row, len(recording))
        labels.commit()
        progress.update(len(recording), len(recording))
    except BaseException:
        with contextlib.suppress(OSError):
            labels.remove()
        raise
    finally:
        progress.close()


class _NewLabels:
    """The arrays that are added, unseen until they are committed."""

    def __init__(self, recording: Recording, lock: WriterLock | None) -> None:
        self._recording, self._lock = recording, lock
        self._store = make_store(recording.path, read_only=False)
        self._facts: dict[str, Any] = {}
        self._skipped: dict[str, str] = {}
        self._labelling = Labelling(self._facts)
        self._there = {f"{TRUTH}/{name.removeprefix('truth/')}" for name in recording.steps if _is_truth(name)}
        self._tables: dict[str, GrowingArray] = {}
        self._waiting: dict[str, list[npt.NDArray[Any]]] = {}
        self._final: dict[int, dict[str, npt.NDArray[Any]]] = {}
        self._began = False

    def take(self, environment: Environment, info: Mapping[str, Any], row: int | None, episode_id: int) -> None:
        """Read the labels of one moment: of a step, or (row None) after an episode's last action."""
        said = truth_columns([info], self._skipped) if "truth" in info else {}
        found = self._labelling.columns(info, [environment]) | said
        new = {path: values for path, values in found.items() if path not in self._there}
        if not self._began:
            self._begin(new)
        if set(new) != set(self._waiting):
            raise WorkbenchError("The environment tells other labels at one step than at the first.")
        if row is None:
            self._final[episode_id] = {path: self._as_first(path, values)[0] for path, values in new.items()}
            return
        for path, values in new.items():
            self._waiting[path].append(self._as_first(path, values))
        if len(next(iter(self._waiting.values()))) == ROWS_AT_ONCE:
            self._write()

    def commit(self) -> None:
        """Write what is left, and name the arrays in the root, all at once."""
        self._write()
        self._write_final()
        steps, episodes = len(self._recording), int(self._recording.attributes["committed_episodes"])
        for path, table in self._tables.items():
            table.close(steps if path.startswith(f"{STEPS}/") else episodes)
            table.settle()
        if self._lock is not None:
            self._lock.check()
        metadata = read_root(self._recording.path)
        assert metadata.repeated is not None, "it was made to repeat them"
        attributes = metadata.attributes
        for key in ("labellers", "skipped_labellers"):
            if self._facts.get(key):
                attributes[key] = (attributes.get(key) or {}) | self._only_new(key)
        skipped = {name: why for name, why in self._skipped.items() if f"{STEPS}/{name}" not in self._there}
        attributes["skipped_columns"] = (attributes.get("skipped_columns") or {}) | skipped
        odd = {path: t.non_finite for path, t in self._tables.items() if t.non_finite and path.startswith(f"{STEPS}/")}
        attributes["non_finite"] = (attributes.get("non_finite") or {}) | odd
        attributes["labelled"] = [*(attributes.get("labelled") or []), now()]
        write_root(self._store, attributes, dict(metadata.repeated) | self._documents())

    def remove(self) -> None:
        """Take away what was written and is not named in the root."""
        named = read_root(self._recording.path).repeated or {}
        for path in self._tables:
            if path not in named:
                self._remove(path)

    def _begin(self, new: Mapping[str, npt.NDArray[Any]]) -> None:
        self._began = True
        if not new:
            here = "that the recording does not hold already" if self._there else "of this environment"
            skipped = self._facts.get("skipped_labellers") or {}
            why = "".join(f" {name}: {reason}." for name, reason in skipped.items())
            raise WorkbenchError(
                f"{self._recording.path} stays as it is: no labeller knows anything {here}, and its info says nothing "
                f"more.{why} One of your own is added with register_labeller (docs/labels.md)."
            )
        for path, values in new.items():
            shape = values.shape[1:]
            self._create(path, shape, values.dtype, ("step", *trailing_dimensions(path, shape)))
            self._waiting[path] = []

    def _as_first(self, path: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        like = self._tables[path].absent_rows(1)
        if values.shape != like.shape:
            raise WorkbenchError(
                f"The label {path.removeprefix(f'{TRUTH}/')!r} is {list(values.shape[1:])} at one step and "
                f"{list(like.shape[1:])} at the first; labels are of one shape."
            )
        return values.astype(like.dtype)

    def _write(self) -> None:
        for path, rows in self._waiting.items():
            if rows:
                self._tables[path].append(np.concatenate(rows))
                self._waiting[path] = []

    def _write_final(self) -> None:
        """What was true after each last action, as the table is stored; gaps where an episode was cut off."""
        if not self._final:
            return
        stored = self._recording.stored_arrays(EPISODES)
        for path in list(self._waiting):
            name = path.removeprefix(f"{TRUTH}/")
            if f"final_truth/{name}" in stored:
                continue
            gap = self._tables[path].absent_rows(1)[0]
            rows = [self._final.get(int(number), {}).get(path, gap) for number in stored["id"][:]]
            axes = (f"final_truth.{name.replace('/', '.')}.axis_{axis}" for axis in range(gap.ndim))
            final = self._create(f"{FINAL_TRUTH}/{name}", gap.shape, gap.dtype, ("episode", *axes))
            final.append(np.array(rows, gap.dtype))

    def _create(self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any], dimensions: tuple[str, ...]) -> Any:
        # A labelling that was killed may have left something there, perhaps of another shape.
        self._remove(path)
        parent, _, leaf = path.rpartition("/")
        group = zarr.open_group(self._store, path=parent, mode="a", zarr_format=3)
        descriptor = self._lock.descriptor if self._lock is not None else None
        self._tables[path] = GrowingArray(group, leaf, shape, dtype, dimensions, inside=descriptor)
        return self._tables[path]

    def _remove(self, path: str) -> None:
        folder = local_path(self._recording.path)
        if folder is None:
            remove_below(f"{self._recording.path.rstrip('/')}/{path}", but="")
        else:
            shutil.rmtree(folder / path, ignore_errors=True)

    def _only_new(self, key: str) -> dict[str, Any]:
        if key != "labellers":
            return dict(self._facts[key])
        mine = {
            labeller: {name: words for name, words in labels.items() if f"{TRUTH}/{name}" in self._tables}
            for labeller, labels in self._facts[key].items()
        }
        before = self._recording.attributes.get(key) or {}
        return {labeller: {**before.get(labeller, {}), **labels} for labeller, labels in mine.items() if labels}

    def _documents(self) -> dict[str, Any]:
        """The metadata of the new arrays and of the groups that they are in, by path."""
        parents = {path.rsplit("/", depth)[0] for path in self._tables for depth in range(1, path.count("/") + 1)}
        files = stored_files(self._recording.path)
        found = {}
        for path in sorted({*parents, *self._tables}):
            content = files.read(f"{path}/{METADATA_FILE}", MAXIMUM_ARRAY_METADATA_BYTES)
            assert content is not None, f"{path} was written"
            found[path] = json.loads(content)
        return found


def _is_truth(name: str) -> bool:
    return name.startswith("truth/")
