"""Does behaviour follow a probe's direction? The agent goes on from recorded steps while a class is pushed.

A push that changes a layer may change nothing that matters. What is counted is how often the agent then does what the
pushed class says, beside the same steps without a push and with random directions that move the layer as far (success
rates, as T. Bush et al., 2025, report them: 80.6 % for their plans).

Axis legend:
    S  steps that are gone on from
    C  controls
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.analyses.concepts import DERIVED, read_concept
from workbench.analyses.expressions import columns_named, evaluate
from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.intervention.changes import Change
from workbench.analyses.intervention.decisions import layer_values
from workbench.analyses.intervention.from_steps import go_on
from workbench.analyses.intervention.steering import steer
from workbench.analyses.probing.probe import Probe
from workbench.analyses.probing.use import BACKGROUND_STEPS, readable_direction
from workbench.analyses.reading_decisions import draw_rows
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

SCALES = (1.0, 2.0, 4.0)
CONTROLS = 5
LONG = 200
"""Actions after which an episode is cut off, where its end is asked about."""
MATTERS = 0.1
"""A share of the steps above which a push would be said to be followed."""
BEFORE_THE_ACTION = frozenset({"observation", "truth", "t", "episode", "slot", "frame"})
"""Columns that are what they are before the agent acts."""
MOST_STEPS = 40
"""Steps that are gone on from, where nobody says which."""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """How often an agent does what a pushed class says."""

    probe: Probe
    which: str
    follows: str
    """What counts as following, in words."""
    scale: float
    """Length of the push, in standard deviations of the layer along it."""
    rows: npt.NDArray[np.int64]
    """`[S]`."""
    without: Estimate
    """Share of the steps at which it does so without a push."""
    pushed: Estimate
    controls: FloatArray
    """`[C]`, the same share with random directions as long."""
    above_without: Estimate
    """Paired by step: pushed less without."""
    above_controls: Estimate
    """Paired by step: pushed less the controls' mean."""

    @property
    def verdict(self) -> str:
        """In words."""
        # Where all steps are alike there is no interval: then it is the same everywhere.
        always = self.above_without.low is None and self.above_without.mean > 0
        beyond_random = self.above_controls.above(0) or (self.above_controls.low is None and always)
        if (always or self.above_without.above(0)) and beyond_random:
            sure = ", at every step of these" if always else ""
            return f"behaviour follows the push{sure}, more than it follows random directions as long"
        if self.above_without.above(0) or always:
            return "behaviour follows the push, but not shown to do so more than random directions as long"
        most = self.above_without.high
        if most is not None and most <= MATTERS:
            return f"behaviour does not follow the push: at most {most:.2f} of the steps more"
        return "not shown to follow the push, and too few steps to say that it does not"


