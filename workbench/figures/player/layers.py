"""A layer's activations, or a recurrent state, in the form in which the player draws them.

Axis legend:
    T  steps of the window
    K  channels;  H, W  rows and columns of a feature map
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.figures.player.encoding import quantise

if TYPE_CHECKING:
    from workbench.recording import Recording

MOST_MAPS = 64
MOST_UNITS = 4096
LARGEST_MAP = 32


def describe_layer(name: str, module: str, values: npt.NDArray[Any], *, unit: str = "activation") -> dict[str, Any]:
    """Feature maps for `[T, K, H, W]`, one map for `[T, H, W]`, otherwise a vector of units.

    Where a layer is too large to draw whole, the units that vary most over these steps are kept and the label says so.

    Raises:
        WorkbenchError: It has no units.
    """
    if not values.size:
        raise WorkbenchError(f"The layer {name} has no units to draw: its rows are of shape {list(values.shape[1:])}.")
    if values.ndim == 3 and min(values.shape[1:]) > 1:
        values = values[:, None]
    if values.ndim == 4:
        return _maps(name, module, values, unit)
    vector = values.reshape(len(values), -1)
    units, note = _most_varying(vector[:, :, None], MOST_UNITS, "units")
    shape = " × ".join(str(length) for length in values.shape[1:]) or "1"
    label = f"{name} · {module} · {shape} unit{'s' if vector.shape[1] != 1 else ''}{note}"
    return {
        "kind": "vector",
        "name": name,
        "label": label,
        "scale": "The scale spans the steps loaded.",
        "units": units.tolist(),
        "unit": unit,
        **quantise(vector[:, units]),
    }


def default_layer(recording: "Recording") -> str:
    """The layer to begin with: the first feature maps after a nonlinearity, else the first layer after one."""
    layers = recording.layers
    after = [name for name, facts in layers.items() if facts["module"] in ("ReLU", "Tanh", "ELU", "GELU", "SiLU")]
    maps = [name for name in after if len(layers[name]["shape"]) == 3]
    return (maps or after or list(layers))[0]


def layer_bytes_per_step(shape: tuple[int, ...] | list[int]) -> int:
    """Bytes that a step of a layer `[...]` takes in a payload."""
    if len(shape) == 3:
        height, width = (-(-size // -(-size // LARGEST_MAP)) for size in shape[1:])
        return min(shape[0], MOST_MAPS) * height * width
    return min(int(np.prod(shape, dtype=np.int64)), MOST_UNITS)


def _maps(name: str, module: str, values: npt.NDArray[Any], unit: str) -> dict[str, Any]:
    channels, height, width = values.shape[1:]
    units, note = _most_varying(values.reshape(len(values), channels, -1), MOST_MAPS, "maps")
    kept = values[:, units]
    rows, columns = -(-height // LARGEST_MAP), -(-width // LARGEST_MAP)
    if rows > 1 or columns > 1:
        kept = _pool(kept, rows, columns)
        note += f", averaged over {rows} × {columns} cells"
    label = f"{name} · {module} · {channels} map{'s' if channels != 1 else ''} of {height} × {width}{note}"
    return {
        "kind": "maps",
        "name": name,
        "label": label,
        "scale": "One scale for all maps and all steps loaded.",
        "units": units.tolist(),
        "unit": unit,
        **quantise(kept),
    }


def _most_varying(values: npt.NDArray[Any], limit: int, word: str) -> tuple[npt.NDArray[np.int64], str]:
    """Choose units of `[T, K, cells]` in their order, and say how many were left out."""
    count = values.shape[1]
    if count <= limit:
        return np.arange(count), ""
    spread = np.nan_to_num(values.astype(np.float32)).var(axis=0).mean(axis=-1)
    chosen = np.sort(np.argsort(-spread, kind="stable")[:limit])
    return chosen, f", shown: the {limit} {word} that vary most over these steps"


def _pool(values: npt.NDArray[Any], rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Average `[T, K, H, W]` over blocks; blocks at the edge average what is there."""
    numbers = values.astype(np.float32)
    for axis, size in ((2, rows), (3, columns)):
        starts = np.arange(0, numbers.shape[axis], size)
        counts = np.diff(np.append(starts, numbers.shape[axis]))
        shape = [1, 1, 1, 1]
        shape[axis] = len(starts)
        sums = np.add.reduceat(numbers, starts, axis=axis)
        numbers = (sums / counts.reshape(shape)).astype(np.float32)
    return numbers
