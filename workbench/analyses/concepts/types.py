"""A concept: something that a layer may know at every step, as one class or one number.

Axis legend: T steps of the recording, C classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MISSING = -1
"""The class of a step at which a concept is not defined; of a number it is NaN."""


@dataclass(frozen=True, kw_only=True)
class Concept:
    """What is true at each step, as far as one concept goes."""

    name: str
    """As people write it: `truth.mouse[0]`, `action_in:3`, `truth.distance < 4`."""
    words: str
    """For people."""
    values: npt.NDArray[np.int16] | npt.NDArray[np.float32]
    """`[T]`: of classes 0 to C − 1, and −1 where it is not defined; of numbers NaN there."""
    classes: tuple[str, ...] | None
    """`[C]` names; None for a number."""

    def __post_init__(self) -> None:
        self.values.setflags(write=False)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_number(self) -> bool:
        """Whether it is a number, else it is a class."""
        return self.classes is None

    @property
    def defined(self) -> npt.NDArray[np.bool_]:
        """`[T]`, where it is defined."""
        return np.isfinite(self.values) if self.is_number else self.values != MISSING
