"""`workbench record`: let an agent act, and record it."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from workbench.cli.options import RecordOptions
from workbench.cli.progress import TerminalProgress
from workbench.errors import MissingExtraError, WorkbenchError


def run(options: RecordOptions) -> None:
    """Record, and say in two lines what has been recorded.

    Raises:
        WorkbenchError: What `workbench.record` raises.
        KeyboardInterrupt: Ctrl-C; its message says what was kept.
    """
    deterministic, arguments, out = options.acts_deterministically, options.keyword_arguments, options.path
    planning = options.searching
    import torch

    from workbench.recording import record

    torch.set_num_threads(max(1, options.threads))
    try:
        with _client(options.cluster) as client:
            recording = record(
                options.policy,
                options.environment,
                out=out,
                episodes=options.episodes,
                steps=options.steps,
                seed=options.seed,
                deterministic=deterministic,
                layers=options.layers or None,
                environments=options.envs,
                frames=options.frames,
                labels=not options.no_labels,
                env_kwargs=arguments,
                wrappers=options.wrappers,
                vec_normalize=options.vec_normalize,
                trust_pickle=options.trust_pickle,
                device=options.device,
                activation_dtype="float16" if options.float16 else None,
                search=planning,
                search_temperature=options.search_temperature,
                search_rollouts=options.search_rollouts,
                overwrite=options.overwrite,
                resume=options.resume,
                flush_seconds=options.flush_seconds,
                client=client,
                progress=TerminalProgress("recording", "episodes" if options.steps is None else "steps"),
            )
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"Interrupted. {_kept(out)}") from error
    sys.stdout.write(f"{_told(recording.summary())}\n")


@contextlib.contextmanager
def _client(address: str | None) -> Iterator[Any]:
    """A connection to the cluster; None where there is no address."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("distributed", "cluster", "Recording on a cluster") from error
    try:
        client = Client(address, timeout=10)
    except (OSError, TimeoutError, ValueError) as error:
        raise WorkbenchError(
            f"No Dask scheduler answers at {address} ({' '.join(str(error).split())[:160]}); start one with: dask "
            f"scheduler, and workers with: dask worker ADDRESS --nthreads 1"
        ) from error
    with client:
        yield client


def _told(facts: dict[str, object]) -> str:
    told = f"{facts['path']}: {facts['episodes']:,} episodes, {facts['steps']:,} steps"
    if facts["mean_return"] is not None:
        told += f"\nmean return {facts['return_in_words']}"
    unusual = facts["non_finite"]
    if isinstance(unusual, dict) and any(unusual.values()):
        arrays = [name for name, count in unusual.items() if count]
        told += f"\nnot finite: {sum(unusual.values()):,} values in {', '.join(arrays[:4])}"
        told += " and others" if len(arrays) > 4 else ""
    return told


def _kept(out: str) -> str:
    from workbench.recording import open_recording

    try:
        recording = open_recording(out)
    except WorkbenchError:
        return "Nothing had been recorded yet."
    complete = int(recording.episodes["complete"].sum()) if recording.number_of_episodes else 0
    return f"Kept {recording.number_of_steps:,} steps, {complete:,} whole episodes, in {out}."
