"""Forward hooks that copy each module's output straight into the block being filled.

A hook copies once, from the module's output to its row, and allocates nothing. The copy is made inside the hook,
because an in-place module downstream (`nn.ReLU(inplace=True)`) may overwrite the output a moment later.
"""

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from workbench.errors import WorkbenchError

Reader = Callable[[Any, int], list[tuple[str, Tensor]]]
"""Module output and batch size → suffix and tensor `[B, ...]` for each part of the output."""


@dataclass(frozen=True)
class Layer:
    """One recorded output of a module."""

    name: str
    """Module path, with `.output`, `.hidden`, `.cell` for recurrent modules and `#2` for a second call in one pass."""
    module: str
    """Class name of the module."""


def leaf_modules(module: nn.Module) -> dict[str, nn.Module]:
    """Every module without submodules, by path; one that stands in several places appears once."""
    leaves = {path: leaf for path, leaf in module.named_modules() if path and not any(leaf.children())}
    return leaves or {type(module).__name__: module}


def select_modules(module: nn.Module, patterns: Sequence[str] | None) -> dict[str, nn.Module]:
    """The modules that match any pattern.

    Args:
        module: The policy's network.
        patterns: Module paths, or shell patterns over them (`features_extractor.*`); None means every leaf module.

    Raises:
        WorkbenchError: A pattern matches nothing; the message names what there is.
    """
    leaves = leaf_modules(module)
    if patterns is None:
        return leaves
    every = {path: child for path, child in module.named_modules() if path} or leaves
    chosen: dict[str, nn.Module] = {}
    for pattern in patterns:
        candidates = every if pattern in every else leaves
        found = {path: child for path, child in candidates.items() if fnmatch.fnmatchcase(path, pattern)}
        if not found:
            raise WorkbenchError(
                f"No layer matches {pattern!r}. The layers of this policy are: {', '.join(leaves)}. "
                f"Name one of them, or a pattern over them such as '{next(iter(leaves)).split('.')[0]}*'."
            )
        chosen |= found
    return chosen


