"""The folder that the dashboard was started on: nothing outside it is opened, whatever the address bar says."""

import os
from pathlib import Path

from workbench.dashboard_settings import DEFAULT_ROOT, ROOT_VARIABLE
from workbench.errors import WorkbenchError
from workbench.recording.store import is_recording

LONGEST_NAME = 200
"""Letters of a name that are quoted."""
MAXIMUM_ENTRIES = 1_000_000
"""Most files and folders of a recording that are looked at for links."""


def root_folder() -> Path:
    """The folder of recordings, all links resolved: `WORKBENCH_ROOT`, or `runs` where that is not set."""
    return Path(os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT).resolve()


def below_root(name: str) -> Path:
    """The path that a name below the root stands for.

    Args:
        name: As in the address bar, relative to the root; `.` where the root is itself a recording.

    Raises:
        WorkbenchError: It leads out of the root, by `..`, by an absolute path or by a link; or nothing is there.
    """
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
    return Path(path).relative_to(root_folder()).as_posix()


def file_name(path: str | Path) -> str:
    """What a download from a recording is called, without an ending."""
    name = name_below_root(path)
    return (root_folder().name if name == "." else name).removesuffix(".zarr").replace("/", "-")


def refuse_links_out(path: str | Path) -> None:
    """Check that nothing in a recording leads out of the root.

    Args:
        path: The recording's folder.

    Raises:
        WorkbenchError: It is, or holds, a symbolic link to something outside of the root.
    """
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
