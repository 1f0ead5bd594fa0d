"""Opening a recording: lazy, read-only, without a live model and without unpickling anything."""

import html
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.printable import printable
from workbench.progress import Progress, SilentProgress
from workbench.recording.cluster_reading import read_parts
from workbench.recording.column_rules import check_final, check_steps
from workbench.recording.episodes import Episode, read_table, scan_rows
from workbench.recording.layout import ACTIVATIONS, AGENT, EPISODES, SEARCH, STATE, STEPS
from workbench.recording.lazy import LazyArray, LazyArrays
from workbench.recording.metadata import Metadata
from workbench.recording.store import read_root
from workbench.recording.stored_files import StoredFileError
from workbench.recording.summary import summarise
from workbench.recording.verification import Verification, verify

MOST_STEPS_IN_ORDER = 8_000_000
"""Up to so many steps, their order by episodes is kept in memory; of more, an episode's rows are looked for."""
LONGEST_EPISODE = 2**24
"""Most steps of an episode whose rows are gathered."""

if TYPE_CHECKING:
    import xarray

    from workbench.policies.types import Policy
    from workbench.recording.environment_wrappers import Environment
    from workbench.recording.replay import Replay
    from workbench.search.trace import SearchTrace


def open_recording(path: str | Path) -> "Recording":
    """Open a recording.

    Args:
        path: A folder, or any URL that fsspec reaches.

    Raises:
        WorkbenchError: There is none, it is something else, or its format is unknown.
    """
    return Recording(read_root(str(path)), str(path))


