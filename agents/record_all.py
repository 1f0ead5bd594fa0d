"""Record every shipped agent for the demonstration: `python -m agents.record_all --out runs`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from tqdm import tqdm

import workbench
from agents.catalogue import AGENTS, Agent
from workbench.errors import MissingExtraError, WorkbenchError

if TYPE_CHECKING:
    from workbench.search.settings import SearchSettings


@dataclass(frozen=True, kw_only=True)
class Options:
    """Record the agents that ship."""

    out: Path = Path("runs")
    """Folder for the recordings."""
    only: tuple[str, ...] = ()
    """Names of the agents to record; all by default."""
    episodes: int | None = None
    """Episodes of each; by default what the catalogue says."""
    seed: int = 0
    """Seed of the first episode."""
    overwrite: bool = False
    """Record again what is already there."""


class _Bar:
    """Progress of one recording, on standard error."""

    def __init__(self, description: str) -> None:
        self._bar = tqdm(desc=description, unit=" episodes", leave=True, disable=None)

    def update(self, done: int, total: int, message: str = "") -> None:
        self._bar.total = total
        self._bar.set_postfix_str(message, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


def record_agent(agent: Agent, options: Options) -> bool:
    """Record one agent, unless a complete recording is there; say whether all is well (a missing extra is)."""
    path = options.out / f"{agent.name}.zarr"
    if path.exists() and not options.overwrite and _is_complete(path):
        sys.stderr.write(f"{agent.name}: is there already\n")
        return True
    bar = _Bar(agent.name)
    try:
        workbench.record(
            agent.policy,
            agent.environment,
            out=path,
            episodes=options.episodes or agent.episodes,
            seed=options.seed,
            frames=True,
            env_kwargs=agent.environment_options,
            wrappers=agent.wrappers,
            search=_searching(agent),
            overwrite=True,
            progress=bar,
        )
    except MissingExtraError as error:
        sys.stderr.write(f"{agent.name}: left out. {error}\n")
        return True
    except WorkbenchError as error:
        sys.stderr.write(f"{agent.name}: {error}\n")
        return False
    finally:
        bar.close()
    return True


def _searching(agent: Agent) -> "SearchSettings | None":
    if agent.search is None:
        return None
    from workbench.search.settings import SearchSettings

    return SearchSettings(**agent.search)


def _is_complete(path: Path) -> bool:
    try:
        return workbench.open_recording(path).complete
    except WorkbenchError:
        return False


def main(options: Options) -> int:
    """Record all that is asked for; return the exit status."""
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = [agent for agent in AGENTS if not options.only or agent.name in options.only]
    recorded = [record_agent(agent, options) for agent in chosen]
    return 0 if all(recorded) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Options)))
    except WorkbenchError as error:
        sys.exit(str(error))
