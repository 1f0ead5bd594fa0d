"""Recording in a thread of its own, so that the pages stay alive, with a state that any page can read."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import workbench
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled

logger = logging.getLogger(__name__)


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


class RecordingJob:
    """One recording under way; it is the `Progress` that the recorder reports to, and can be cancelled."""

    def __init__(self, request: RecordingRequest) -> None:
        self.request = request
        self.done = 0
        self.total = request.episodes
        self.message = "loading the agent"
        self.error: str | None = None
        self.cancelled = False
        self._cancel = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop at the next step; what has been recorded until then is kept."""
        self._cancel.set()

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self._thread.is_alive()

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to stop and has not stopped yet."""
        return self._cancel.is_set() and self.running

    def update(self, done: int, total: int, message: str = "") -> None:
        """Take note of the progress; raises `Cancelled` where that was asked for."""
        self.done, self.total, self.message = done, total, message
        if self._cancel.is_set():
            self.cancelled = True
            raise Cancelled

    def close(self) -> None:
        """Nothing more will come."""

    def wait(self, seconds: float) -> bool:
        """Wait for the end; whether it has come."""
        self._thread.join(seconds)
        return not self.running

    def _run(self) -> None:
        request = self.request
        try:
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
                progress=self,
            )
        except (WorkbenchError, OSError) as error:
            self.error = str(error)
        except Exception as error:
            logger.exception("Recording from the dashboard failed")
            self.error = f"{type(error).__name__}: {error}"


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
            self.job = RecordingJob(request)
            self.job.start()
            return self.job
