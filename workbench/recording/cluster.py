"""Recording on the workers of a Dask cluster: each records parts of one recording, and the head says which count."""

import contextlib
import os
import pickle
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import zarr

from workbench.errors import WorkbenchError
from workbench.policies.fingerprints import fingerprint
from workbench.policies.space_checks import check_action_space, check_observation_space
from workbench.progress import Cancelled, Progress
from workbench.recording.agent import keeps_file, write_agent
from workbench.recording.chunks import write_root
from workbench.recording.cluster_assignment import Assignment, Part, cut
from workbench.recording.cluster_client import check_client
from workbench.recording.cluster_worker import RecordedPart, record_part
from workbench.recording.facts import first_facts, now
from workbench.recording.layout import (
    AGENT,
    ENDED_CANCELLED,
    ENDED_FINISHED,
    ENDED_INTERRUPTED,
    PARTS,
    PARTS_FORMAT_VERSION,
)
from workbench.recording.object_storage import StorageError, remove_folders
from workbench.recording.reader import Recording, open_recording
from workbench.recording.rollout import make_environments, make_policy
from workbench.recording.store import create_group, local_path, written_together

SECONDS_BETWEEN_COMMITS = 2.0
SECONDS_WITHOUT_WORKERS = 60.0
"""How long a cluster may be without any worker before the recording is given up."""
SECONDS_TO_STOP = 20.0
"""How long workers are waited for that were told to stop."""


def record_on_cluster(
    client: Any, assignment: Assignment, *, episodes: int | None, overwrite: bool, progress: Progress
) -> Recording:
    """Spread the episodes over the workers of a cluster.

    Args:
        client: A `dask.distributed.Client`.
        assignment: What to record.
        episodes: How many episodes; None where a number of steps was asked for, which is refused.
        overwrite: Replace a recording that is there.
        progress: Is told how many episodes are recorded, and may raise `Cancelled`.

    Returns:
        The recording, open.

    Raises:
        WorkbenchError: There is no worker, or one lacks the agent or the environment; or the environment raised. The
            parts that were finished are kept.
        KeyboardInterrupt: Ctrl-C; the parts that were finished are kept.
    """
    if episodes is None:
        raise WorkbenchError("A cluster records whole episodes: give a number of episodes instead of steps.")
    check_client(client)
    assignment = _for_elsewhere(assignment)
    root, facts, assignment = _begin(assignment, overwrite=overwrite)
    head = _Head(client, root, facts, assignment, cut(episodes, assignment.slots), progress)
    ended = "interrupted"
    try:
        head.run()
        ended = ENDED_FINISHED
    except Cancelled:
        ended = ENDED_CANCELLED
    except KeyboardInterrupt:
        ended = ENDED_INTERRUPTED
        raise
    except Exception as error:
        ended = f"failed: {' '.join(str(error).split())[:300] or type(error).__name__}"
        raise
    finally:
        head.close(ended)
        progress.close()
    return open_recording(assignment.out)


def _for_elsewhere(assignment: Assignment) -> Assignment:
    """The assignment with this machine's relative paths as whole ones, and nothing that only lives here."""
    if isinstance(assignment.env, gymnasium.Env):
        raise WorkbenchError(
            "One environment cannot be on several workers; give its name, or a function that makes one."
        )
    local = local_path(assignment.out)
    policy = assignment.policy
    if isinstance(policy, str):
        kind, _, path = policy.partition(":")
        if os.path.exists(path):
            policy = f"{kind}:{os.path.abspath(path)}"
    statistics = assignment.vec_normalize
    return replace(
        assignment,
        out=assignment.out if local is None else os.path.abspath(local),
        policy=policy,
        vec_normalize=None if statistics is None else os.path.abspath(statistics),
        stop=f"rl-workbench-stop-{uuid.uuid4().hex}",
    )


