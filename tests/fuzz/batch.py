"""Some cases of one kind in this process, each with bounds of its own; a case is its kind, a seed and a number."""

import resource
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from tests.fuzz import agents, recordings
from tests.fuzz.corpus import Corpus

SECONDS = 2.0
"""The longest that a case may keep the processor busy."""
GROWTH = 256 << 20
"""The most that one case may add to the largest memory of the process."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that is fuzzed."""

    make: Callable[[Random, Corpus], Any]
    """Makes a case."""
    read: Callable[[Any, Path], dict[str, str] | None]
    """Reads it, with a folder to write to; may tell of parts how they ended."""
    short: int
    """How many cases CI has."""
    long: int
    """How many the long form has."""


TARGETS = {
    "pickle, made up": Target(make=agents.make_stream, read=agents.read_pickle, short=300, long=40_000),
    "pickle, changed": Target(make=agents.make_pickle, read=agents.read_pickle, short=300, long=30_000),
    "weights": Target(make=agents.make_weights, read=agents.read_weights, short=300, long=20_000),
    "container": Target(make=agents.make_container, read=agents.read_container, short=200, long=10_000),
    "agent": Target(make=agents.make_agent, read=agents.read_agent, short=80, long=5_000),
    "statistics": Target(make=agents.make_statistics, read=agents.read_statistics, short=300, long=15_000),
    "json": Target(make=agents.make_json, read=agents.read_json, short=300, long=15_000),
    "chunk": Target(make=recordings.make_chunk, read=recordings.read_chunk, short=300, long=20_000),
    "metadata": Target(make=recordings.make_metadata, read=recordings.read_files, short=100, long=3_000),
    "tables": Target(make=recordings.make_tables, read=recordings.read_files, short=60, long=3_000),
    "files": Target(make=recordings.make_files, read=recordings.read_files, short=50, long=2_000),
}


class TooSlowError(BaseException):
    """A case takes longer than it may; no `Exception`, so that nothing on the way takes it for a damaged file."""


def make_case(name: str, seed: int, number: int, corpus: Corpus) -> Any:
    """The case of that number."""
    return TARGETS[name].make(Random(f"{name}/{seed}/{number}"), corpus)


def run(name: str, seed: int, start: int, count: int, corpus: str, folder: str) -> dict[str, Any]:
    """Read a batch of cases.

    Args:
        name: What is fuzzed.
        seed: Of the whole run.
        start: Number of the first case.
        count: How many.
        corpus: Folder of the sound files.
        folder: Where cases may be written.

    Returns:
        In plain JSON: how many were read and how many refused, the slowest, and those that broke a promise.
    """
    from workbench.errors import WorkbenchError
    from workbench.policies.inert_pickle import InertPickleError
    from workbench.recording.stored_files import StoredFileError

    refusals: dict[Any, tuple[type[Exception], ...]] = {
        agents.read_pickle: (InertPickleError,), agents.read_json: (ValueError,),
        recordings.read_chunk: (StoredFileError,), recordings.read_files: (WorkbenchError, StoredFileError),
    }  # fmt: skip
    target, sound = TARGETS[name], Corpus(Path(corpus))
    expected = refusals.get(target.read, (WorkbenchError,))
    told: dict[str, Any] = {"read": 0, "refused": 0, "slowest": 0.0, "broken": []}
    signal.signal(signal.SIGPROF, _stop)
    for number in range(start, start + count):
        case = make_case(name, seed, number, sound)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        said = ""
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            parts = target.read(case, Path(folder)) or {}
            told["refused" if any(part.startswith("refused") for part in parts.values()) else "read"] += 1
        except expected as error:
            told["refused"] += 1
            if len(str(error)) > 3000:
                said = f"a message of {len(str(error))} letters"
        except TooSlowError as error:
            said = "".join(traceback.format_exception(error))
        except Exception as error:
            said = "".join(traceback.format_exception(error))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        if grown > GROWTH:
            said += f"it takes {grown:,} bytes"
        told["slowest"] = max(told["slowest"], time.process_time() - began)
        if said:
            told["broken"].append(f"{name!r}, {seed}, {number}: {said[-1500:]}")
            if len(told["broken"]) >= 20:
                break
    return told


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise TooSlowError(f"more than {SECONDS:g} seconds")
