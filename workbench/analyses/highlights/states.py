"""How far apart two states are: Euclidean distance on the observation, or on a recorded layer.

Numbers of an observation have different units, so each is divided by its standard deviation over a sample of the steps.
A picture's pixels and a layer's units have one unit, and are taken as they are. Of what is wider than 1,024 numbers as
many random projections are taken, which keep distances nearly (Johnson and Lindenstrauss 1984).

Axis legend:
    n  rows
    D  numbers of a state
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.probing.features import Features, layer_features, observation_features
from workbench.analyses.reading_decisions import draw_rows
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

FloatArray = npt.NDArray[np.float64]
SCALE_STEPS = 2_048
"""Steps of which the standard deviations are taken."""


@dataclass(frozen=True, kw_only=True)
class StateSpace:
    """What states are compared by."""

    words: str
    """For people: `the observation, each number in standard deviations`."""
    features: Features
    columns: tuple[tuple[str, str], ...]
    """Group and name of the arrays that it is made of."""
    scale: FloatArray | None
    """`[D]`, what each number is divided by; None for nothing."""

    def blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        """All states in order, some at a time, `[n, D]`.

        Raises:
            WorkbenchError: A number is not finite.
        """
        for rows, values in self.features.blocks():
            yield rows, self._made(values.double(), rows.start)

    def at(self, recording: "Recording", rows: npt.NDArray[np.int64]) -> FloatArray:
        """Some states, `[n, D]`."""
        parts = [getattr(recording, group)[name][rows].reshape(len(rows), -1) for group, name in self.columns]
        return self._made(torch.as_tensor(np.concatenate(parts, axis=1).astype(np.float64)), None)

    def _made(self, values: torch.Tensor, first: int | None) -> FloatArray:
        projection = self.features.projection
        made = (values if projection is None else values @ projection).numpy()
        if not np.isfinite(made).all():
            where = "" if first is None else f", first at row {first + int(np.argwhere(~np.isfinite(made))[0][0]):,}"
            raise WorkbenchError(
                f"The {self.features.name} holds numbers that are not finite (NaN or infinite){where}; states cannot "
                f"be compared by it. Choose a layer that is finite."
            )
        return made if self.scale is None else made / self.scale


def state_space(recording: "Recording", layer: str | None = None, *, seed: int = 0) -> StateSpace:
    """What the states of a recording are compared by.

    Args:
        recording: Holds observations, or the layer.
        layer: A recorded layer; None takes the observation.
        seed: Of the projections, and of the steps of which standard deviations are taken.

    Raises:
        WorkbenchError: It was not recorded.
    """
    if layer is not None:
        features = layer_features(recording, layer, seed=seed)
        return StateSpace(words=f"the layer {layer}", features=features, columns=(("activations", layer),), scale=None)
    features = observation_features(recording, seed=seed)
    names = [name for name in recording.steps if name == "observation" or name.startswith("observation/")]
    plain = StateSpace(
        words="the observation", features=features, columns=tuple(("steps", name) for name in names), scale=None
    )
    real = all(recording.steps[name].dtype.kind == "f" for name in names)
    if features.projection is not None or not real:
        return plain
    spread = plain.at(recording, draw_rows(recording, SCALE_STEPS, seed=seed)).std(axis=0)
    return StateSpace(
        words="the observation, each number in its standard deviations",
        features=features,
        columns=plain.columns,
        scale=np.where(spread > 0, spread, 1.0),
    )
