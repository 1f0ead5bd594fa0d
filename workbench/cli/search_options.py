"""What `workbench search` can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro import conf

from workbench.cli.option_kinds import Switch, UsageError, argument


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
    worst: Annotated[int, conf.arg(metavar="N")] = 5
    """How many of the most surprising, and with --solver of the wrong decisions are listed."""
    solver: Switch = False
    """Judge the decisions by the environment's exact solver."""
    uniform: Switch = False
    """Also search every position without the network, as a control; it takes about as long as recording did."""
    group: Annotated[str | None, argument("EXPRESSION", "none")] = None
    """Also average within kinds of steps, such as t or "t < 4"."""
    out: Annotated[Path | None, argument("FILE", "none")] = None
    """Draw it (.png, .svg, .pdf)."""
    overwrite: Switch = False
    """Replace what is there."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code of the environment that the recording names, which you trust (--solver, --uniform)."""
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
        if self.audit:
            given = [
                name
                for name, value in (
                    ("--step", self.step), ("--episode", self.episode), ("--simulations", self.simulations),
                    ("--solver", self.solver), ("--uniform", self.uniform), ("--group", self.group),
                    ("--out", self.out),
                )
                if value not in (None, False)
            ]  # fmt: skip
            if given:
                raise UsageError(f"--audit is about all searches, and does nothing else; leave out {', '.join(given)}.")
        if one and (self.uniform or self.group is not None):
            raise UsageError("--uniform and --group are about the whole recording; leave them out, or --step.")
