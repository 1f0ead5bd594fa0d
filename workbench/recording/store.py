"""Where recordings live: opening and creating the Zarr group at a path or URL."""

import contextlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import zarr
import zarr.errors
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.core.buffer.cpu import Buffer
from zarr.core.sync import sync
from zarr.storage import LocalStore, MemoryStore

from workbench.errors import WorkbenchError
from workbench.recording.attributes import check_attributes
from workbench.recording.chunks import root_document, write_root
from workbench.recording.layout import FORMAT, GROUPS, SEARCH
from workbench.recording.lock import WriterLock
from workbench.recording.metadata import MAXIMUM_METADATA_BYTES, Metadata, NoMetadataError, read_metadata
from workbench.recording.object_storage import anything_at, in_turn, object_store, put_new, remove_below
from workbench.recording.stored_files import METADATA_FILE, LocalFiles, RemoteFiles, StoredFiles


def local_path(path: str) -> Path | None:
    """The folder of this machine that a path or `file://` URL means; None for any other URL.

    Raises:
        WorkbenchError: It was a URL, and went through `pathlib`.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]", path):
        raise WorkbenchError(
            f"{path} is a URL that has lost a slash, as pathlib.Path makes it. Give it as a string, with both."
        )
    for protocol in ("file://", "local://"):
        if path.startswith(protocol):
            return Path(path.removeprefix(protocol))
    return None if "://" in path else Path(path)


def make_store(path: str, *, read_only: bool) -> Store:
    """The Zarr store at a path of this machine or at any URL that `fsspec` knows (`s3://bucket/x.zarr`)."""
    local = local_path(path)
    if local is not None:
        return LocalStore(local, read_only=read_only)
    return object_store(path, read_only=read_only)


def lock_for_writing(path: str) -> WriterLock | None:
    """The right to write at a path of this machine; None for a URL, where nothing keeps two writers apart.

    Raises:
        WorkbenchError: Somebody else is writing there, or the place cannot be written.
    """
    local = local_path(path)
    if local is None:
        return None
    if local.exists() and not local.is_dir():
        raise WorkbenchError(f"{path} exists already, is no folder, and is left alone. Choose another path.")
    try:
        return WriterLock(local)
    except OSError as error:
        raise _unwritable(path, error) from error


def create_group(path: str, *, overwrite: bool, attributes: Mapping[str, Any] | None = None) -> zarr.Group:
    """Create an empty recording.

    Args:
        path: Where.
        overwrite: Replace a recording that is there.
        attributes: Of its root, written in one piece with it: whoever dies now leaves a recording or none.

    Raises:
        WorkbenchError: Something is there already, or the place cannot be written.
    """
    taken = f"{path} exists already and is left alone. Choose another path, or overwrite it (--overwrite)."
    there = occupied(path)
    if there:
        if not overwrite:
            raise WorkbenchError(taken)
        if not is_recording(path):
            raise WorkbenchError(f"{path} is not a recording, so it is not overwritten. Choose another path.")
    try:
        local = local_path(path)
        if local is None:
            if there:
                write_root(make_store(path, read_only=False), attributes or {})
                remove_below(path, but=METADATA_FILE)
            else:
                put_new(path, METADATA_FILE, root_document(attributes or {}))
            return open_group(path)
        local.mkdir(parents=True, exist_ok=True)
        # The root first: whoever dies now leaves an empty recording, which can be overwritten or resumed.
        write_root(LocalStore(local), attributes or {})
        _empty(local)
        return open_group(path)
    except FileExistsError as error:
        raise WorkbenchError(taken) from error
    except OSError as error:
        raise _unwritable(path, error) from error


def open_group(path: str) -> zarr.Group:
    """Open a recording's group to write to it."""
    return zarr.open_group(make_store(path, read_only=False), mode="r+", zarr_format=3)


@contextlib.contextmanager
def written_together(root: zarr.Group) -> Iterator[zarr.Group]:
    """Gives a group to write to what a recording begins with; all of it is in the recording when the context is left.

    Zarr looks around before it writes, at each array and group; on the way to a store elsewhere that would be a dozen
    requests for each of an agent's parameters, one after another.
    """
    if isinstance(root.store, LocalStore):
        yield root
        return
    gathered: dict[str, Any] = {}
    yield zarr.create_group(MemoryStore(gathered), zarr_format=3)
    sync(in_turn([partial(root.store.set, key, value) for key, value in gathered.items() if key != METADATA_FILE]))


