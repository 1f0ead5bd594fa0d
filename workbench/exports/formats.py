"""What a recording can be exported to: one table, and the function that goes by it. Importing this is cheap."""

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.exports.output import writing
from workbench.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from workbench.recording import Recording


@dataclass(frozen=True, kw_only=True)
class Format:
    """One row of the table of formats."""

    name: str
    writer: str
    """`module:function` below `workbench.exports`; the function takes the recording, the path and the options."""
    suffix: str
    """How the file's name ends; empty for a folder."""
    options: frozenset[str]
    """Names of the options of `export` that this format takes."""
    required: frozenset[str] = frozenset()
    """Those of them that have to be given."""
    extra: str | None = None
    """The extra that holds the packages it needs; None where the core suffices."""
    description: str
    """One line for `--help`."""

    @property
    def folder(self) -> bool:
        """Whether the output is a folder."""
        return not self.suffix


_ROWS = (
    Format(
        name="html",
        writer="page:write_html",
        suffix=".html",
        options=frozenset({"episode", "layer"}),
        description="one episode as a page that plays without network or server, in a single file",
    ),
    Format(
        name="mp4",
        writer="video:write_video",
        suffix=".mp4",
        options=frozenset({"episode", "fps", "size"}),
        extra="video",
        description="one episode's frames as an H.264 video",
    ),
    Format(
        name="gif",
        writer="video:write_video",
        suffix=".gif",
        options=frozenset({"episode", "fps", "size"}),
        description="one episode's frames as an animated picture",
    ),
    Format(
        name="minari",
        writer="minari_dataset:write_minari",
        suffix="",
        options=frozenset({"dataset_id"}),
        extra="minari",
        description="the finished episodes as a Minari dataset, without activations",
    ),
    Format(
        name="npz",
        writer="tables:write_npz",
        suffix=".npz",
        options=frozenset({"episode", "layer"}),
        required=frozenset({"layer"}),
        description="activations of one or more layers, with their episode and t, for numpy.load",
    ),
    Format(
        name="csv",
        writer="tables:write_csv",
        suffix=".csv",
        options=frozenset({"episode"}),
        description="a table of steps: every column that is a number, or a few, a step",
    ),
)

FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}
"""Every format by its name."""


def export(
    recording: "Recording",
    format: str,
    out: str | Path,
    *,
    episode: int | None = None,
    layer: str | Sequence[str] | None = None,
    fps: float | None = None,
    size: int | None = None,
    dataset_id: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write (a part of) a recording in another format; the output appears whole or not at all.

    Args:
        recording: An open recording.
        format: A name of the table `FORMATS`.
        out: The file to write (its suffix is added where it has none), or the folder for `minari`.
        episode: Number of the episode, from 0. `html`, `mp4` and `gif` show episode 0 by default; `npz` and `csv` all.
        layer: A layer's name, a shell pattern over them, or several; see `recording.layers`.
        fps: Frames a second of a video; default: what the environment says, else 10.
        size: Least length of a video's shorter side in pixels (frames are magnified by whole numbers); default 256.
        dataset_id: Name of the Minari dataset, `name-v0`; default: the folder's name.
        overwrite: Replace what is at `out`. Without it an existing `out` is an error.
        progress: What is told how far it is.

    Returns:
        The path that was written.

    Raises:
        WorkbenchError: Unknown format, episode or layer; an option that the format does not take; nothing to show.
        MissingExtraError: The format needs a package that is not installed; the message holds the install line.
    """
    row = FORMATS.get(format)
    if row is None:
        raise WorkbenchError(f"There is no export format {format!r}; there are: {', '.join(FORMATS)}.")
    given: dict[str, Any] = {"episode": episode, "layer": layer, "fps": fps, "size": size, "dataset_id": dataset_id}
    options = {name: value for name, value in given.items() if value is not None}
    if surplus := sorted(options.keys() - row.options):
        takes = ", ".join(sorted(row.options))
        raise WorkbenchError(f"The format {format!r} does not take {', '.join(surplus)}; it takes: {takes}.")
    if missing := sorted(row.required - options.keys()):
        needs = " and ".join(f"a {name}" for name in missing)
        raise WorkbenchError(
            f"The format {format!r} needs {needs}. The layers of this recording are: "
            f"{', '.join(recording.layers) or 'none'}."
        )
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(out)):
        raise WorkbenchError(
            f"An export is written to this machine, and {out} is a URL: give a path, and copy it there."
        )
    path = _named(Path(out), row)
    module, _, function = row.writer.partition(":")
    write: Callable[..., None] = getattr(importlib.import_module(f"workbench.exports.{module}"), function)
    progress = progress or SilentProgress()
    try:
        with writing(path, overwrite=overwrite, folder=row.folder) as partial:
            write(recording, partial, progress=progress, **_named_after(path, row, options))
    finally:
        progress.close()
    return path


def _named(path: Path, row: Format) -> Path:
    if row.folder or path.suffix.lower() == row.suffix:
        return path
    if path.suffix[1:] in FORMATS:
        raise WorkbenchError(
            f"The format {row.name!r} writes a file ending in {row.suffix}; {path.name!r} was asked for."
        )
    return path.with_name(path.name + row.suffix)


def _named_after(path: Path, row: Format, options: dict[str, Any]) -> dict[str, Any]:
    # What is written first has a temporary name: a dataset is named after the folder that it will be.
    return {"dataset_id": path.name} | options if "dataset_id" in row.options else options
