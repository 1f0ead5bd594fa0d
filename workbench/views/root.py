"""The folder or URL that the dashboard was started on: nothing outside is opened, whatever the address bar says."""

import os
from pathlib import Path

from workbench.dashboard_settings import DEFAULT_ROOT, ROOT_VARIABLE
from workbench.errors import WorkbenchError
from workbench.recording.object_storage import stamps
from workbench.recording.store import is_recording, local_path
from workbench.recording.stored_files import METADATA_FILE

LONGEST_NAME = 200
"""Letters of a name that are quoted."""
MAXIMUM_ENTRIES = 1_000_000
"""Most files and folders of a recording that are looked at for links."""


def root_folder() -> Path:
    """The folder of recordings, all links resolved: `WORKBENCH_ROOT`, or `runs` where that is not set."""
    given = os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT
    return (local_path(given) or Path(given)).resolve()


def root_url() -> str | None:
    """The URL that holds the recordings, without a slash at its end; None where that is a folder of this machine."""
    given = os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT
    return None if local_path(given) is not None else given.rstrip("/")


def root_in_words() -> str:
    """The folder or URL of recordings, as messages say it."""
    return root_url() or str(root_folder())


def below_root(name: str) -> Path | str:
    """The path or URL that a name below the root stands for.

    Args:
        name: As in the address bar, relative to the root; `.` where the root is itself a recording.

    Raises:
        WorkbenchError: It leads out of the root, by `..`, by an absolute path or by a link; or nothing is there.
    """
    if (url := root_url()) is not None:
        return _below_url(url, name)
    root = root_folder()
    there = False
    try:
        path = (root / name).resolve()
        inside = path.is_relative_to(root) and (path != root or is_recording(root))
        # A name that is too long for any file is an error of the system's, and not a file that is not there.
        there = inside and path.exists()
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise WorkbenchError(
            f"{_short(name)!r} is not below the folder {root}, and the dashboard opens nothing else. "
            f"Start it on the folder that holds this recording: workbench app FOLDER."
        )
    if not there:
        raise WorkbenchError(f"There is no recording {_short(name)!r} in {root}.")
    return path


def name_below_root(path: str | Path) -> str:
    """The name of a path below the root, as the address bar has it."""
    if (url := root_url()) is not None:
        return str(path).removeprefix(url).removeprefix("/") or "."
    return Path(path).relative_to(root_folder()).as_posix()


def file_name(path: str | Path) -> str:
    """What a download from a recording is called, without an ending."""
    name = name_below_root(path)
    root = root_in_words().rstrip("/").rpartition("/")[2]
    return (root if name == "." else name).removesuffix(".zarr").replace("/", "-")


def refuse_links_out(path: str | Path) -> None:
    """Check that nothing in a recording leads out of the root; below a URL there are no links.

    Args:
        path: The recording's folder.

    Raises:
        WorkbenchError: It is, or holds, a symbolic link to something outside of the root.
    """
    if root_url() is not None:
        return
    root = os.path.realpath(root_folder())
    place = _inside(os.fspath(path), root)
    # A file is no recording, which is for the reader to say.
    folders = [place] if os.path.isdir(place) else []
    seen, entries = set(folders), 0
    while folders:
        with os.scandir(folders.pop()) as listed:
            for entry in listed:
                entries += 1
                if entries > MAXIMUM_ENTRIES:
                    raise WorkbenchError(f"The recording holds more than {MAXIMUM_ENTRIES:,} files and folders.")
                place = _inside(entry.path, root) if entry.is_symlink() else entry.path
                if entry.is_dir() and place not in seen:
                    seen.add(place)
                    folders.append(place)


def _below_url(root: str, name: str) -> str:
    parts = name.split("/")
    # Of a URL, too, `fsspec` makes more than a name: a chain of filesystems (::), a query, letters behind a per cent.
    whole = not any(part in ("", "..") or part.strip() == "." for part in parts) and name.isprintable()
    if name == "." and is_recording(root):
        return root
    if not whole or any(sign in name for sign in ("\\", "::", "://", "?", "#", "%")):
        raise WorkbenchError(
            f"{_short(name)!r} is not a name below {root}, and the dashboard opens nothing else. "
            f"Start it on the folder that holds this recording: workbench app FOLDER."
        )
    url = f"{root}/{name}"
    if not stamps([url], METADATA_FILE)[0]:
        raise WorkbenchError(f"There is no recording {_short(name)!r} in {root}.")
    return url


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _inside(path: str, root: str) -> str:
    place = os.path.realpath(path)
    if not Path(place).is_relative_to(root):
        raise WorkbenchError(
            f"{os.path.basename(path)!r} is a link that leads out of the folder {root}, and the dashboard reads "
            f"nothing outside it. Put a copy of what it leads to in its place."
        )
    return place
