"""Rows of a recording as plain tables: CSV of the step columns, NPZ of activations. Both are written block by block.

Axis legend:
    R  rows written: all steps in the order of recording, or one episode's in the order of time
"""

import csv
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.exports.selection import select_episode, select_layers
from workbench.printable import spreadsheet_text
from workbench.progress import Progress

if TYPE_CHECKING:
    from workbench.recording import LazyArray, Recording

BLOCK_BYTES = 8 << 20
"""How much of an array is held in memory at a time."""
MAXIMUM_COMPONENTS = 16
"""A column with more numbers a step than this (an image, say) is left out of a CSV."""
FIRST_COLUMNS = ("episode", "t", "slot", "action", "reward", "terminated", "truncated", "value")

_NAMES = {
    "observation": "observation_names",
    "action": "action_names",
    "logits": "action_names",
    "q_values": "action_names",
}


def write_npz(
    recording: "Recording",
    path: Path,
    *,
    layer: str | Sequence[str],
    episode: int | None = None,
    progress: Progress,
) -> None:
    """Write activations as an NPZ file that `numpy.load` reads without pickle.

    Its arrays: one a layer under the layer's name, `[R, ...]` in the recorded dtype, and `episode`, `t`: `[R]`.

    Args:
        recording: An open recording.
        path: The file.
        layer: Names or patterns of layers.
        episode: One episode's rows only; None for all.
        progress: Told about rows of arrays.
    """
    layers = select_layers(recording, layer)
    rows = None if episode is None else select_episode(recording, episode).rows
    members: dict[str, LazyArray] = {"episode": recording.steps["episode"], "t": recording.steps["t"]}
    for name in layers:
        members[f"activations/{name}" if name in members else name] = recording.activations[name]
    count = len(recording) if rows is None else len(rows)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for done, (name, array) in enumerate(members.items()):
            progress.update(done * count, len(members) * count, name)
            header = {
                "descr": np.lib.format.dtype_to_descr(array.dtype),
                "fortran_order": False,
                "shape": (count, *array.shape[1:]),
            }
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                for start, block in _blocks(array, rows):
                    member.write(np.ascontiguousarray(block).tobytes())
                    progress.update(done * count + start + len(block), len(members) * count, name)


def write_csv(recording: "Recording", path: Path, *, episode: int | None = None, progress: Progress) -> None:
    """Write the step columns as CSV: one line a step, numbers in their shortest form that reads back the same.

    A column of up to 16 numbers a step is spread over as many columns, `logits[0]`, `logits[1]`, … (with the
    component's name where it is known); larger ones (images) are left out.

    Args:
        recording: An open recording.
        path: The file.
        episode: One episode's steps in the order of time; None for all in the order of recording.
        progress: Told about rows.
    """
    rows = None if episode is None else select_episode(recording, episode).rows
    columns = {name: array for name, array in recording.steps.items() if np.prod(array.shape[1:]) <= MAXIMUM_COMPONENTS}
    ordered = [name for name in FIRST_COLUMNS if name in columns]
    ordered += [name for name in columns if name not in ordered]
    total = len(recording) if rows is None else len(rows)
    block_rows = max(1, BLOCK_BYTES // (64 * max(1, len(columns))))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        titles = [title for name in ordered for title in _titles(recording, name, columns[name].shape[1:])]
        # Names come from strangers' recordings.
        writer.writerow(map(spreadsheet_text, titles))
        for start in range(0, total, block_rows):
            stop = min(total, start + block_rows)
            chosen = slice(start, stop) if rows is None else rows[start:stop]
            texts = [_texts(columns[name][chosen]) for name in ordered]
            writer.writerows(np.concatenate(texts, axis=1).tolist())
            progress.update(stop, total, "steps")


def _titles(recording: "Recording", name: str, shape: tuple[int, ...]) -> list[str]:
    if not shape:
        return [name]
    size = int(np.prod(shape))
    known = getattr(recording, _NAMES[name]) if name in _NAMES else None
    if known is not None and len(known) == size:
        return [f"{name}[{component}]" for component in known]
    return [f"{name}[{','.join(map(str, index))}]" for index in np.ndindex(*shape)]


def _texts(values: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    # numpy writes a float32 with the digits that a float32 needs; Python's floats would show the rounding.
    return values.reshape(len(values), -1).astype(str).astype(object)


def _blocks(array: "LazyArray", rows: npt.NDArray[np.int64] | None) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    if rows is None:
        for where, block in array.blocks(size_bytes=BLOCK_BYTES):
            yield where.start, block
        return
    row_bytes = max(1, int(np.prod(array.shape[1:])) * array.dtype.itemsize)
    count = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, len(rows), count):
        yield start, array[rows[start : start + count]]