def _empty(folder: Path) -> None:
    """Remove what is in a recording's folder but for its root's metadata, and not the folder, which is locked."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != METADATA_FILE:
            entry.unlink()


def _unwritable(path: str, error: OSError) -> WorkbenchError:
    return WorkbenchError(
        f"A recording cannot be written at {path}: {error.strerror or error}. Choose a place that can be written."
    )


def consolidate(root: zarr.Group) -> None:
    """Repeat all arrays' metadata in the root's, so that opening a finished recording reads one file."""
    if isinstance(root.store, LocalStore):
        _consolidate(root.store)
        return
    # Zarr asks for one array after another, and for each whether it is there: so it is given all that there are.
    key = METADATA_FILE
    gathered = MemoryStore({name: Buffer.from_bytes(content) for name, content in _documents(root.store).items()})
    _consolidate(gathered)
    repeated = sync(gathered.get(key, default_buffer_prototype()))
    assert repeated is not None
    sync(root.store.set(key, repeated))


def _consolidate(store: Store) -> None:
    with warnings.catch_warnings():
        # Zarr warns that other implementations may not read the repetition; they find the arrays' own as ever.
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata(store)


def _documents(store: Store) -> dict[str, bytes]:
    """The metadata of a recording's root and of all groups and arrays in it, by the names of their files."""
    files = RemoteFiles(store)
    found: dict[str, bytes] = {}
    level = ["", *GROUPS]
    while level:
        names = [f"{path}/{METADATA_FILE}".lstrip("/") for path in level]
        contents = zip(level, names, files.read_all(names, MAXIMUM_METADATA_BYTES), strict=True)
        there = [(path, name, content) for path, name, content in contents if content is not None]
        found |= {name: content for _, name, content in there}
        groups = [path for path, _, content in there if path and json.loads(content).get("node_type") == "group"]
        # Few recordings have searches: of the others it is not asked.
        if level[0] == "" and SEARCH in json.loads(found[METADATA_FILE]).get("attributes", {}):
            groups.append(SEARCH)
            there_too = files.read(f"{SEARCH}/{METADATA_FILE}", MAXIMUM_METADATA_BYTES)
            found |= {f"{SEARCH}/{METADATA_FILE}": there_too} if there_too is not None else {}
        level = [f"{path}/{name}" for path in groups for name in files.folders(path)]
    return found


def occupied(path: str) -> bool:
    """Whether there is anything at a path or URL; an attempt that died before it had begun is nothing."""
    local = local_path(path)
    if local is None:
        return anything_at(path)
    if not local.is_dir():
        return local.exists()
    return any(entry.name != f"{METADATA_FILE}.partial" for entry in local.iterdir())


def stored_files(path: str) -> StoredFiles:
    """The files of the recording at a path of this machine or at any URL that `fsspec` knows, for reading."""
    local = local_path(path)
    return LocalFiles(local) if local is not None else RemoteFiles(make_store(path, read_only=True))


def is_recording(path: str | Path) -> bool:
    """Whether the root metadata at a path or URL says that it is a recording; never raises."""
    try:
        return bool(read_metadata(stored_files(str(path))).attributes.get("format") == FORMAT)
    except Exception:
        # What is there may be anything, and a store elsewhere may fail in its own ways.
        return False


def read_root(path: str) -> Metadata:
    """Read the root's metadata of an existing recording, checked for format, version and the types of its attributes.

    Raises:
        WorkbenchError: There is nothing, or it is not a recording, or it is one of a newer format.
    """
    local = local_path(path)
    if local is not None and not os.path.exists(local):
        raise WorkbenchError(f"There is no recording at {path}. `workbench list` shows what there is.")
    if local is not None and os.path.isdir(local) and not os.access(local, os.R_OK | os.X_OK):
        raise WorkbenchError(f"{path} cannot be read: its folder does not allow it to you (permission denied).")
    if local is not None and os.path.isdir(local) and not os.path.exists(local / METADATA_FILE):
        raise WorkbenchError(
            f"{path} is not a readable recording: the folder holds no zarr.json. "
            f"Where it is a folder of recordings, `workbench list {path}` shows them."
        )
    try:
        metadata = read_metadata(stored_files(path))
    except WorkbenchError:
        raise
    except Exception as error:
        if local is None and isinstance(error, NoMetadataError):
            raise WorkbenchError(
                f"There is no recording at {path}. "
                f"Where it is a folder of recordings, `workbench list {path}` shows them."
            ) from error
        raise WorkbenchError(
            f"{path} is not a readable recording: a folder with a Zarr v3 group was expected "
            f"({' '.join(str(error).split())[:160] or type(error).__name__})."
        ) from error
    check_attributes(metadata.attributes, path)
    return metadata
