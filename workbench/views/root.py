"""The folder that the dashboard was started on: nothing outside it is opened, whatever the address bar says."""

import os
from pathlib import Path

from workbench.dashboard_settings import DEFAULT_ROOT, ROOT_VARIABLE
from workbench.errors import WorkbenchError


def root_folder() -> Path:
    """The folder of recordings, all links resolved: `WORKBENCH_ROOT`, or `runs` where that is not set."""
    return Path(os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT).resolve()


def below_root(name: str) -> Path:
    """The path that a name below the root stands for.

    Args:
        name: As in the address bar, relative to the root.

    Raises:
        WorkbenchError: It leads out of the root, by `..`, by an absolute path or by a link; or nothing is there.
    """
    root = root_folder()
    try:
        path = (root / name).resolve()
        inside = path.is_relative_to(root) and path != root
    except (OSError, ValueError):
        inside = False
    if not inside:
        raise WorkbenchError(
            f"{name!r} is not below the folder {root}, and the dashboard opens nothing else. "
            f"Start it on the folder that holds this recording: workbench app FOLDER."
        )
    if not path.exists():
        raise WorkbenchError(f"There is no recording {name!r} in {root}. Choose one from the list.")
    return path


def name_below_root(path: str | Path) -> str:
    """The name of a path below the root, as the address bar has it."""
    return Path(path).relative_to(root_folder()).as_posix()
