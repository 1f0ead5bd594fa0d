"""A probe as an object: what it reads, of which network, what it says; kept without pickle.

Axis legend: n steps, D numbers a step, C classes.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

FORMAT = 2
"""2 knows kinds of probes and a hidden layer; files of format 1 are read as well."""
ARRAYS = ("weight", "bias", "hidden_weight", "hidden_bias")
LARGEST_FILE = 1 << 30
"""Bytes of a file that is read."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A probe of one layer of one network."""

    concept: str
    layer: str
    classes: tuple[str, ...] | None
    """None for a number."""
    weight: FloatArray
    """`[numbers, C]` (C is 1 for a number), in units of the layer's numbers; `[H, C]` behind a hidden layer."""
    bias: FloatArray
    """`[C]`."""
    shape: tuple[int, ...]
    """Of the layer at one step."""
    fingerprint: str | None
    """Of the network that it was made from; None where that is not known."""
    seed: int
    kind: str = "linear"
    hidden_weight: FloatArray | None = None
    """`[numbers, H]` of a probe with a hidden layer, in units of the layer's numbers; None for a linear one."""
    hidden_bias: FloatArray | None = None
    """`[H]`."""

    def of_values(self, values: npt.ArrayLike) -> FloatArray:
        """What it says of a layer's values `[n, ...]`: probabilities of the classes `[n, C]`, or numbers `[n]`.

        Raises:
            WorkbenchError: The values are not of the layer's shape, or not finite.
        """
        array = np.asarray(values, np.float64)
        if array.shape[1:] != self.shape:
            raise WorkbenchError(
                f"The probe of {self.concept!r} reads the layer {self.layer!r} of shape {list(self.shape)}; these "
                f"values are {list(array.shape[1:])}."
            )
        if not np.isfinite(array).all():
            raise WorkbenchError(
                f"The layer {self.layer!r} holds numbers that are not finite; a probe of them says nothing."
            )
        said = array.reshape(len(array), -1)
        if self.hidden_weight is not None and self.hidden_bias is not None:
            said = np.maximum(said @ self.hidden_weight + self.hidden_bias, 0)
        said = said @ self.weight + self.bias
        if self.classes is None:
            return np.asarray(said[:, 0])
        raised = np.exp(said - said.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def differentiable(self, values: Tensor) -> Tensor:
        """The same of a live layer's values `[n, ...]`, through which gradients go.

        Returns:
            `[n, C]` log-probabilities of the classes (−∞ of one that it was not taught), or numbers `[n]`.
        """
        if tuple(values.shape[1:]) != self.shape:
            raise WorkbenchError(
                f"The probe of {self.concept!r} reads the layer {self.layer!r} of shape {list(self.shape)}; these "
                f"values are {list(values.shape[1:])}."
            )

        def constant(array: FloatArray) -> Tensor:
            return torch.as_tensor(array).to(values)

        said = values.flatten(1)
        if self.hidden_weight is not None and self.hidden_bias is not None:
            said = torch.relu(said @ constant(self.hidden_weight) + constant(self.hidden_bias))
        said = said @ constant(self.weight) + constant(self.bias)
        return said[:, 0] if self.classes is None else torch.log_softmax(said, dim=1)

    def apply(self, recording: Recording, rows: slice | npt.NDArray[np.int64] | None = None) -> FloatArray:
        """What it says of recorded steps.

        Args:
            recording: Of the same network.
            rows: Which steps; None takes all.

        Raises:
            WorkbenchError: The recording is of another network, or does not hold the layer.
        """
        known = recording_fingerprint(recording)
        if self.fingerprint is not None and known is not None and known != self.fingerprint:
            raise WorkbenchError(
                f"The probe of {self.concept!r} was made from another network (fingerprint {self.fingerprint[:12]}…) "
                f"than that of {recording.path} ({known[:12]}…): of its {self.layer!r} it says nothing. Make it anew."
            )
        return self.of_values(recording.activations[self.layer][slice(None) if rows is None else rows])

    def direction(self, which: int | str | None = None, against: int | str | None = None) -> Tensor:
        """Where the layer has to go for the probe to say something else, `[...]` of the layer's shape.

        Args:
            which: A class, by name or number; None for a number.
            against: Another class; None takes the mean of the others.

        Raises:
            WorkbenchError: There is no such class, or the probe is not linear.
        """
        if self.hidden_weight is not None:
            raise WorkbenchError(
                f"A probe of kind {self.kind!r} has no direction: what it reads of {self.layer!r} is no line in the "
                f"layer. Take a linear kind, or the gradient of `differentiable`."
            )
        if self.classes is None:
            vector = self.weight[:, 0]
        else:
            place = self._class(which)
            others = [i for i in range(len(self.classes)) if i != place and np.isfinite(self.bias[i])]
            other = self.weight[:, others].mean(axis=1) if against is None else self.weight[:, self._class(against)]
            vector = self.weight[:, place] - other
        return torch.as_tensor(vector.reshape(self.shape), dtype=torch.float32)

    def save(self, path: str | Path) -> None:
        """Write it as `.npz`: numbers, and a text of everything else."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {name: found for name in ARRAYS if (found := told.pop(name)) is not None}
        np.savez_compressed(path, facts=np.array(json.dumps({"format": FORMAT, **told})), **arrays)

    def _class(self, which: int | str | None) -> int:
        assert self.classes is not None
        if isinstance(which, str) and which in self.classes:
            return self.classes.index(which)
        if isinstance(which, int) and 0 <= which < len(self.classes):
            return which
        raise WorkbenchError(f"The concept {self.concept!r} has no class {which!r}; it has: {', '.join(self.classes)}.")


def load_probe(path: str | Path) -> Probe:
    """Read a probe that `Probe.save` wrote; nothing in the file is run.

    Raises:
        WorkbenchError: The file cannot be read, or is no probe.
    """
    try:
        if Path(path).stat().st_size > LARGEST_FILE:
            raise WorkbenchError(f"{str(path)!r} is larger than any probe.")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            told: dict[str, Any] = json.loads(str(stored["facts"][()]))
            arrays: dict[str, Any] = {name: np.asarray(stored[name], np.float64) for name in ARRAYS if name in stored}
        if told.pop("format") not in (1, FORMAT):
            raise WorkbenchError(f"{str(path)!r} is a probe of a format that this version does not know.")
        classes = told.pop("classes")
        probe = Probe(
            **arrays, classes=None if classes is None else tuple(map(str, classes)),
            shape=tuple(int(size) for size in told.pop("shape")), **told,
        )  # fmt: skip
    except WorkbenchError:
        raise
    except Exception as error:  # whatever a damaged file makes of the readers below
        raise WorkbenchError(f"{str(path)!r} is no probe that can be read: {type(error).__name__}: {error}.") from error
    if not _fits(probe):
        raise WorkbenchError(f"{str(path)!r} is no probe: its weights {list(probe.weight.shape)} do not fit its layer.")
    return probe


def _fits(probe: Probe) -> bool:
    columns, numbers = 1 if probe.classes is None else len(probe.classes), int(np.prod(probe.shape))
    if probe.hidden_weight is None or probe.hidden_bias is None:
        given = probe.hidden_weight is None and probe.hidden_bias is None
        return given and probe.weight.shape == (numbers, columns) and probe.bias.shape == (columns,)
    hidden = len(probe.weight) if probe.weight.ndim == 2 else 0
    return (
        probe.hidden_weight.shape == (numbers, hidden)
        and probe.hidden_bias.shape == (hidden,)
        and probe.weight.shape == (hidden, columns)
        and probe.bias.shape == (columns,)
    )


def recording_fingerprint(recording: Recording) -> str | None:
    """The fingerprint of the network that was recorded; None where it is not known."""
    found = (recording.attributes.get("policy") or {}).get("fingerprint")
    return None if found is None else str(found)
