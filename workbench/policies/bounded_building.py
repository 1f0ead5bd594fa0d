"""Build a network from a stranger's sizes without spending more memory than its weights bear out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from workbench.errors import WorkbenchError

TIMES = 2
"""How many times the bytes of the stored weights building may take: initial values come and go on the way."""
LEAST_BYTES = 64 * 2**20
"""What it may take besides: a convolutional network looks at one observation to learn its own size."""
OPERATIONS_A_TENSOR = 100
LEAST_OPERATIONS = 20_000


class TooLargeError(WorkbenchError):
    """A network asks for more than its weights bear out."""


class _Bounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of torch before it is done, and counts what it makes."""

    def __init__(self, most_bytes: int, most_operations: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._bytes = self._most_bytes = most_bytes
        self._operations = self._most_operations = most_operations
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self._operations -= 1
        if self._operations < 0:
            raise TooLargeError(f"more than {self._most_operations:,} operations")
        for argument in args:
            if isinstance(argument, list | tuple) and all(type(size) is int for size in argument):
                self._check(_product(argument))
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, list | tuple) else (made,):
            if isinstance(tensor, Tensor) and not any(tensor is argument for argument in args):
                self._bytes -= tensor.numel() * tensor.element_size()
                self._check(0)
        return made

    def _check(self, numbers: int) -> None:
        if numbers > self._most_bytes or self._bytes < 0:
            raise TooLargeError(f"more than {self._most_bytes:,} bytes")


def _product(sizes: Sequence[int]) -> int:
    product = 1
    for size in sizes[:16]:
        product *= max(1, min(size, 2**62))
    return product


@contextmanager
def bounded_building(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Within it, torch makes no more tensors, and none larger, than a network of these weights needs.

    Args:
        weights: The stored state dict.

    Raises:
        TooLargeError: More is asked for.
    """
    stored = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    limit = TIMES * stored + LEAST_BYTES
    with _Bounded(limit, OPERATIONS_A_TENSOR * len(weights) + LEAST_OPERATIONS):
        yield