def following(
    recording: Recording,
    policy: Policy,
    probe: Probe,
    which: str,
    *,
    follows: str | None = None,
    rows: Sequence[int] | npt.NDArray[np.int64] | None = None,
    scales: Sequence[float] = SCALES,
    controls: int = CONTROLS,
    most_steps: int | None = None,
    deterministic: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Followed, ...]:
    """Push a class in the live policy while it goes on from recorded steps, and count how often it does as that says.

    Args:
        recording: Holds the steps; its environment must come back to them from seeds and actions.
        policy: Whose layer the probe reads; without a memory.
        probe: Of a concept with classes.
        which: The class that is pushed.
        follows: An expression over recorded columns that holds at the first step of what the agent then does, such as
            `action == 3`; one of what is there before the agent acts (`observation[2] > 0`) is asked one step later,
            after the first action. None takes the concept itself: it has to be of the class at that step. Of
            concepts that the agent does not bring about (where a wall is) only an expression says what following means.
        rows: `[S]` rows; None draws up to 40 at which the concept is another class.
        scales: Lengths of the push, in standard deviations of the layer along its direction.
        controls: C random directions for each.
        most_steps: Actions after which an episode is cut off; None takes as many as the question needs.
        deterministic: Take the mode, or sample (the same stream with and without a push).
        seed: Of the draws.
        progress: Is told how many rollouts are done, and may raise `Cancelled`.

    Raises:
        WorkbenchError: The probe has no such class, the policy has a memory, the environment cannot be put back, or
            the concept is of the class everywhere.
    """
    told = progress or SilentProgress()
    if probe.classes is None:
        raise WorkbenchError(f"The probe of {probe.concept!r} gives a number; a class is what behaviour follows.")
    direction = readable_direction(
        probe, layer_values(recording, policy, probe.layer, draw_rows(recording, BACKGROUND_STEPS, seed=seed)), which
    )
    chosen = _elsewhere(recording, probe, which, seed) if rows is None else np.asarray(rows, np.int64)
    groups = recording.steps["episode"][chosen]
    later = int(follows is not None and columns_named(follows) <= BEFORE_THE_ACTION)
    needed = _needed(probe.concept) if follows is None else 1 + later
    length = needed if most_steps is None else most_steps
    total, done = 1 + len(scales) * (1 + controls), 0

    def does(changes: Sequence[Change]) -> FloatArray:
        nonlocal done
        told.update(done, total)
        with tempfile.TemporaryDirectory(prefix="rl-workbench-") as folder:
            went = go_on(
                recording, policy, chosen, changes, out=Path(folder) / "x.zarr", most_steps=length,
                deterministic=deterministic,
            )  # fmt: skip
            done += 1
            return _followed(went, probe.concept, which, follows, later)

    without = does([])
    found = []
    for scale in scales:
        change = steer(probe.layer, direction, scale)
        if change.control is None:
            raise WorkbenchError(f"The probe of {probe.concept!r} has no direction in {probe.layer!r} to be pushed.")
        generator = np.random.default_rng(seed)
        pushed = does([change])
        drawn = np.array([does([change.control(generator)]) for _ in range(controls)]).reshape(controls, len(chosen))
        beside = drawn.mean(axis=0) if controls else np.full(len(chosen), np.nan)
        found.append(
            Followed(
                probe=probe,
                which=which,
                follows=f"{follows or f'{probe.concept} is {which}'}{', one action later' if later else ''}",
                scale=float(scale),
                rows=chosen,
                without=estimate(without, groups, lowest=0, highest=1),
                pushed=estimate(pushed, groups, lowest=0, highest=1),
                controls=np.nanmean(drawn, axis=1) if controls else np.zeros(0),
                above_without=estimate(pushed - without, groups, lowest=-1, highest=1),
                above_controls=estimate(pushed - beside, groups, lowest=-1, highest=1),
            )
        )
    told.update(total, total)
    return tuple(found)


def _needed(asked: str) -> int:
    """How many actions say whether it was followed: one, but for what is derived from the steps that come."""
    kind, _, steps = asked.partition(":")
    row = next((row for row in DERIVED if row.name == kind), None)
    if row is None:
        return 1
    return (int(steps) if steps.isdecimal() else 1) + 1 if row.steps else LONG


def _elsewhere(recording: Recording, probe: Probe, which: str, seed: int) -> npt.NDArray[np.int64]:
    """Steps at which the concept is another class, from as many episodes as there are."""
    concept = read_concept(recording, probe.concept)
    assert concept.classes is not None, "the probe has classes"
    if which not in concept.classes:
        raise WorkbenchError(f"The concept {probe.concept!r} has no class {which!r}: {', '.join(concept.classes)}.")
    other = np.flatnonzero(concept.defined & (concept.values != concept.classes.index(which)))
    if not len(other):
        raise WorkbenchError(f"{probe.concept!r} is {which} at every step: there is nothing to push it to.")
    generator = np.random.default_rng(seed)
    order = generator.permutation(other)
    ids = recording.steps["episode"][:][order]
    # One of each episode first, then a second one of each: steps of one episode tell little more than one of them.
    _, places, counts = np.unique(ids, return_inverse=True, return_counts=True)
    turn = np.empty(len(order), np.int64)
    by_episode = np.argsort(places, kind="stable")
    turn[by_episode] = np.concatenate([np.arange(count) for count in counts])
    return np.sort(order[np.argsort(turn, kind="stable")[:MOST_STEPS]])


def _followed(went: Recording, concept: str, which: str, follows: str | None, later: int) -> FloatArray:
    """`[S]`: 1 where the agent did so, 0 where not, NaN where that is not defined."""
    of_episodes = [went.episode(number).rows for number in range(went.number_of_episodes)]
    firsts = [int(rows[0]) for rows in of_episodes]
    if follows is not None:
        values = evaluate(went, follows)
        if values.shape != (len(went),) or values.dtype != np.bool_:
            raise WorkbenchError(f"{follows!r} must be true or false at each step, such as `action == 2`.")
        # An episode that ended before leaves nothing to be asked.
        return np.array([float(values[rows[later]]) if len(rows) > later else np.nan for rows in of_episodes])
    read = read_concept(went, concept, constant=True)
    assert read.classes is not None, "the probe has classes"
    # Classes may have other places here: only those that came up have one.
    place = read.classes.index(which) if which in read.classes else -2
    return np.where(read.defined[firsts], read.values[firsts] == place, np.nan)
