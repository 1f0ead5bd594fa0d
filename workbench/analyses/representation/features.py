"""A layer's features as an object: of which network, how they are read, what they say; kept without pickle.

All is in the layer's own units: a feature that is active by 1 adds its direction, a vector of length 1, once.

Axis legend:
    n  steps
    P  places of a convolution's output; 1 of other layers
    D  numbers of a sample
    K  features
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.probing.probe import recording_fingerprint
from workbench.analyses.representation.feature_samples import places_of
from workbench.analyses.representation.nmf import solve_codes
from workbench.analyses.representation.sparse_autoencoder import Autoencoder
from workbench.analyses.representation.sparse_autoencoder import encode as encode_autoencoder
from workbench.errors import WorkbenchError
from workbench.recording.reader import Recording

FORMAT = 1
LARGEST_FILE = 1 << 30
NMF, SPARSE_AUTOENCODER = "nmf", "sparse-autoencoder"
METHODS = (NMF, SPARSE_AUTOENCODER)
ARRAYS = ("directions", "offset", "encoder", "encoder_bias")


@dataclass(frozen=True, kw_only=True)
class LayerFeatures:
    """Features of one layer of one network."""

    method: str
    """`nmf` or `sparse-autoencoder`."""
    layer: str
    shape: tuple[int, ...]
    """Of the layer at one step."""
    directions: npt.NDArray[np.float32]
    """`[K, D]`, of length 1 (0 for what the factorisation never used); of an NMF with parts `[K, 2 D]`."""
    offset: npt.NDArray[np.float32]
    """`[D]`, what is there without any feature; 0 of an NMF."""
    encoder: npt.NDArray[np.float32] | None
    """`[D, K]`; None of an NMF, whose activations are solved for."""
    encoder_bias: npt.NDArray[np.float32] | None
    """`[K]`."""
    active: int | None
    """k of top-k; else None."""
    parts: bool
    """Whether an NMF was made of positive and negative parts side by side."""
    fingerprint: str | None
    """Of the network; None where that is not known."""
    seed: int
    made: str
    """How it was made, in words: on how many samples, with what settings."""
    finished: bool
    """Whether the making went to its end."""

    def __post_init__(self) -> None:
        for name in ARRAYS:
            array = getattr(self, name)
            if array is not None:
                array.setflags(write=False)

    @property
    def count(self) -> int:
        """K."""
        return len(self.directions)

    @property
    def places(self) -> int:
        """P."""
        return places_of(self.shape)

    def direction(self, number: int) -> Tensor:
        """What a feature that is active by 1 adds to a sample, `[D]`.

        Raises:
            WorkbenchError: There is no such feature.
        """
        self.check(number)
        row = torch.tensor(self.directions[number])
        return row[: len(row) // 2] - row[len(row) // 2 :] if self.parts else row

    def check(self, number: int) -> None:
        """Refuse a feature that is not there.

        Raises:
            WorkbenchError: There is none of that number.
        """
        if not 0 <= number < self.count:
            raise WorkbenchError(f"There is no feature {number}: there are {self.count}, numbered from 0.")

    def encode(self, values: Tensor) -> Tensor:
        """How active each feature is.

        Args:
            values: The layer's, `[n, *shape]`.

        Returns:
            `[n, P, K]`, at least 0.

        Raises:
            WorkbenchError: The values are of another shape.
        """
        return self._encode(self._samples(values))

    def of_samples(self, block: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Of samples `[n, P, D]`: how active each feature is, `[n, P, K]`, and what they make of it, `[n, P, D]`."""
        with torch.no_grad():
            codes = self._encode(torch.as_tensor(block))
            return codes.numpy(), self._decode(codes).numpy()

    def _encode(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        if self.method == NMF:
            if self.parts:
                flat = torch.cat([flat.clamp(min=0), (-flat).clamp(min=0)], dim=1)
            codes = solve_codes(flat, torch.tensor(self.directions, device=flat.device))
        else:
            codes = encode_autoencoder(Autoencoder(**self._placed(flat), active=self.active), flat)
        return codes.reshape(len(x), -1, self.count)

    def decode(self, codes: Tensor) -> Tensor:
        """The layer's values that activations `[n, P, K]` stand for, `[n, *shape]`."""
        return self.as_layer(self._decode(codes))

    def _decode(self, codes: Tensor) -> Tensor:
        x = codes @ torch.tensor(self.directions).to(codes)
        if self.parts:
            half = x.shape[-1] // 2
            x = x[..., :half] - x[..., half:]
        return torch.tensor(self.offset).to(codes) + x

    def reconstruct(self, values: Tensor) -> Tensor:
        """The layer's values as the features have them, `[n, *shape]`."""
        return self.decode(self.encode(values))

    def as_layer(self, samples: Tensor) -> Tensor:
        """Samples `[n, P, D]` in the layer's shape, `[n, *shape]`."""
        if len(self.shape) == 3:
            return samples.movedim(-1, 1).reshape(len(samples), *self.shape)
        return samples.reshape(len(samples), *self.shape)

    def activations(self, values: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """How active each feature is, of arrays: `[n, *shape]` to `[n, P, K]`."""
        with torch.no_grad():
            return np.asarray(self.encode(torch.as_tensor(np.array(values, np.float32))).numpy())

    def apply(self, recording: Recording, rows: slice | npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.float32]:
        """How active each feature is at recorded steps, `[n, P, K]`; of many steps, ask for some at a time.

        Args:
            recording: Of the same network.
            rows: Which steps; None takes all.

        Raises:
            WorkbenchError: The recording is of another network, or does not hold the layer.
        """
        self.check_network(recording)
        return self.activations(recording.activations[self.layer][slice(None) if rows is None else rows])

    def check_network(self, recording: Recording) -> None:
        """Refuse a recording of another network.

        Raises:
            WorkbenchError: It is one, or its layer has another shape.
        """
        known = recording_fingerprint(recording)
        if self.fingerprint is not None and known is not None and known != self.fingerprint:
            raise WorkbenchError(
                f"The features of {self.layer!r} were made from another network (fingerprint "
                f"{self.fingerprint[:12]}…) than that of {recording.path} ({known[:12]}…): of it they say nothing. "
                f"Make them anew."
            )
        there = tuple(recording.activations[self.layer].shape[1:])
        if there != self.shape:
            raise WorkbenchError(
                f"The features of {self.layer!r} are of a layer of shape {list(self.shape)}; that of {recording.path} "
                f"is {list(there)}."
            )

    def save(self, path: "str | Path | BinaryIO") -> None:
        """Write them as `.npz`: numbers, and a text of everything else."""
        told = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in ARRAYS}
        arrays = {name: getattr(self, name) for name in ARRAYS if getattr(self, name) is not None}
        np.savez_compressed(path, **arrays, facts=np.array(json.dumps({"format": FORMAT, **told})))

    def _samples(self, values: Tensor) -> Tensor:
        if tuple(values.shape[1:]) != self.shape:
            raise WorkbenchError(
                f"The features of {self.layer!r} read a layer of shape {list(self.shape)}; these values are "
                f"{list(values.shape[1:])}."
            )
        if values.ndim == 4:
            return values.movedim(1, -1).reshape(len(values), -1, values.shape[1])
        return values.reshape(len(values), 1, -1)

    def _placed(self, like: Tensor) -> dict[str, Tensor]:
        return {name: torch.tensor(getattr(self, name)).to(like) for name in ARRAYS}


def load_features(path: str | Path) -> LayerFeatures:
    """Read features that `LayerFeatures.save` wrote; nothing in the file is run.

    Raises:
        WorkbenchError: The file cannot be read, or holds no features.
    """
    try:
        if Path(path).stat().st_size > LARGEST_FILE:
            raise WorkbenchError(f"{str(path)!r} is larger than any features.")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            told: dict[str, Any] = json.loads(str(stored["facts"][()]))
            arrays: dict[str, Any] = {
                name: np.asarray(stored[name], np.float32) if name in stored else None for name in ARRAYS
            }
        if told.pop("format") != FORMAT:
            raise WorkbenchError(f"{str(path)!r} holds features of a format that this version does not know.")
        found = LayerFeatures(shape=tuple(int(size) for size in told.pop("shape")), **arrays, **told)
        _check_fits(found)
    except WorkbenchError:
        raise
    except Exception as error:  # whatever a damaged file makes of the readers above
        raise WorkbenchError(
            f"{str(path)!r} holds no features that can be read: {type(error).__name__}: {error}."
        ) from error
    return found


def _check_fits(found: LayerFeatures) -> None:
    width = int(np.prod(found.shape)) // found.places
    count = len(found.directions)
    expected = {
        "directions": (count, width * (2 if found.parts else 1)),
        "offset": (width,),
        "encoder": (width, count) if found.method == SPARSE_AUTOENCODER else None,
        "encoder_bias": (count,) if found.method == SPARSE_AUTOENCODER else None,
    }
    if found.method not in METHODS:
        raise ValueError(f"there is no method {found.method!r}")
    for name, shape in expected.items():
        array = getattr(found, name)
        if (None if array is None else array.shape) != shape:
            raise ValueError(f"its {name} do not fit its layer")
        if array is not None and not np.isfinite(array).all():
            raise ValueError(f"its {name} are not finite")
