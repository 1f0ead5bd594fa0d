"""What one worker of a cluster does: record one part, whole or not at all."""

import asyncio
import concurrent.futures
import contextlib
import time
import uuid
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.policies.fingerprints import fingerprint
from workbench.policies.types import Policy
from workbench.progress import Cancelled
from workbench.recording.cluster_assignment import Assignment, Part
from workbench.recording.environment_wrappers import Environment
from workbench.recording.layout import ENDED_FINISHED, PARTS
from workbench.recording.loop import Rollout
from workbench.recording.reader import open_recording
from workbench.recording.recorder import Recorder
from workbench.recording.rollout import make_environments, make_policy
from workbench.recording.store import is_recording, local_path, read_root

SECONDS_BETWEEN_LOOKS = 2.0
"""How often a worker looks whether its part is still wanted."""
SECONDS_FOR_AN_ANSWER = 30.0
"""After so long without an answer it asks again."""
SECONDS_TO_WAIT = 0.1
"""So long it stands still for an answer."""


@dataclass(frozen=True, kw_only=True)
class RecordedPart:
    """What became of a part."""

    number: int
    path: str = ""
    """In the recording; each attempt has one of its own, so that what a dead one left is never mistaken for it."""
    steps: int = 0
    episodes: int = 0
    facts: "dict[str, Any] | None" = None
    """Root attributes of the part that the whole recording sums up."""
    failure: str | None = None
    """Why there is no such part."""


class _Watch:
    """Progress that nobody sees, and that ends when the head no longer wants the part.

    It asks the scheduler through the worker's own connection and waits a moment at most for the answer: a scheduler
    that is away or slow is no reason to stop, nor to stand still.
    """

    def __init__(self, stop: str) -> None:
        self._stop = stop
        self._asked = float("-inf")
        self._answer: concurrent.futures.Future[bool] | None = None

    def update(self, done: int, total: int, message: str = "") -> None:
        """Ask, at most every few seconds, whether the event is set, or look at the answer."""
        if not self._stop:
            return
        now = time.monotonic()
        self._look()
        if now < self._asked + (SECONDS_BETWEEN_LOOKS if self._answer is None else SECONDS_FOR_AN_ANSWER):
            return
        if self._answer is not None:
            self._answer.cancel()
        self._asked = now
        with contextlib.suppress(Exception):
            from distributed import get_worker

            worker = get_worker()
            loop = worker.loop.asyncio_loop
            self._answer = asyncio.run_coroutine_threadsafe(worker.scheduler.event_is_set(name=self._stop), loop)
            # As a rule the answer is there at once; where it is not, it is looked at next time.
            concurrent.futures.wait([self._answer], timeout=SECONDS_TO_WAIT)
        self._look()

    def _look(self) -> None:
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            if not answer.cancelled() and answer.exception() is None and answer.result():
                raise Cancelled

    def close(self) -> None:
        """Give up what has not been answered."""
        if self._answer is not None:
            self._answer.cancel()


def record_part(assignment: Assignment, part: Part) -> RecordedPart:
    """Record the episodes of a part into a folder of its own below the recording.

    Args:
        assignment: What all parts have in common.
        part: Which episodes.

    Returns:
        Where it is, or why it is not. Failures are given as text: an exception might not survive the journey.
    """
    import torch

    torch.set_num_threads(1)
    try:
        return _record(assignment, part)
    except WorkbenchError as error:
        return RecordedPart(number=part.number, failure=str(error))
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return RecordedPart(number=part.number, failure=why)


def _explain_url(url: str) -> None:
    try:
        read_root(url)
    except WorkbenchError as error:
        raise WorkbenchError(
            f"This worker does not see the recording that was begun: {error} "
            f"A worker takes address and credentials from its own environment, and needs the same packages."
        ) from error


def _policy(assignment: Assignment, environment: Environment) -> Policy:
    if assignment.policy is None:
        recording = open_recording(assignment.out)
        return recording.policy(environment, trust_pickle=assignment.trust_pickle, device=assignment.device)
    return make_policy(
        assignment.policy,
        environment,
        assignment.vec_normalize,
        assignment.device,
        trust_pickle=assignment.trust_pickle,
    )


def _record(assignment: Assignment, part: Part) -> RecordedPart:
    if not is_recording(assignment.out):
        if local_path(assignment.out) is None:
            _explain_url(assignment.out)
        raise WorkbenchError(
            f"This worker does not see the recording that was begun at {assignment.out}: choose a folder that all "
            f"workers share, or a URL (s3://bucket/name.zarr)."
        )
    path = f"{PARTS}/{part.number:06d}-{uuid.uuid4().hex[:8]}"
    out = f"{assignment.out.rstrip('/')}/{path}"
    slots = min(assignment.slots, part.episodes)
    with contextlib.ExitStack() as stack:
        environments = make_environments(assignment.env, assignment.specification, slots, render=assignment.frames)
        for environment in environments:
            stack.callback(environment.close)
        policy = _policy(assignment, environments[0])
        if fingerprint(policy) != assignment.fingerprint:
            raise WorkbenchError(
                f"This worker found another agent as {getattr(policy, 'spec', None) or policy.name} than the one that "
                f"was meant: its weights differ. Give all workers the same file."
            )
        recorder = stack.enter_context(
            Recorder(
                out,
                policy=policy,
                environment=environments[0],
                specification=assignment.specification,
                slots=slots,
                seed=assignment.seed,
                derived_seeds=True,
                deterministic=assignment.deterministic,
                layers=assignment.layers,
                activation_dtype=assignment.activation_dtype,
                first_episode=part.first_episode,
                keep_agent=False,
                labels=assignment.labels,
            )
        )
        rollout = Rollout(
            policy=policy,
            environments=environments,
            recorder=recorder,
            seed=assignment.seed,
            deterministic=assignment.deterministic,
            episodes=part.episodes,
            steps=None,
            frames=assignment.frames,
            first_episode=part.first_episode,
        )
        ended = rollout.run(_Watch(assignment.stop))
        recorder.close(ended)
    if ended != ENDED_FINISHED:
        return RecordedPart(number=part.number, failure=ended)
    recording = open_recording(out)
    kept = ("layers", "skipped_layers", "skipped_columns", "absent", "non_finite", "labellers", "skipped_labellers")
    return RecordedPart(
        number=part.number,
        path=path,
        steps=recording.number_of_steps,
        episodes=int(recording.attributes["committed_episodes"]),
        facts={key: recording.attributes.get(key) or {} for key in kept},
    )