class Recording:
    """A handle on a stored recording. Arrays are read where they are indexed; nothing is kept open between reads."""

    def __init__(self, metadata: Metadata, path: str) -> None:
        self._metadata = metadata
        self.path = path
        self.attributes: dict[str, Any] = metadata.attributes
        """The root attributes: format, environment, policy, seeds, versions, what is committed."""
        self._parts = read_parts(metadata, path)

    # --- what there is -----------------------------------------------------------------------------------------------

    @property
    def number_of_steps(self) -> int:
        """Committed steps."""
        return int(self.attributes["committed_steps"])

    @property
    def number_of_episodes(self) -> int:
        """Episodes, those that were cut off included."""
        return len(self.episodes["id"])

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was recorded."""
        return bool(self.attributes.get("complete"))

    @property
    def ended(self) -> str:
        """`finished`, `cancelled`, `interrupted`, `failed: …`; `cut short` where the writer died or still writes."""
        return str(self.attributes.get("ended", "cut short"))

    @property
    def layers(self) -> dict[str, dict[str, Any]]:
        """By layer: the shape of one row, the dtype, the module's class, and how many values were not finite."""
        bad = self.attributes.get("non_finite") or {}
        described = self.attributes.get("layers") or {}
        return {
            name: {
                "shape": list(array.shape[1:]),
                "dtype": str(array.dtype),
                "module": str((described.get(name) or {}).get("module", "")),
                "non_finite": int(bad.get(f"{ACTIVATIONS}/{name}", 0)),
            }
            for name, array in self.activations.items()
        }

    @property
    def observation_names(self) -> list[str] | None:
        """Names of a vector observation's components, with units, where they are known."""
        return self._names("observation_names")

    @property
    def action_names(self) -> list[str] | None:
        """Names of the actions (or of a continuous action's components), where they are known."""
        return self._names("action_names")

    # --- reading -----------------------------------------------------------------------------------------------------

    @cached_property
    def steps(self) -> LazyArrays:
        """One row a step: `episode`, `t`, `action`, `reward`, `value`, `observation`, `truth/<name>` …"""
        arrays = self._arrays(STEPS, self.number_of_steps)
        if self.number_of_steps:
            check_steps(arrays, self.path)
        return arrays

    @cached_property
    def activations(self) -> LazyArrays:
        """One row a step, by layer, in the order in which the network runs them."""
        arrays = self._arrays(ACTIVATIONS, self.number_of_steps)
        order = {name: place for place, name in enumerate(self.attributes.get("layers") or {})}
        return LazyArrays({n: arrays[n] for n in sorted(arrays, key=lambda n: order.get(n, len(order)))}, ACTIVATIONS)

    @cached_property
    def state(self) -> LazyArrays:
        """Recurrent state after each step's forward pass, by name."""
        return self._arrays(STATE, self.number_of_steps)

    @cached_property
    def search(self) -> LazyArrays:
        """The searches of an agent that plans, packed, one row a step; `search_trace` unpacks one."""
        return self._arrays(SEARCH, self.number_of_steps)

    @property
    def searches(self) -> bool:
        """Whether the agent searched before it acted."""
        return "counts" in self.search and bool(self.attributes.get("search"))

    def search_trace(self, row: int) -> "SearchTrace | None":
        """The search by which a step's action was chosen; None where nothing was searched.

        Args:
            row: Row of `steps`.

        Raises:
            WorkbenchError: What is stored is damaged.
        """
        from workbench.recording.searches import read_trace

        return read_trace(self, row)

    @cached_property
    def episodes(self) -> Mapping[str, npt.NDArray[Any]]:
        """One row an episode in order of its number: `id`, `return`, `length`, `seed`, `first_step`, `slot`,
        `terminated`, `truncated`, `complete`. An episode whose end was not committed is there with `complete` False.
        """
        return read_table(self._episode_arrays, self.steps, self.number_of_steps)

    def episode(self, number: int) -> Episode:
        """One episode.

        Args:
            number: Its place, from 0; negative ones count from the end.

        Raises:
            WorkbenchError: There is no such episode.
        """
        count = self.number_of_episodes
        if not -count <= number < count:
            raise WorkbenchError(f"There is no episode {number}: the recording has {count}, numbered from 0.")
        index = number % count
        facts = {name: column[index] for name, column in self.episodes.items()}
        if facts["length"] > LONGEST_EPISODE:
            raise WorkbenchError(
                f"Episode {index} has {facts['length']:,} steps; episodes of at most {LONGEST_EPISODE:,} are read as a "
                f"whole. Read recording.steps in parts."
            )
        rows = self._rows_by_episode(int(facts["id"]), int(facts["first_step"]), int(facts["length"]))
        if len(rows) != facts["length"]:
            raise WorkbenchError(
                f"The recording is damaged: episode {index} should have {facts['length']:,} steps, "
                f"and {len(rows):,} are there."
            )
        return Episode(recording=self, index=index, rows=rows, facts=facts)

    def final_observation(self, number: int, key: str | None = None) -> npt.NDArray[Any] | None:
        """The observation after an episode's last action, `[*observation]`; None where it was not kept."""
        return self._final("final_observation" + (f"/{key}" if key else ""), number)

    def final_frame(self, number: int) -> npt.NDArray[np.uint8] | None:
        """The picture after an episode's last action; None where there is none."""
        return self._final("final_frame", number)

    def final_truth(self, number: int, label: str) -> npt.NDArray[Any] | None:
        """A truth label after an episode's last action, `[...]`; None where it was not kept."""
        if not self.episode(number).facts["complete"]:
            return None
        return self._final(f"final_truth/{label}", number)

    def to_xarray(self) -> "xarray.DataTree":
        """All arrays as a lazy `xarray.DataTree`: groups `steps`, `activations`, `state`, with named dimensions."""
        from workbench.recording.labelled import to_data_tree

        return to_data_tree(self)

    def replay(self, row: int, environment: "Environment | None" = None) -> "Replay":
        """Put an environment back into the very state of a step: reset with the episode's seed, do its actions again.

        Args:
            row: Row of `steps`.
            environment: The environment to use; None makes the recorded one by name.

        Returns:
            The environment, its observation, and how that compares with the recorded one.
        """
        from workbench.recording.replay import replay

        return replay(self, row, environment)

    def policy(
        self, environment: "Environment | None" = None, *, trust_pickle: bool = False, device: str = "cpu"
    ) -> "Policy":
        """The agent that acted, built again from the file inside the recording and checked by its fingerprint."""
        from workbench.recording.agent import read_agent_policy

        made = environment or self.make_environment()
        return read_agent_policy(self.agent_arrays(), self.attributes, made, trust_pickle=trust_pickle, device=device)

    def make_environment(self, *, render: bool = False) -> "Environment":
        """Make the recorded environment again, by name."""
        from workbench.recording.environments import EnvironmentSpecification

        described = self.attributes.get("environment") or {}
        return EnvironmentSpecification(
            id=described.get("id") if described.get("by_name") else None,
            kwargs=described.get("kwargs") or {},
            wrappers=tuple(described.get("wrappers") or ()),
        ).make(render=render, trusted_only=True)

    def summary(self) -> dict[str, Any]:
        """The recording in numbers, in plain JSON: what `workbench info --json` prints."""
        return summarise(self)

    def verify(self, progress: Progress | None = None) -> Verification:
        """Read all of it, chunk by chunk, and list what is damaged: of which array, which rows, and why.

        Args:
            progress: Is told how many bytes have been read, and may raise `Cancelled`.
        """
        return verify(self, progress or SilentProgress())

    def agent_arrays(self) -> LazyArrays:
        """What is kept of the agent: `file` (the bytes it came from) or `parameters/<name>`, `normalisation/<name>`."""
        return self._arrays(AGENT, None)

    def __len__(self) -> int:
        return self.number_of_steps

    def __repr__(self) -> str:
        facts = self.summary()
        lines = [
            f"Recording {self.path}",
            f"  {facts['algorithm'] or 'no policy'} in {facts['environment']}, seed {facts['seed']}, {facts['ended']}",
            f"  {facts['steps']:,} steps, {facts['episodes']:,} episodes, {facts['bytes_on_disk'] / 1e6:.1f} MB",
        ]
        if facts["mean_return"] is not None:
            lines.append(f"  mean return {facts['return_in_words']}")
        lines.append(f"  steps: {', '.join(self.steps)}")
        for name, layer in self.layers.items():
            lines.append(f"  {name}: {layer['module']} {layer['shape']} {layer['dtype']}")
        return "\n".join(printable(line) for line in lines)

    def _repr_html_(self) -> str:
        facts = self.summary()
        rows = "".join(
            f"<tr><td style='text-align:left'><code>{html.escape(name)}</code></td>"
            f"<td>{html.escape(layer['module'])}</td><td>{layer['shape']}</td><td>{layer['dtype']}</td></tr>"
            for name, layer in self.layers.items()
        )
        head = html.escape(self.__repr__().split("\n  steps:")[0])
        return (
            f"<pre>{head}</pre><details><summary>{len(facts['layers'])} layers</summary>"
            f"<table><tr><th>layer</th><th>module</th><th>shape of a row</th><th>dtype</th></tr>"
            f"{rows}</table></details>"
        )

    # --- inside ------------------------------------------------------------------------------------------------------

    def stored_arrays(self, group: str) -> LazyArrays:
        """The arrays of a group as they are stored, with the rows that are committed, and without further checks.

        Raises:
            WorkbenchError: The group's metadata are damaged.
        """
        rows = {AGENT: None, EPISODES: int(self.attributes["committed_episodes"])}
        return self._arrays(group, rows.get(group, self.number_of_steps))

    def _arrays(self, group: str, rows: int | None) -> LazyArrays:
        try:
            if self._parts is not None and group != AGENT:
                return self._parts.arrays(group)
            stored = self._metadata.arrays(group)
            # What has no axes has no rows: a stranger's array among the steps, to be ignored.
            kept = {name: array for name, array in stored.items() if array.shape or rows is None}
            arrays = {name: LazyArray(array, self._metadata.files, rows) for name, array in kept.items()}
        except StoredFileError as error:
            raise WorkbenchError(f"{self.path} is damaged: {error}.") from error
        return LazyArrays(arrays, group)

    def _names(self, key: str) -> list[str] | None:
        names = (self.attributes.get("environment") or {}).get(key)
        return [str(name) for name in names] if isinstance(names, list) else None

    @cached_property
    def _episode_arrays(self) -> LazyArrays:
        return self._arrays(EPISODES, int(self.attributes["committed_episodes"]))

    @cached_property
    def _episode_order(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
        ids = self.steps["episode"][:]
        order = np.argsort(ids, kind="stable")
        return order, ids[order]

    def _rows_by_episode(self, episode_id: int, first: int, length: int) -> npt.NDArray[np.int64]:
        if self._parts is not None:
            beside = self._parts.rows_beside(first)
            return np.asarray(np.flatnonzero(self.steps["episode"][beside] == episode_id) + beside.start)
        if self.number_of_steps > MOST_STEPS_IN_ORDER:
            return scan_rows(self.steps["episode"].blocks(1 << 20, start=first), episode_id, length)
        order, ordered = self._episode_order
        low, high = np.searchsorted(ordered, [episode_id, episode_id + 1])
        return order[low:high]

    def _final(self, name: str, number: int) -> npt.NDArray[Any] | None:
        if name not in self._episode_arrays:
            return None
        check_final(self._episode_arrays[name], self.steps, name.removeprefix("final_"))
        episode_id = self.episode(number).facts["id"]
        found = np.flatnonzero(self._episode_arrays["id"][:] == episode_id)
        return self._episode_arrays[name][int(found[0])] if len(found) else None
