"""Recording in a thread of its own, so that the pages stay alive, with a state that any page can read."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import workbench
from workbench.errors import WorkbenchError
from workbench.views.jobs import Job


@dataclass(frozen=True, kw_only=True)
class RecordingRequest:
    """What to record."""

    policy: str
    environment: str
    out: Path | str
    """Path or URL."""
    episodes: int
    seed: int
    deterministic: bool
    frames: bool
    layers: Sequence[str] | None = None
    wrappers: Sequence[str] = ()
    environment_options: Mapping[str, Any] = field(default_factory=dict)


RecordingJob: TypeAlias = Job[RecordingRequest, None]
"""One recording under way."""


def recording_job(request: RecordingRequest) -> RecordingJob:
    """The recording of what is asked for; `start` begins it."""
    return Job(request, _record, name="recording", total=request.episodes, message="loading the agent")


def _record(job: RecordingJob) -> None:
    request = job.asked
    workbench.record(
        request.policy,
        request.environment,
        out=request.out,
        episodes=request.episodes,
        seed=request.seed,
        deterministic=request.deterministic,
        frames=request.frames,
        layers=request.layers,
        wrappers=request.wrappers,
        env_kwargs=request.environment_options,
        progress=job,
    )


@dataclass
class RecordingQueue:
    """The last recording that was started from the dashboard; one at a time."""

    job: RecordingJob | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, request: RecordingRequest) -> RecordingJob:
        """Start a recording.

        Raises:
            WorkbenchError: Another one is going on.
        """
        with self.lock:
            if self.job is not None and self.job.running:
                raise WorkbenchError("Another recording is going on. Wait for its end, or cancel it.")
            self.job = recording_job(request)
            self.job.start()
            return self.job
