"""A probe of two places as an object: what it reads, of which network, what it says; kept without pickle.

Axis legend: n steps, D numbers of a place, P and Q main parts of the first and the second place, C classes.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.probing.places import Place, PlaceReader, blocks_of
from workbench.analyses.probing.probe import LARGEST_FILE, recording_fingerprint
from workbench.errors import WorkbenchError
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

FORMAT = 1
ARRAYS = ("first_mean", "first_weight", "second_mean", "second_weight", "weight", "bias")


def products(x: Tensor, y: Tensor) -> Tensor:
    """Each part of one times each of the other, `[n, P · Q]`."""
    return (x.unsqueeze(2) * y.unsqueeze(1)).flatten(1)


@dataclass(frozen=True, kw_only=True)
class PairProbe:
    """A probe of what two places of one network say together."""

    concept: str
    classes: tuple[str, ...] | None
    """None for a number."""
    first: Place
    second: Place
    fingerprint: str | None
    """Of the network that it was made from; None where that is not known."""
    seed: int
    first_mean: FloatArray
    """`[D]`."""
    first_weight: FloatArray
    """`[D, P]`, onto the main parts."""
    second_mean: FloatArray
    second_weight: FloatArray
    """`[D, Q]`."""
    weight: FloatArray
    """`[P + Q + P · Q, C]`: of the parts of the first, those of the second, and their products; C is 1 of a number."""
    bias: FloatArray
    """`[C]`."""

    def of_values(self, first: npt.ArrayLike, second: npt.ArrayLike) -> FloatArray:
        """What it says of values of the two places, `[n, D]` each: probabilities `[n, C]`, or numbers `[n]`.

        Raises:
            WorkbenchError: They are not as wide as the places are.
        """
        parts = []
        for place, values, mean, weight in (
            (self.first, first, self.first_mean, self.first_weight),
            (self.second, second, self.second_mean, self.second_weight),
        ):
            array = np.asarray(values, np.float64)
            if array.shape[1:] != mean.shape:
                raise WorkbenchError(
                    f"The probe of {self.concept!r} reads {len(mean)} numbers of {place.words}; these values are "
                    f"{list(array.shape[1:])}."
                )
            parts.append(torch.as_tensor((array - mean) @ weight))
        read = torch.cat([*parts, products(*parts)], dim=1).numpy()
        said = read @ self.weight + self.bias
        if self.classes is None:
            return np.asarray(said[:, 0])
        raised = np.exp(said - said.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def apply(self, recording: Recording) -> FloatArray:
        """What it says of all recorded steps, NaN where one of the places is not there.

        Args:
            recording: Of the same network.

        Raises:
            WorkbenchError: The recording is of another network, or does not hold the layers.
        """
        known = recording_fingerprint(recording)
        if self.fingerprint is not None and known is not None and known != self.fingerprint:
            raise WorkbenchError(
                f"The probe of {self.concept!r} was made from another network (fingerprint {self.fingerprint[:12]}…) "
                f"than that of {recording.path} ({known[:12]}…): of it, it says nothing. Make it anew."
            )
        readers = [PlaceReader(recording, place) for place in (self.first, self.second)]
        there = readers[0].exists & readers[1].exists
        found = []
        for rows in blocks_of(recording, self.first.layer, self.second.layer):
            said = self.of_values(*(reader.read(rows).numpy() for reader in readers))
            said[~there[rows]] = np.nan
            found.append(said)
        return np.concatenate(found)

    def save(self, path: str | Path) -> None:
        """Write it as `.npz`: numbers, and a text of everything else."""
        told = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in ARRAYS}
        told |= {"first": asdict(self.first), "second": asdict(self.second)}
        arrays: dict[str, Any] = {name: getattr(self, name) for name in ARRAYS}
        np.savez_compressed(path, facts=np.array(json.dumps({"pair_format": FORMAT, **told})), **arrays)


def load_pair_probe(path: str | Path) -> PairProbe:
    """Read a probe that `PairProbe.save` wrote; nothing in the file is run.

    Raises:
        WorkbenchError: The file cannot be read, or is no such probe.
    """
    try:
        if Path(path).stat().st_size > LARGEST_FILE:
            raise WorkbenchError(f"{str(path)!r} is larger than any probe.")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            told: dict[str, Any] = json.loads(str(stored["facts"][()]))
            arrays: dict[str, Any] = {name: np.asarray(stored[name], np.float64) for name in ARRAYS}
        if told.pop("pair_format") != FORMAT:
            raise WorkbenchError(f"{str(path)!r} is a probe of a format that this version does not know.")
        classes = told.pop("classes")
        probe = PairProbe(
            **arrays, classes=None if classes is None else tuple(map(str, classes)),
            first=Place(**told.pop("first")), second=Place(**told.pop("second")), **told,
        )  # fmt: skip
    except WorkbenchError:
        raise
    except Exception as error:  # whatever a damaged file makes of the readers below
        raise WorkbenchError(
            f"{str(path)!r} is no probe of two places that can be read: {type(error).__name__}: {error}."
        ) from error
    if not _fits(probe):
        raise WorkbenchError(f"{str(path)!r} is no probe of two places: its arrays do not fit each other.")
    return probe


def _fits(probe: PairProbe) -> bool:
    columns = 1 if probe.classes is None else len(probe.classes)
    bases = (probe.first_weight, probe.second_weight)
    if any(base.ndim != 2 for base in bases):
        return False
    first, second = (base.shape[1] for base in bases)
    return (
        probe.first_mean.shape == probe.first_weight.shape[:1]
        and probe.second_mean.shape == probe.second_weight.shape[:1]
        and probe.weight.shape == (first + second + first * second, columns)
        and probe.bias.shape == (columns,)
    )
