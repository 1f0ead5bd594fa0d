"""What can be changed in a live policy's layers, each change with a random counterpart as its control.

Axis legend:
    n  rows of one batch
    K  channels of a convolutional layer, or units of another
    R  recorded steps drawn as a background
"""

import math
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
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
    identity: Hashable = None
    """Of a control: which of countably many it is, so that none is counted twice; None where it is drawn from a
    continuum."""


@dataclass(frozen=True, kw_only=True)
class ObservationChange:
    """The policy sees something else than there is."""

    words: str
    edit: ObservationEdit
    control: Callable[[np.random.Generator], "ObservationChange | None"] | None = None
    """Makes a random change of the same size, after this one was carried out; None where there is none."""
    identity: Hashable = None
    """As of a `LayerChange`."""


Change: TypeAlias = LayerChange | ObservationChange


def finite(value: float, what: str) -> float:
    """The number itself.

    Args:
        value: That somebody gave.
        what: It is, to begin a sentence with.

    Raises:
        WorkbenchError: It is not finite: nothing that is computed with it could be compared with anything.
    """
    if not math.isfinite(value):
        raise WorkbenchError(f"{what} must be a finite number; it is {value:g}.")
    return value


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
        words=f"{_named(chosen, like)} of {layer} ablated ({how})",
        layer=layer,
        edit=edit,
        control=_control(
            layer,
            chosen,
            like,
            edit,
            lambda units, random: ablate(layer, units, like, how=how, seed=int(random.integers(2**31))),
        ),
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
    if not torch.isfinite(donor).all():
        raise WorkbenchError(
            f"What the layer {layer!r} gave at {source} is not finite, and cannot be put in its place."
        )

    def edit(output: Tensor) -> Tensor:
        return _with_units(output, donor.to(output).expand_as(output), chosen)

    def from_random_step(random: np.random.Generator) -> LayerChange:
        row = int(random.choice(others))
        return LayerChange(
            words=f"{_named(None, like)} of {layer} patched from random step {row}",
            layer=layer,
            edit=lambda output: like[row].to(output).expand_as(output),
            identity=row,
        )

    # The control of patching all of a layer is patching it from a random step.
    others = torch.nonzero((like != donor.to(like)).flatten(1).any(dim=1)).flatten().numpy()
    another = _control(layer, chosen, like, edit, lambda units, random: patch(layer, units, donor, like, source=source))
    return LayerChange(
        words=f"{_named(chosen, like)} of {layer} patched from {source}",
        layer=layer,
        edit=edit,
        control=another if chosen is not None else from_random_step if len(others) else None,
    )


def clamp(layer: str, units: Sequence[int] | None, value: float, like: Tensor) -> LayerChange:
    """Hold units at a value, whatever the policy sees; of a channel, at all its places.

    Args:
        layer: Its name.
        units: Which channels or units; None takes all.
        value: In the layer's own unit.
        like: `[R, ...]`, what the layer gives in other steps.
    """
    chosen, held = _checked(layer, units, like), finite(value, f"The value that units of {layer!r} are clamped to")

    def edit(output: Tensor) -> Tensor:
        return _with_units(output, torch.full_like(output, held), chosen)

    return LayerChange(
        words=f"{_named(chosen, like)} of {layer} clamped to {value:g}".replace("-", "−"),
        layer=layer,
        edit=edit,
        control=_control(layer, chosen, like, edit, lambda units, random: clamp(layer, units, value, like)),
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


def _control(
    layer: str,
    units: tuple[int, ...] | None,
    like: Tensor,
    edit: Edit,
    same: Callable[[list[int], np.random.Generator], LayerChange],
) -> Callable[[np.random.Generator], LayerChange]:
    """The same with as many other units; where fewer are left, the units moved as far toward what random steps give."""

    def other_units(random: np.random.Generator) -> LayerChange:
        left = [unit for unit in range(like.shape[1]) if unit not in (units or ())]
        drawn = sorted(int(unit) for unit in random.choice(left, len(units or ()), replace=False))
        return replace(same(drawn, random), identity=tuple(drawn))

    def toward_a_random_step(random: np.random.Generator) -> LayerChange:
        row = int(random.integers(len(like)))

        def move(output: Tensor) -> Tensor:
            size = (edit(output) - output).flatten(1).norm(dim=1)
            way = _with_units(output, like[row].to(output).expand_as(output), units) - output
            length = way.flatten(1).norm(dim=1)
            share = torch.where(length > 0, size / length.clamp_min(torch.finfo(length.dtype).tiny), 0 * size)
            return output + way * share.view(-1, *(1,) * (output.ndim - 1))

        words = f"{_named(units, like)} of {layer} moved as far toward random step {row}"
        return LayerChange(words=words, layer=layer, edit=move, identity=row)

    return other_units if units is not None and 2 * len(units) <= like.shape[1] else toward_a_random_step


def _named(units: Sequence[int] | None, like: Tensor) -> str:
    what = "channel" if like.ndim == 4 else "unit"
    if units is None:
        return f"all {what}s"
    shown = ", ".join(map(str, units[:6])) + (" …" if len(units) > 6 else "")
    return f"{what}{'s' * (len(units) != 1)} {shown}"
