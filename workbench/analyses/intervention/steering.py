"""Vectors that are added to what a layer gives, or taken out of it, with random directions as their controls.

Axis legend:
    n, m  rows of two sets of steps
    R     recorded steps drawn as a background
"""

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.intervention.changes import LayerChange, finite
from workbench.errors import WorkbenchError


def steer(layer: str, direction: Tensor, scale: float) -> LayerChange:
    """Add a vector to what a layer gives.

    Args:
        layer: Its name.
        direction: `[...]`, one row of the layer; for instance `mean_difference`.
        scale: How much of it.
    """
    finite(scale, f"How much of a vector is added to {layer!r}")
    norm = finite(float(direction.norm()), f"The length of a vector that is added to {layer!r}")

    def control(random: np.random.Generator) -> LayerChange:
        drawn = torch.as_tensor(random.normal(size=tuple(direction.shape)), dtype=torch.float32)
        return steer(layer, drawn * (norm / float(drawn.norm())), scale)

    def edit(output: Tensor) -> Tensor:
        if output.shape[1:] != direction.shape:
            raise WorkbenchError(
                f"The layer {layer!r} gives {list(output.shape[1:])}; a vector of shape {list(direction.shape)} cannot "
                f"be added to it."
            )
        return output + scale * direction.to(output)

    return LayerChange(
        words=f"{layer} steered by {scale:g} times a vector of length {norm:.3g}".replace("-", "−"),
        layer=layer,
        edit=edit,
        control=control if norm > 0 else None,
    )


def project_out(
    layer: str, direction: Tensor, like: Tensor, *, share: float = 1.0, centre: Tensor | None = None
) -> LayerChange:
    """Take away what a layer says along a direction: x − s · ((x − x̄) · u) u, for the direction's unit vector u.

    Args:
        layer: Its name.
        direction: `[...]`, one row of the layer; its length does not matter.
        like: `[R, ...]`, what the layer gives in other steps.
        share: s: 1 sets every step to the centre along the direction, 2 mirrors it there.
        centre: `[...]`, x̄; None takes the mean of `like`. Mirrored at the middle between two classes' means, steps of
            either class take the other's place.

    Raises:
        WorkbenchError: The direction has no length, or another shape than the layer.
    """
    finite(share, f"The share of a direction of {layer!r} that is taken away")
    norm = finite(float(direction.norm()), f"The length of a direction of {layer!r}")
    if direction.shape != like.shape[1:] or not norm > 0:
        raise WorkbenchError(
            f"The layer {layer!r} gives {list(like.shape[1:])}; a direction of it has that shape and some length, and "
            f"this one is {list(direction.shape)} of length {norm:g}."
        )
    unit, mean = (direction / norm).flatten(), (like.mean(dim=0) if centre is None else centre).flatten()

    def edit(output: Tensor) -> Tensor:
        flat = output.flatten(1)
        along = (flat - mean.to(flat)) @ unit.to(flat)
        return (flat - share * along.unsqueeze(1) * unit.to(flat)).reshape(output.shape)

    centred = like.flatten(1) - mean.to(like)
    moved = float((centred @ unit).abs().mean())

    def control(random: np.random.Generator) -> LayerChange:
        drawn = torch.as_tensor(random.normal(size=tuple(direction.shape)), dtype=torch.float32)
        # Along most directions a layer varies less: as much is taken away that its values move as far on average.
        along = float((centred @ (drawn / drawn.norm()).flatten().to(centred)).abs().mean())
        return project_out(layer, drawn, like, share=share * moved / along if along > 0 else share, centre=centre)

    done = {1.0: "projected out", 2.0: "mirrored"}.get(share, f"taken away {share:g} times")
    return LayerChange(words=f"a direction of {layer} {done}", layer=layer, edit=edit, control=control)


def mean_difference(first: Tensor, second: Tensor) -> Tensor:
    """Mean of one set of a layer's outputs less that of another, `[...]`: where they are told apart by a mean.

    Args:
        first: `[n, ...]`.
        second: `[m, ...]`.
    """
    if not len(first) or not len(second):
        raise WorkbenchError("A mean difference needs at least one step on either side.")
    return first.mean(dim=0) - second.mean(dim=0)
