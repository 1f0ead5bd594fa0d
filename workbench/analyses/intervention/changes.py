"""What can be changed in a live policy: layers and observations, each change with a random counterpart as its control.

Axis legend:
    n  rows of one batch
    K  channels of a convolutional layer, or units of another
    R  recorded steps drawn as a background
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.layers import Edit
from workbench.errors import WorkbenchError
from workbench.policies.types import Observations

ObservationEdit: TypeAlias = Callable[[Observations], Observations]
"""From raw observations `[n, ...]` to those that the policy sees in their place."""


@dataclass(frozen=True, kw_only=True)
class LayerChange:
    """A layer gives something else than it would."""

    words: str
    """For people: "channel 3 of summary.1 set to 5"."""
    layer: str
    edit: Edit
    """From the layer's output `[n, ...]` to what takes its place."""
    control: Callable[[np.random.Generator], "LayerChange"] | None = None
    """Makes a random change of the same size in the same layer; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class ObservationChange:
    """The policy sees something else than there is."""

    words: str
    edit: ObservationEdit
    control: Callable[[np.random.Generator], "ObservationChange | None"] | None = None
    """Makes a random change of the same size, after this one was carried out; None where there is none."""


Change: TypeAlias = LayerChange | ObservationChange


def ablate(layer: str, units: Sequence[int] | None, like: Tensor, *, how: str = "zero", seed: int = 0) -> LayerChange:
    """Take units out of a layer.

    Args:
        layer: Its name.
        units: Channels of a convolution's output, else units; None takes all.
        like: `[R, ...]`, what the layer gives in other steps of the recording (`layer_values`).
        how: `zero`; `mean` over `like`; or `resample`: each row gets them from a random step. Which one follows from
            what the layer gives and from the seed, so that the same decision gets the same whenever it is asked for.
        seed: Of what is drawn.

    Raises:
        WorkbenchError: There are no such units, or no such way.
    """
    chosen = _checked(layer, units, like)
    if how not in ("zero", "mean", "resample"):
        raise WorkbenchError(f"Units are ablated to 'zero', 'mean' or 'resample'; came {how!r}.")
    mean = like.mean(dim=0)

    def edit(output: Tensor) -> Tensor:
        if how == "zero":
            other = torch.zeros_like(output)
        elif how == "mean":
            other = mean.to(output).expand_as(output)
        else:
            other = like[_donors(output, len(like), seed)].to(output)
        return _with_units(output, other, chosen)

    return LayerChange(
        words=f"{_named(units, like)} of {layer} ablated ({how})",
        layer=layer,
        edit=edit,
        control=(
            lambda random: ablate(
                layer, _others(chosen or (), like, random), like, how=how, seed=int(random.integers(2**31))
            )
        )
        if _has_others(chosen, like)
        else None,
    )


def patch(
    layer: str, units: Sequence[int] | None, donor: Tensor, like: Tensor, *, source: str = "another step"
) -> LayerChange:
    """Put what a layer gave at another step, in another episode or in another agent, in its place.

    Args:
        layer: Its name.
        units: Which of its channels or units; None takes all.
        donor: `[...]`, what it gave there.
        like: `[R, ...]`, what it gives in other steps.
        source: Where that comes from, in words.
    """
    chosen = _checked(layer, units, like)
    if donor.shape != like.shape[1:]:
        raise WorkbenchError(
            f"The layer {layer!r} gives {list(like.shape[1:])}; {list(donor.shape)} cannot be put in its place."
        )
    return LayerChange(
        words=f"{_named(units, like)} of {layer} patched from {source}",
        layer=layer,
        edit=lambda output: _with_units(output, donor.to(output).expand_as(output), chosen),
        # The control of patching all of a layer is patching it from a random step.
        control=(
            (lambda random: patch(layer, None, like[int(random.integers(len(like)))], like))
            if chosen is None
            else (lambda random: patch(layer, _others(chosen, like, random), donor, like, source=source))
            if _has_others(chosen, like)
            else None
        ),
    )


def clamp(layer: str, units: Sequence[int], value: float, like: Tensor) -> LayerChange:
    """Hold units at a value, whatever the policy sees; of a channel, at all its places.

    Args:
        layer: Its name.
        units: Which channels or units.
        value: In the layer's own unit.
        like: `[R, ...]`, what the layer gives in other steps.
    """
    chosen = _checked(layer, units, like)
    return LayerChange(
        words=f"{_named(units, like)} of {layer} clamped to {value:g}".replace("-", "−"),
        layer=layer,
        edit=lambda output: _with_units(output, torch.full_like(output, value), chosen),
        control=(lambda random: clamp(layer, _others(chosen or (), like, random), value, like))
        if _has_others(chosen, like)
        else None,
    )


def steer(layer: str, direction: Tensor, scale: float) -> LayerChange:
    """Add a vector to what a layer gives.

    Args:
        layer: Its name.
        direction: `[...]`, one row of the layer; for instance `mean_difference`.
        scale: How much of it.
    """
    norm = float(direction.norm())

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
    norm = float(direction.norm())
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


def change_observation(words: str, edit: ObservationEdit) -> ObservationChange:
    """Show the policy something else: any function of raw observations `[n, ...]`."""
    return ObservationChange(words=words, edit=edit)


def set_number(
    place: int, value: float, name: str | None = None, *, like: npt.NDArray[Any] | None = None
) -> ObservationChange:
    """Show the policy a fixed value in one number of a vector observation.

    Its control shows another number, drawn at random, as many standard deviations from its own mean.

    Args:
        place: Which number.
        value: In the observation's own unit.
        name: What it is called.
        like: `[R, n]`, observations of other steps, for the control; None makes a change without one.
    """

    def edit(observations: Observations) -> Observations:
        if not isinstance(observations, np.ndarray) or observations.ndim != 2 or not 0 <= place < observations.shape[1]:
            came = list(observations.shape[1:]) if isinstance(observations, np.ndarray) else "a dict"
            raise WorkbenchError(f"A number {place} is set in vector observations; these are {came}.")
        changed: npt.NDArray[Any] = observations.copy()
        if changed.dtype.kind in "iu":
            limits = np.iinfo(changed.dtype)
            changed[:, place] = round(min(max(value, limits.min), limits.max))
        else:
            changed[:, place] = value
        return changed

    def another(random: np.random.Generator) -> ObservationChange:
        assert like is not None
        other = int(random.choice(others))
        shown = means[other] + (value - means[place]) / spreads[place] * spreads[other]
        return set_number(other, float(shown), like=like)

    others, means, spreads = list[int](), np.zeros(0), np.zeros(0)
    if like is not None and like.ndim == 2 and place < like.shape[1]:
        numbers = like.astype(np.float64)
        means, spreads = numbers.mean(axis=0), numbers.std(axis=0)
        others = [index for index in range(like.shape[1]) if index != place and spreads[index] > 0]
        others = others if spreads[place] > 0 else []

    return ObservationChange(
        words=f"{name or f'number {place}'} shown as {value:g}".replace("-", "−"),
        edit=edit,
        control=another if others else None,
    )


def _donors(output: Tensor, count: int, seed: int) -> Tensor:
    """A number below `count` for each row, by its content: the bits of its values, mixed with the seed."""
    rows = output.detach().float().cpu().contiguous().flatten(1).numpy()
    return torch.tensor([zlib.crc32(row.tobytes(), seed & 0xFFFFFFFF) % count for row in rows])


def _checked(layer: str, units: Sequence[int] | None, like: Tensor) -> tuple[int, ...] | None:
    count = like.shape[1] if like.ndim > 1 else 1
    if units is None:
        return None
    wrong = [unit for unit in units if not 0 <= unit < count]
    if wrong or not units:
        what = "channels" if like.ndim == 4 else "units"
        raise WorkbenchError(f"The layer {layer!r} has {count} {what}, numbered from 0; came {list(wrong) or 'none'}.")
    return tuple(dict.fromkeys(units))


def _with_units(output: Tensor, other: Tensor, units: tuple[int, ...] | None) -> Tensor:
    if units is None:
        return other
    changed = output.clone()
    changed[:, list(units)] = other[:, list(units)]
    return changed


def _others(units: tuple[int, ...], like: Tensor, random: np.random.Generator) -> list[int]:
    """As many other units, drawn at random."""
    left = [unit for unit in range(like.shape[1]) if unit not in units]
    return [int(unit) for unit in random.choice(left, len(units), replace=False)]


def _has_others(units: tuple[int, ...] | None, like: Tensor) -> bool:
    """Whether there are as many other units to compare with."""
    return units is not None and 2 * len(set(units)) <= like.shape[1]


def _named(units: Sequence[int] | None, like: Tensor) -> str:
    what = "channel" if like.ndim == 4 else "unit"
    if units is None:
        return f"all {what}s"
    shown = ", ".join(map(str, units[:6])) + (" …" if len(units) > 6 else "")
    return f"{what}{'s' * (len(units) != 1)} {shown}"
