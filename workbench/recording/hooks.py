"""Hooks that keep each module's output for the row that is written next.

A hook keeps a reference and copies nothing; rows are copied many at a time, later (`segment`). Torch's own forward
hooks send every call of a module down a slower path (some 2 µs); where a module gives one tensor and nobody else has
hooked it, its `forward` is wrapped instead while it is recorded, for a quarter of that; and where an `nn.Sequential`
is made of such modules, its own is, which costs less than nothing.

What is kept by reference must not change. The first two passes find out which outputs do: those that something
downstream overwrites (`nn.ReLU(inplace=True)`; torch counts each tensor's changes), those that lie in memory which the
next pass uses again (a module that owns its output buffer, a captured CUDA graph), and views of memory that is not
torch's (an observation's array). They are copied as they come. One that is overwritten in a later pass only is
recorded as absent in that pass, and reported.
"""

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from torch import Tensor, nn

from workbench.errors import WorkbenchError

Reader: TypeAlias = Callable[[Any], list[tuple[str, Tensor]]]
"""Module output → suffix and tensor `[B, ...]` for each part of the output."""

_version_of = attrgetter("_version")

MORE_THAN_ONCE = "it ran more than once in a later pass, though not in the first"

Hook: TypeAlias = Callable[[nn.Module, Any, Any], None]


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
    """Hooks on a policy's modules, and what they kept of the last pass.

    The first pass *discovers* what there is, the second whether it may be kept by reference. Every later pass gives the
    same layers, those that did not run missing.

    Args:
        module: The policy's network.
        patterns: As for `select_modules`; an empty sequence hooks nothing.
        prefix: Put before each layer's name in what `end` gives.
    """

    def __init__(self, module: nn.Module, patterns: Sequence[str] | None = None, *, prefix: str = "") -> None:
        self.layers: dict[str, str] = {}
        """By layer, the class name of its module."""
        self.skipped: dict[str, str] = {}
        """By layer, why it is not recorded."""
        self._prefix = prefix
        self._root = module
        self._active = False
        self._first: dict[str, tuple[Tensor, bool]] | None = None
        self._settled = False
        self._outputs: dict[str, Tensor] = {}
        self._versions: dict[str, int] = {}
        self._some_changed = False
        """Whether one of the modules gives an output that it has changed itself."""
        self._calls: list[tuple[str, Any, Any, int]] = []
        self._modules = select_modules(module, patterns) if patterns is None or len(patterns) else {}
        self._readers = {path: _reader(child) for path, child in self._modules.items()}
        self._undo: list[Callable[[], None]] = []
        for path, child in self._modules.items():
            self._add_hook(child, self._general_hook(path))

    def begin(self) -> None:
        """Start one pass, forgetting the one before."""
        self._outputs = {}
        self._calls = []
        self._active = True

    def end(self, batch: int) -> dict[str, Tensor]:
        """End the pass; gives each layer's output, `[batch, ...]`, by name with the prefix."""
        self._active = False
        outputs, versions = self._outputs, self._versions
        # As a rule nothing was changed since it was made: that is seen at once.
        if self._settled and (self._some_changed or any(map(_version_of, outputs.values()))):
            changed = [name for name, output in outputs.items() if output._version != versions[name]]
            for name in changed:
                self._skip(name, "something overwrote its output in this pass, though not in the first")
                del outputs[name]
        if self._calls:
            self._read_calls(batch, outputs)
            if self._first is None:
                self._discover(outputs)
            elif not self._settled:
                self._settle(outputs, self._first)
            for name in outputs.keys() - self.layers.keys():
                self._skip(name, "it first ran after the recording had begun")
                del outputs[name]
        return outputs

    def remove(self) -> None:
        """Take the hooks off the module."""
        for undo in self._undo:
            undo()
        self._undo = []

    def _skip(self, name: str, reason: str) -> None:
        self.skipped.setdefault(name.removeprefix(self._prefix), reason)

    def _add_hook(self, module: nn.Module, hook: Hook) -> None:
        self._undo.append(module.register_forward_hook(hook).remove)

    def _wrap_forward(self, module: nn.Module, path: str, *, copy: bool) -> None:
        """For a module that runs once a pass and gives one tensor: keep the reference, or a copy."""
        name = self._prefix + path
        forward = module.forward

        def wrapped(*arguments: Any, **named: Any) -> Any:
            output = forward(*arguments, **named)
            if self._active:
                if name not in self._outputs:
                    self._outputs[name] = output.detach().clone() if copy else output
                else:
                    self._skip(f"{path}#2", MORE_THAN_ONCE)
            return output

        module.__dict__["forward"] = wrapped
        self._undo.append(lambda: module.__dict__.pop("forward", None))

    def _wrap_sequence(self, sequence: nn.Module, parts: Sequence[tuple[nn.Module, str, bool]]) -> None:
        """For a sequence of such modules: run them one after another, without torch's detour for each."""
        steps = [(child, self._prefix + path, path, copy) for child, path, copy in parts]
        forward = sequence.forward

        def wrapped(value: Any) -> Any:
            if not self._active or steps[0][1] in self._outputs:
                if self._active:
                    self._skip(f"{steps[0][2]}#2", MORE_THAN_ONCE)
                return forward(value)
            for child, name, _, copy in steps:
                # Whoever hooked a module meanwhile keeps his say.
                hooked = child._forward_hooks or child._forward_pre_hooks
                value = child(value) if hooked else child.forward(value)
                self._outputs[name] = value.detach().clone() if copy else value
            return value

        sequence.__dict__["forward"] = wrapped
        self._undo.append(lambda: sequence.__dict__.pop("forward", None))

    def _general_hook(self, path: str) -> Hook:
        """For anything else: copy what every call gives, since something downstream may overwrite it."""

        def hook(_module: nn.Module, _arguments: Any, output: Any) -> None:
            if self._active:
                version = output._version if type(output) is Tensor else -1
                self._calls.append((path, _copy(output), output, version))

        return hook

    def _discover(self, outputs: Mapping[str, Tensor]) -> None:
        """After the first pass: know the layers."""
        self.layers = {name: type(self._modules[self._module_of(name)]).__name__ for name in outputs}
        self._first = {}
        for path in self._modules:
            calls = self._calls_of(path)
            if not calls:
                self._skip(path, "it did not run when the policy first acted")
            elif len(calls) == 1 and self._prefix + path in outputs and self._readers[path] is None:
                # Kept alive until the next pass: where that one's output lies in the same memory, it is used again.
                self._first[path] = (calls[0][0], calls[0][0]._version != calls[0][1])

    def _settle(self, outputs: Mapping[str, Tensor], first: Mapping[str, tuple[Tensor, bool]]) -> None:
        """After the second pass: give each module the cheapest hook that is right for it."""
        self.remove()
        copied: dict[nn.Module, tuple[str, bool]] = {}
        for path, child in self._modules.items():
            calls = self._calls_of(path)
            if path in first and len(calls) == 1 and self._prefix + path in outputs and _may_be_wrapped(child):
                output, version = calls[0]
                before, overwritten = first[path]
                copy = overwritten or output._version != version or not _is_fresh(output, before)
                self._versions[self._prefix + path] = 0 if copy else version
                copied[child] = (path, copy)
            else:
                self._add_hook(child, self._general_hook(path))
        for sequence in self._root.modules():
            children = list(sequence.children())
            plain = type(sequence) is nn.Sequential and _may_be_wrapped(sequence)
            # A module that stands in it twice is among the children once.
            if plain and 0 < len(sequence._modules) == len(children) and copied.keys() >= set(children):
                self._wrap_sequence(sequence, [(child, *copied.pop(child)) for child in children])
        for child, (path, copy) in copied.items():
            self._wrap_forward(child, path, copy=copy)
        self._some_changed = any(self._versions.values())
        self._settled = True
        self._first = {}

    def _calls_of(self, path: str) -> list[tuple[Any, int]]:
        """The outputs of this pass, each with its count of changes when it came."""
        return [(output, version) for called, _, output, version in self._calls if called == path]

    def _read_calls(self, batch: int, outputs: dict[str, Tensor]) -> None:
        counts: dict[str, int] = {}
        for path, output, _, _ in self._calls:
            counts[path] = counts.get(path, 0) + 1
            again = f"#{counts[path]}" if counts[path] > 1 else ""
            reader = self._readers[path]
            parts = reader(output) if reader else _tensors(output)
            if not parts:
                self._skip(path + again, f"its output is a {type(output).__name__}, which holds no tensor")
            for suffix, tensor in parts:
                if tensor.ndim == 0 or tensor.shape[0] != batch:
                    shape = list(tensor.shape)
                    self._skip(
                        path + suffix + again,
                        f"its output has shape {shape}, whose first axis is not the batch ({batch})",
                    )
                else:
                    outputs[self._prefix + path + suffix + again] = tensor

    def _module_of(self, name: str) -> str:
        """The module that a layer is an output of: the longest path that the layer's name begins with."""
        stem = name.removeprefix(self._prefix).partition("#")[0]
        while stem not in self._modules:
            stem = stem.rpartition(".")[0]
        return stem


