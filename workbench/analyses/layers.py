"""Reading and overwriting what a layer gives, in the middle of a live policy's forward pass.

Layers have the names that recordings give them: a module's path (`mlp_extractor.policy_net.0`), with `.output`,
`.hidden` or `.cell` behind it where a recurrent module gives several tensors.

Axis legend: n rows of one batch.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, nn

from workbench.errors import WorkbenchError

Edit: TypeAlias = Callable[[Tensor], Tensor]
"""From what a layer gives, `[n, ...]`, to what the rest of the network gets in its place: the same shape."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A number that is read off a layer whenever it runs."""

    name: str
    layer: str
    function: Edit
    """From what the layer gives, `[n, ...]`, to a number a row, `[n]`, differentiable."""


RECURRENT = (nn.LSTM, nn.GRU, nn.RNN)


@contextlib.contextmanager
def overwritten(module: nn.Module, edits: Mapping[str, Edit]) -> Iterator[None]:
    """While this lasts, layers of a network give what `edits` make of their outputs, in this thread alone.

    Args:
        module: The policy's network.
        edits: By layer.

    Raises:
        WorkbenchError: There is no such layer, or its output is none that can be overwritten.
    """
    owner = threading.get_ident()
    handles = []
    try:
        for layer, edit in edits.items():
            child, suffix = find_layer(module, layer)
            handles.append(child.register_forward_hook(_hook(layer, suffix, edit, owner)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def find_layer(module: nn.Module, layer: str) -> tuple[nn.Module, str]:
    """The module that gives a layer, and which part of its output that is (`""`: all of it).

    Raises:
        WorkbenchError: There is no such module.
    """
    modules = dict(module.named_modules())
    if layer in modules and layer:
        # A recurrent module gives a sequence and its memory: what the layers behind it see is the sequence.
        return modules[layer], ".output" if isinstance(modules[layer], RECURRENT) else ""
    path, _, suffix = layer.rpartition(".")
    if path in modules and suffix in ("output", "hidden", "cell"):
        return modules[path], f".{suffix}"
    if layer == type(module).__name__:
        return module, ""
    leaves = [name for name, child in modules.items() if name and not any(child.children())]
    raise WorkbenchError(f"The policy has no layer {layer!r}; its layers are: {', '.join(leaves)}.")


def _hook(layer: str, suffix: str, edit: Edit, owner: int) -> Callable[[nn.Module, Any, Any], Any]:
    def hook(child: nn.Module, _arguments: Any, output: Any) -> Any:
        if threading.get_ident() != owner:
            return None
        if isinstance(output, Tensor) and not suffix:
            return _same_shape(layer, output, edit(output))
        if suffix == ".output" and isinstance(child, RECURRENT):
            sequence, state = output
            if sequence.ndim != 3:
                raise WorkbenchError(f"The layer {layer!r} gives no batch of sequences; it cannot be overwritten.")
            # `[n, unit]` outside, `[1, n, unit]` (or `[n, 1, unit]`) inside: policies take one step at a time.
            time = 1 if child.batch_first else 0
            if sequence.shape[time] != 1:
                raise WorkbenchError(f"The layer {layer!r} runs over several steps at once; it cannot be overwritten.")
            row = sequence.squeeze(time)
            return _same_shape(layer, row, edit(row)).unsqueeze(time), state
        if suffix in (".hidden", ".cell") and isinstance(child, RECURRENT):
            sequence, state = output
            parts = list(state) if isinstance(state, tuple) else [state]
            place = 0 if suffix == ".hidden" else 1
            if place < len(parts) and parts[place].ndim == 3 and len(parts[place]) == 1:
                # What is remembered for the next step: the answer to this one does not run through it.
                row = parts[place][0]
                parts[place] = _same_shape(layer, row, edit(row)).unsqueeze(0)
                return sequence, tuple(parts) if isinstance(state, tuple) else parts[0]
        raise WorkbenchError(
            f"The layer {layer!r} gives a {type(output).__name__}, of which {suffix or 'a tensor'} cannot be "
            f"overwritten; choose a layer that gives one tensor."
        )

    return hook


def _same_shape(layer: str, before: Tensor, after: Tensor) -> Tensor:
    if after.shape != before.shape:
        raise WorkbenchError(
            f"The layer {layer!r} gives {list(before.shape)}, and {list(after.shape)} was to be put in its place."
        )
    return after