def _begin(assignment: Assignment, *, overwrite: bool) -> tuple[zarr.Group, dict[str, Any], Assignment]:
    """Create the recording, with the agent and without steps, after the checks that `record` makes."""
    (environment,) = make_environments(assignment.env, assignment.specification, 1, render=assignment.frames)
    try:
        policy = make_policy(
            assignment.policy,
            environment,
            assignment.vec_normalize,
            assignment.device,
            trust_pickle=assignment.trust_pickle,
        )
        check_observation_space(policy.observation_space, environment, normalised=True, where=policy.name)
        check_action_space(policy.action_space, environment, policy.name)
        settings = {
            "seed": assignment.seed,
            "derived_seeds": True,
            "deterministic": assignment.deterministic,
            "slots": assignment.slots,
            "activation_dtype": assignment.activation_dtype or "as computed",
        }
        facts = first_facts(policy, environment, assignment.specification, settings)
    finally:
        environment.close()
    facts |= {"format_version": PARTS_FORMAT_VERSION}
    try:
        # In one piece with the root: whoever dies now leaves an empty recording, or none.
        counts = {"committed_steps": 0, "committed_episodes": 0, "parts": []}
        root = create_group(assignment.out, overwrite=overwrite, attributes=facts | counts)
        with written_together(root) as begun:
            for group in (AGENT, PARTS):
                begun.require_group(group)
            write_agent(begun, policy)
    except OSError as error:
        reason = error.strerror or error
        raise WorkbenchError(f"A recording cannot be written at {assignment.out}: {reason}.") from error
    assignment = replace(assignment, fingerprint=fingerprint(policy))
    if keeps_file(root):
        # The recording holds all that makes it again: the workers need neither its file nor that it pickles.
        assignment = replace(assignment, policy=None, vec_normalize=None)
    return root, facts, assignment


