"""Results that took long, kept between reruns: bounded, shared by all who look at the same server.

Streamlit's own cache replays what a function draws, and so cannot keep one that shows its progress.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

Result = TypeVar("Result")

MOST_RESULTS = 48


@dataclass
class _Kept:
    results: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False)
def _kept() -> _Kept:
    return _Kept()


def once(key: Hashable, compute: Callable[[], Result]) -> Result:
    """What was computed for a key before, or is now; results are frozen, for they are shared.

    Args:
        key: All that the result depends on; what it is of comes first.
        compute: May show its progress on the page.
    """
    kept = _kept()
    with kept.lock:
        if key in kept.results:
            kept.results.move_to_end(key)
            found: Result = kept.results[key]
            return found
    result = compute()
    with kept.lock:
        kept.results[key] = result
        while len(kept.results) > MOST_RESULTS:
            kept.results.popitem(last=False)
    return result
