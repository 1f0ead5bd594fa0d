"""A torch module without its Python: the operations that it did once, in a row, with its weights as constants."""

import warnings
from collections.abc import Callable
from typing import Any

_TOLERANCE = 1e-5


def frozen_trace(module: Any, inputs: Any) -> Callable[[Any], Any] | None:
    """The module as a frozen trace, which takes half of the time where batches are small; None where that is not safe.

    It is not where somebody watches the module (hooks), where it decides something in Python by what it sees, where it
    cannot be traced, or where the trace answers otherwise for another number of inputs.

    Args:
        module: In evaluation mode; gives a tuple of tensors `[B, ...]`.
        inputs: `[B, ...]`, some of what it is going to be given.
    """
    import torch

    if any(one._forward_hooks or one._forward_pre_hooks for one in module.modules()):
        return None
    several = torch.cat([inputs, inputs, inputs])[:3]
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            # Tracing is to go from torch one day; whatever has not got it is asked as it is.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", torch.jit.TracerWarning)
            graph: Callable[[Any], Any] = torch.jit.freeze(torch.jit.trace(module, (several,), check_trace=False))
            for asked in (several, inputs[:1], inputs):
                # More than once: what runs a graph looks at its first runs to make it quicker.
                for _ in range(2):
                    for one, other in zip(graph(asked), module(asked), strict=True):
                        if not torch.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE):
                            return None
    except Exception:
        return None
    return graph


def watched_weights(module: Any) -> tuple[Any, ...]:
    """The tensors of a module that count their changes in place, as those of an optimizer are."""
    return tuple(one for one in (*module.parameters(), *module.buffers()) if not one.is_inference())


def versions(weights: tuple[Any, ...]) -> list[int]:
    """How often each has been changed."""
    return [one._version for one in weights]
