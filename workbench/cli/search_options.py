"""What `workbench search` can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro import conf

from workbench.cli.option_kinds import Switch, UsageError, argument

ROOT = "root"
"""The node that no moves lead to."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Look at the searches of an agent that plans: one decision, or all of a recording; or repeat every selection."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    episode: Annotated[int | None, argument("K", "the one the dashboard opens on")] = None
    """The episode of one decision, counted from 0."""
    step: Annotated[int | None, argument("T")] = None
    """The step in the episode, counted from 0: one decision in place of all."""
    simulations: Annotated[int | None, argument("N", "all")] = None
    """Show the decision as it was after so many simulations (with --step)."""
    audit: Switch = False
    """Instead: repeat every selection of every search, and fail where one is not what its rules select."""
    set_prior: Annotated[tuple[str, ...], argument("MOVE=P ...")] = ()
    """Instead: run one search (--step) again with these priors at its root; the other moves keep their proportions."""
    set_value: Annotated[tuple[str, ...], argument("MOVES=V ...")] = ()
    """Instead: run one search (--step) again with another value of the position after these moves (d,c=-0.3), or
    of the root (=0.2), for the player to move there."""
    keep: Annotated[int | None, argument("N", "0")] = None
    """Simulations that go where they went (with --set-prior, --set-value); the rules select from there on."""
    at: Annotated[str | None, argument("MOVES")] = None
    """Instead: what the network makes of one node of a search (--step), by the moves that lead there (d,c), or "root":
    its layers beside the root's."""
    method: Annotated[str | None, argument("NAME", "none")] = None
    """Also what its value and the logit of the move that the search prefers there rest on (with --at; methods as of
    saliency)."""
    look_ahead: Annotated[int | None, argument("K")] = None
    """Instead: probe the recorded layers for the move K on in the search's plan, beside the observation and the same
    network with random weights; 2 is the agent's own next move. With --solver also what patching a key square does."""
    worst: Annotated[int, conf.arg(metavar="N")] = 5
    """How many of the most surprising, and with --solver of the wrong decisions are listed."""
    solver: Switch = False
    """Judge the decisions by the environment's exact solver."""
    uniform: Switch = False
    """Also search every position without the network, as a control; it takes about as long as recording did."""
    group: Annotated[str | None, argument("EXPRESSION", "none")] = None
    """Also average within kinds of steps, such as t or "t < 4"."""
    out: Annotated[Path | None, argument("FILE", "none")] = None
    """Draw it (.png, .svg, .pdf); with --at keep the layers (.npz)."""
    overwrite: Switch = False
    """Replace what is there."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code of the environment and agent that the recording names, which you trust (--solver,
    --uniform, --set-prior, --set-value, --at, --look-ahead)."""
    json: Switch = False
    """Print JSON."""

    def check(self) -> None:
        """Refuse options that would do nothing.

        Raises:
            UsageError: There are such.
        """
        one = self.step is not None or self.episode is not None
        if self.simulations is not None and self.step is None:
            raise UsageError("--simulations shows one decision as it was; say which with --step.")
        if self.worst < 0:
            raise UsageError(f"--worst must be at least 0; it is {self.worst}.")
        if self.look_ahead is not None and self.look_ahead < 1:
            raise UsageError(f"--look-ahead must be at least 1; it is {self.look_ahead}.")
        if self.audit:
            self._exclude("--audit is about all searches", of_one=True)
        if self.look_ahead is not None:
            self._exclude("--look-ahead is about all searches", of_one=True, solver=True)
        if self.changes:
            if not one:
                raise UsageError("--set-prior and --set-value are about one search; say which with --step.")
            self._exclude("--set-prior and --set-value run one search again", of_one=False)
        elif self.keep is not None:
            raise UsageError("--keep is for a search that is run again; give --set-prior or --set-value.")
        if self.at is not None:
            if not one:
                raise UsageError("--at is about a node of one search; say which with --step.")
            self._exclude("--at looks at one node", of_one=False, out=True)
            if self.changes:
                raise UsageError("--at looks at a search as it was; leave out --set-prior and --set-value.")
        elif self.method is not None:
            raise UsageError("--method explains a node of a search; say which with --at (root, or moves such as d,c).")
        if one and (self.uniform or self.group is not None):
            raise UsageError("--uniform and --group are about the whole recording; leave them out, or --step.")

    @property
    def changes(self) -> bool:
        """Whether a search is run again with changes."""
        return bool(self.set_prior or self.set_value)

    def _exclude(self, why: str, *, of_one: bool, solver: bool = False, out: bool = False) -> None:
        """Refuse what the option that was asked for does not heed."""
        others: list[tuple[str, Any]] = [
            ("--simulations", self.simulations), ("--solver", self.solver and not solver), ("--uniform", self.uniform),
            ("--group", self.group), ("--out", None if out else self.out),
        ]  # fmt: skip
        if of_one:
            others = [("--step", self.step), ("--episode", self.episode), *others]
            others += [("--set-prior", self.set_prior or None), ("--set-value", self.set_value or None)]
            others += [("--at", self.at), ("--method", self.method)]
            others.append(("--look-ahead", self.look_ahead if self.audit else None))
        given = [name for name, value in others if value not in (None, False)]
        if given:
            raise UsageError(f"{why}, and does nothing else; leave out {', '.join(given)}.")
