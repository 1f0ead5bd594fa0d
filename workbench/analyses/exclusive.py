"""One user at a time for a live policy: some methods change its weights for a moment, or hook its modules."""

import contextlib
import threading
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from torch import nn

from workbench.policies.types import Policy

_locks: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_making = threading.Lock()


@contextlib.contextmanager
def exclusively(policy: Policy) -> Iterator[None]:
    """Wait until nobody else uses the policy's network, and keep others out meanwhile; may be nested."""
    with _making:
        lock = _locks.setdefault(policy.module, threading.RLock())
    with lock:
        yield
