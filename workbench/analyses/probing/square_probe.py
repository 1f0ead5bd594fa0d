"""A probe of squares as an object: what it says of each, and which way a layer has to move for it to say so.

Axis legend:
    n  steps
    K  channels
    H, W  rows and columns of the layer
    C  classes
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from workbench.errors import WorkbenchError


@dataclass(frozen=True, kw_only=True)
class SquareProbe:
    """One linear probe for every place of a convolutional layer of one network."""

    concept: str
    layer: str
    classes: tuple[str, ...]
    reach: int
    """1 or 3."""
    weight: npt.NDArray[np.float64]
    """`[K · reach², C]`, channel by channel, each row by row."""
    bias: npt.NDArray[np.float64]
    """`[C]`."""
    shape: tuple[int, int, int]
    """K, H and W."""
    fingerprint: str | None
    seed: int

    def differentiable(self, values: Tensor) -> Tensor:
        """Log-probabilities of the classes at each place but for a constant, `[n, C, H, W]`, of `[n, K, H, W]`.

        Raises:
            WorkbenchError: The values are not of the layer's shape.
        """
        if tuple(values.shape[1:]) != self.shape:
            raise WorkbenchError(
                f"The probe of {self.concept!r} reads the layer {self.layer!r} of shape {list(self.shape)}; these "
                f"values are {list(values.shape[1:])}."
            )
        kernel = torch.as_tensor(self.weight.T).reshape(len(self.classes), self.shape[0], self.reach, self.reach)
        return functional.conv2d(
            values, kernel.to(values), torch.as_tensor(self.bias).to(values), padding=self.reach // 2
        )

    def of_values(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Probabilities of the classes at each place, `[n, H, W, C]`, of a layer's values `[n, K, H, W]`."""
        with torch.no_grad():
            said = self.differentiable(torch.as_tensor(np.asarray(values, np.float64)))
        return np.asarray(said.softmax(dim=1).permute(0, 2, 3, 1).numpy())

    def direction(self, which: str | int, places: Sequence[tuple[int, int]]) -> Tensor:
        """What to add to a layer for the probe to say a class at some places, `[K, H, W]`.

        The weights of the class less the mean of the others', laid on each place (and, with a reach of 3, around it).

        Args:
            which: A class, by name or number.
            places: Rows and columns of the layer.

        Raises:
            WorkbenchError: There is no such class or place.
        """
        named = self.classes.index(which) if which in self.classes else which
        if not isinstance(named, int) or not 0 <= named < len(self.classes):
            raise WorkbenchError(f"The concept {self.concept!r} has no class {which!r}: {', '.join(self.classes)}.")
        others = [i for i in range(len(self.classes)) if i != named and np.isfinite(self.bias[i])]
        vector = self.weight[:, named] - self.weight[:, others].mean(axis=1)
        stamp = vector.reshape(self.shape[0], self.reach, self.reach)
        margin = self.reach // 2
        found = np.zeros((self.shape[0], self.shape[1] + 2 * margin, self.shape[2] + 2 * margin))
        for row, column in places:
            if not (0 <= row < self.shape[1] and 0 <= column < self.shape[2]):
                raise WorkbenchError(f"The layer {self.layer!r} has no place ({row}, {column}): {list(self.shape)}.")
            found[:, row : row + self.reach, column : column + self.reach] += stamp
        inner = found[:, margin : margin + self.shape[1], margin : margin + self.shape[2]]
        return torch.as_tensor(inner.copy(), dtype=torch.float32)