class ActivationCapture:
    """Hooks on a policy's modules, and the place that their outputs are copied to.

    The first pass *discovers*: outputs are kept as they come, and `layers`/`samples` tell what there is. After
    `bind(buffers)` each pass copies its outputs to rows `[start, start + batch)` of the buffers.
    """

    def __init__(self, module: nn.Module, patterns: Sequence[str] | None = None) -> None:
        self.layers: dict[str, Layer] = {}
        self.samples: dict[str, Tensor] = {}
        self.skipped: dict[str, str] = {}
        self.missing: dict[str, int] = {}
        self._discovering = True
        self._active = False
        self._calls: dict[str, int] = {}
        self._buffers: dict[str, Tensor] = {}
        self._start = 0
        self._batch = 0
        self._copied = 0
        self._done: set[str] = set()
        modules = select_modules(module, patterns) if patterns is None or len(patterns) else {}
        self._handles: list[RemovableHandle] = [
            child.register_forward_hook(self._hook(path, _reader(child))) for path, child in modules.items()
        ]
        self._modules = {path: type(child).__name__ for path, child in modules.items()}

    def begin(self, batch: int, start: int = 0) -> None:
        """Start one pass over `batch` rows, to be copied to rows `[start, start + batch)` of the bound buffers."""
        self._active = True
        self._batch = batch
        self._start = start
        self._calls.clear()
        self._done.clear()

    def end(self) -> None:
        """End the pass; a layer that did not run has its rows filled with NaN (zero for integers) and is counted."""
        self._active = False
        if self._discovering or len(self._done) == len(self._buffers):
            return
        for name in self._buffers.keys() - self._done:
            rows = self._buffers[name].narrow(0, self._start, self._batch)
            rows.fill_(float("nan") if rows.is_floating_point() else 0)
            self.missing[name] = self.missing.get(name, 0) + self._batch

    def bind(self, buffers: Mapping[str, Tensor]) -> None:
        """Copy to these from now on: by layer name, `[rows, ...]`."""
        self._buffers = dict(buffers)
        self._discovering = False
        self.samples = {}

    def remove(self) -> None:
        """Take the hooks off the module."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _hook(self, path: str, reader: Reader | None) -> Callable[[nn.Module, Any, Any], None]:
        # The common case, a module that gives one tensor and runs once a pass, takes the short way.
        def hook(_module: nn.Module, _arguments: Any, output: Any) -> None:
            if not self._active:
                return
            if not self._discovering and reader is None and path not in self._done and path in self._buffers:
                if type(output) is Tensor and output.shape[0] == self._batch:
                    self._buffers[path].narrow(0, self._start, self._batch).copy_(output.detach())
                    self._done.add(path)
                return
            self._take(path, reader, output)

        return hook

    def _take(self, path: str, reader: Reader | None, output: Any) -> None:
        call = self._calls[path] = self._calls.get(path, int(path in self._done)) + 1
        parts = reader(output, self._batch) if reader else _tensors(output)
        if not parts and self._discovering:
            self.skipped[path] = f"its output is a {type(output).__name__}, which holds no tensor"
        for suffix, tensor in parts:
            name = f"{path}{suffix}" if call == 1 else f"{path}{suffix}#{call}"
            if tensor.ndim == 0 or tensor.shape[0] != self._batch:
                if self._discovering:
                    self.skipped[name] = (
                        f"its output has shape {list(tensor.shape)}, whose first axis is not the batch ({self._batch})"
                    )
            elif self._discovering:
                self.layers[name] = Layer(name, self._modules[path])
                self.samples[name] = tensor.detach().clone()
            elif name in self._buffers:
                self._buffers[name].narrow(0, self._start, self._batch).copy_(tensor.detach())
                self._done.add(name)
            else:
                self.skipped.setdefault(name, "it first ran after the recording had begun")


def _tensors(output: Any) -> list[tuple[str, Tensor]]:
    """The tensors of a module's output, nested tuples, lists and dicts included, each with the suffix of its place."""
    if isinstance(output, Tensor):
        return [("", output)]
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(output, Mapping):
        items = output.items()
    elif isinstance(output, tuple | list):
        items = enumerate(output)
    return [(f".{key}{suffix}", tensor) for key, part in items for suffix, tensor in _tensors(part)]


def _reader(module: nn.Module) -> Reader | None:
    if isinstance(module, nn.LSTM | nn.GRU | nn.RNN):
        return _recurrent_reader(module)
    if isinstance(module, nn.LSTMCell):
        return lambda output, _batch: [(".hidden", output[0]), (".cell", output[1])]
    return None


def _recurrent_reader(module: nn.RNNBase) -> Reader:
    """`output` as `[B, time, unit]` (or `[B, unit]` for one step), states as `[B, layer, unit]`."""

    def read(output: Any, batch: int) -> list[tuple[str, Tensor]]:
        sequence, state = output
        if not module.batch_first and sequence.ndim == 3:
            sequence = sequence.transpose(0, 1)
        if sequence.ndim == 3 and sequence.shape[1] == 1:
            sequence = sequence[:, 0]
        parts = [(".output", sequence)]
        states = state if isinstance(state, tuple) else (state,)
        for name, tensor in zip((".hidden", ".cell"), states, strict=False):
            rows = tensor.transpose(0, 1) if tensor.ndim == 3 else tensor[None]
            parts.append((name, rows[:, 0] if rows.shape[1] == 1 else rows))
        return [(name, tensor.reshape(batch, *tensor.shape[1:])) for name, tensor in parts]

    return read


def numpy_dtype(tensor: Tensor) -> str:
    """The dtype that this tensor is stored with: its own, or float32 for those that numpy does not know (bfloat16)."""
    if tensor.dtype in (torch.bfloat16,):
        return "float32"
    return str(tensor.detach().cpu().numpy().dtype)
