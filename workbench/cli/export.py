"""`workbench export`: a recording in another format."""

import sys
from pathlib import Path

from workbench.cli.options import ExportOptions
from workbench.cli.progress import TerminalProgress
from workbench.recording.store import local_path


def run(options: ExportOptions) -> None:
    """Write the file or folder, and print its path.

    Raises:
        WorkbenchError: What `workbench.exports.export` raises.
    """
    from workbench.exports import FORMATS, export
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    row = FORMATS[options.format]
    written = export(
        recording,
        options.format,
        options.out or _beside(options, row.suffix),
        episode=options.episode,
        layer=list(options.layer) or None,
        fps=options.fps,
        size=options.size,
        dataset_id=options.dataset_id,
        overwrite=options.overwrite,
        progress=TerminalProgress("exporting", "rows"),
    )
    sys.stdout.write(f"{written}\n")


def _beside(options: ExportOptions, suffix: str) -> Path:
    # Of what is elsewhere it is written into the current folder.
    name = options.recording.rstrip("/")
    stem = (Path(name.rpartition("/")[2]) if local_path(name) is None else Path(name)).with_suffix("")
    episode = "" if options.episode is None else f"-episode{options.episode}"
    return stem.with_name(f"{stem.name}{episode}{suffix or '-minari'}")