def _may_be_wrapped(module: nn.Module) -> bool:
    """Whether what `forward` gives is what the module gives: nobody else changes its output or has wrapped it."""
    hooked = module._forward_hooks or module._forward_pre_hooks
    compiled = type(module).__module__.startswith("torch.jit")
    return not hooked and not compiled and "forward" not in module.__dict__


def _is_fresh(output: Tensor, before: Tensor) -> bool:
    """Whether a tensor lies in memory that torch allocated for it alone, unlike that of the pass before."""
    memory = output.untyped_storage()
    owned = memory.resizable() if output.is_cpu else True
    return owned and memory.data_ptr() != before.untyped_storage().data_ptr()


def _copy(output: Any) -> Any:
    """A copy of all tensors of an output, cut off from the graph."""
    if isinstance(output, Tensor):
        return output.detach().clone()
    if isinstance(output, Mapping):
        return {key: _copy(part) for key, part in output.items()}
    if isinstance(output, tuple | list):
        return tuple(_copy(part) for part in output)
    return output


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
        return lambda output: [(".hidden", output[0]), (".cell", output[1])]
    return None


def _recurrent_reader(module: nn.RNNBase) -> Reader:
    """`output` as `[B, time, unit]` (or `[B, unit]` for one step), states as `[B, layer, unit]` (or `[B, unit]`)."""

    def read(output: Any) -> list[tuple[str, Tensor]]:
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
        return parts

    return read