class _Head:
    """Hands out parts, and commits those that come back; the one place that says which parts count."""

    def __init__(
        self,
        client: Any,
        root: zarr.Group,
        facts: dict[str, Any],
        assignment: Assignment,
        parts: Sequence[Part],
        progress: Progress,
    ) -> None:
        self._client = client
        self._root = root
        self._facts = facts
        self._assignment = assignment
        self._parts = parts
        self._progress = progress
        self._finished: dict[int, RecordedPart] = {}
        self._last_commit = float("-inf")
        self._futures: dict[Any, Part] = {}

    def run(self) -> None:
        """Until all parts are recorded."""
        shared = self._assignment
        try:
            # It travels once to each worker, and not once a part.
            shared = self._client.scatter(shared, broadcast=True, hash=False)
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            raise WorkbenchError(
                f"Agent or environment cannot be sent to the workers, since it does not pickle "
                f"({' '.join(str(error.__cause__ or error).split())[:160]}). Name it instead: a file that was saved "
                f"(ppo:agent.zip), a function that all workers can import (module:factory), an environment's name."
            ) from error
        self._futures = {
            # Not pure: a key of its own for each, whatever was recorded before.
            self._client.submit(record_part, shared, part, pure=False, priority=-part.number): part
            for part in self._parts
        }
        last_seen = time.monotonic()
        waiting = set(self._futures)
        self._tell()
        while waiting:
            done = self._wait(waiting)
            waiting -= done
            for future in done:
                self._take(self._futures[future], future)
                future.release()
            if done:
                self._commit()
            self._tell()
            if done or self._client.nthreads():
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > SECONDS_WITHOUT_WORKERS:
                raise WorkbenchError(
                    f"The cluster has had no workers for {SECONDS_WITHOUT_WORKERS:.0f} s; "
                    f"{len(self._finished)} of {len(self._parts)} parts were recorded and are kept."
                )

    def close(self, ended: str) -> None:
        """Say in the recording how it ended, and remove what does not count."""
        if ended != ENDED_FINISHED:
            self._stop()
        self._commit({"ended": ended, "complete": ended == ENDED_FINISHED, "closed": now()})
        remove_uncounted(self._assignment.out, [part.path for part in self._finished.values()])

    def _wait(self, waiting: set[Any]) -> set[Any]:
        from distributed import wait

        if self._client.status not in ("running", "connecting"):
            raise WorkbenchError("The connection to the cluster was lost; the parts recorded until then are kept.")
        try:
            return set(wait(waiting, timeout=0.5, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return set()

    def _take(self, part: Part, future: Any) -> None:
        if future.status != "finished":
            raise WorkbenchError(f"{_part_in_words(part)} could not be recorded: {_why(future)}")
        recorded: RecordedPart = future.result()
        if recorded.failure is not None:
            raise WorkbenchError(f"{_part_in_words(part)} could not be recorded: {recorded.failure}")
        self._finished.setdefault(recorded.number, recorded)

    def _tell(self) -> None:
        episodes = sum(part.episodes for part in self._finished.values())
        steps = sum(part.steps for part in self._finished.values())
        self._progress.update(episodes, sum(part.episodes for part in self._parts), f"{steps} steps")

    def _commit(self, final: Mapping[str, Any] | None = None) -> None:
        if final is None and time.monotonic() - self._last_commit < SECONDS_BETWEEN_COMMITS:
            return
        counted = [self._finished[number] for number in sorted(self._finished)]
        write_root(
            self._root.store,
            self._facts
            | summed_up([part.facts or {} for part in counted])
            | {
                "parts": [{"path": part.path, "steps": part.steps, "episodes": part.episodes} for part in counted],
                "committed_steps": sum(part.steps for part in counted),
                "committed_episodes": sum(part.episodes for part in counted),
            }
            | dict(final or {}),
        )
        self._last_commit = time.monotonic()

    def _stop(self) -> None:
        """Tell the workers that no more is wanted, and wait for those that are at it."""
        from distributed import Event, wait

        # The cluster may be the very thing that failed.
        with contextlib.suppress(Exception):
            Event(self._assignment.stop, client=self._client).set()
            processing = {key for keys in self._client.processing().values() for key in keys}
            running = [future for future in self._futures if future.key in processing]
            self._client.cancel([future for future in self._futures if future.key not in processing])
            if running:
                wait(running, timeout=SECONDS_TO_STOP)


def summed_up(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The attributes of a whole recording, from those of its parts: counts are added, reasons are put together."""
    whole: dict[str, Any] = {"layers": facts[0].get("layers", {}) if facts else {}}
    for key in ("skipped_layers", "skipped_columns", "labellers", "skipped_labellers"):
        whole[key] = {name: why for part in reversed(facts) for name, why in part.get(key, {}).items()}
    for key in ("absent", "non_finite"):
        names = {name for part in facts for name in part.get(key, {})}
        whole[key] = {name: sum(part.get(key, {}).get(name, 0) for part in facts) for name in sorted(names)}
    return whole


def remove_uncounted(out: str, counted: Sequence[str]) -> None:
    """Remove what attempts left that did not finish; what cannot be removed stays, and counts for nothing.

    Args:
        out: The recording.
        counted: Paths of its parts in it.
    """
    keep = {path.rpartition("/")[2] for path in counted} | {"zarr.json"}
    local = local_path(out)
    with contextlib.suppress(OSError, StorageError):
        if local is not None:
            for entry in os.scandir(local / PARTS):
                if entry.name not in keep:
                    shutil.rmtree(entry.path, ignore_errors=True)
            return
        remove_folders(f"{out.rstrip('/')}/{PARTS}", but=sorted(keep))


def _part_in_words(part: Part) -> str:
    return f"Episodes {part.first_episode} to {part.first_episode + part.episodes - 1}"


def _why(future: Any) -> str:
    error = future.exception() if future.status == "error" else None
    if type(error).__name__ == "KilledWorker":
        return (
            "each worker that tried died. Most often it had too little memory (give workers more, or record with "
            "fewer environments side by side); the workers' logs say more."
        )
    if error is None:
        return (
            "the cluster dropped it. Where the policy is a live object, name a file that all workers have instead "
            "(ppo:/shared/agent.zip)."
        )
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
