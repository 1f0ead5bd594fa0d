"""What the commands can be told that let agents play: `workbench strength` and `workbench training-run`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro import conf

from workbench.cli.option_kinds import Switch, UsageError, argument, parse_keyword_arguments

Rule = Literal["puct", "uct", "gumbel"]
PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True, kw_only=True)
class StrengthOptions:
    """Let an agent play with searches of several sizes: what planning adds to its network, and at which positions."""

    policy: Annotated[conf.Positional[str], conf.arg(metavar="POLICY")]
    """The agent's network: KIND:PATH, such as ppo:agent.zip, or module:factory."""
    environment: Annotated[conf.Positional[str], conf.arg(metavar="ENV")]
    """The environment that plays the game, such as envs:ConnectFour-v0."""
    simulations: Annotated[tuple[int, ...], argument("N ...", "16 64 256")] = (16, 64, 256)
    """The sizes of the searches, in simulations a move."""
    opponent: Annotated[str, conf.arg(metavar="WHO")] = "uct:200"
    """Who plays against it: uct:N (a search of N simulations that knows nothing and sees ends of the game alone),
    playouts:N (plain Monte Carlo tree search: N simulations, each with a game played to its end at random), solver
    (perfect play), random, network (the agent itself without a search), or a POLICY without a search."""
    openings: Annotated[int, conf.arg(metavar="N")] = 50
    """How many different openings are played, each with both colours."""
    opening_moves: Annotated[int, conf.arg(metavar="N")] = 4
    """How many random moves lead to each."""
    solver: Switch = False
    """Also say, by the environment's exact solver, how often the right move is played."""
    positions: Annotated[int, conf.arg(metavar="N")] = 200
    """At how many positions (with --solver)."""
    position_moves: Annotated[int, conf.arg(metavar="N")] = 6
    """How many random moves lead to each of these (with --solver)."""
    search_rule: Annotated[Rule, argument("RULE", "puct")] = "puct"
    """How it selects: puct, uct or gumbel."""
    exploration: Annotated[float, conf.arg(metavar="C")] = 1.25
    """The constant of the rule (puct, uct)."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Of the openings, the positions and what players draw."""
    env_kwargs: Annotated[tuple[str, ...], argument("KEY=VALUE ...")] = ()
    """Options for making the environment: key=value pairs, or one JSON object."""
    trust_pickle: Switch = False
    """Let the agent's file run its own code while it is loaded. Only for files that you made yourself."""
    out: Annotated[Path | None, argument("FILE", "none")] = None
    """Draw it (.png, .svg, .pdf)."""
    overwrite: Switch = False
    """Replace what is there."""
    json: Switch = False
    """Print JSON."""

    @property
    def keyword_arguments(self) -> dict[str, Any]:
        """What `--env-kwargs` says."""
        return parse_keyword_arguments(self.env_kwargs)

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            UsageError: Something is.
        """
        if not self.simulations:
            raise UsageError("--simulations takes at least one number.")
        _check_numbers(self)


@dataclass(frozen=True, kw_only=True)
class TrainingRunOptions:
    """Follow a network through its training: what search adds to each checkpoint, and what the next one has of it."""

    environment: Annotated[conf.Positional[str], conf.arg(metavar="ENV")]
    """The environment that plays the game, such as envs:ConnectFour-v0."""
    policy: Annotated[conf.Positional[tuple[str, ...]], conf.arg(metavar="POLICY ...")]
    """The checkpoints in their order: module:factory, KIND:PATH, or KIND:PATTERN (ppo:"runs/step_*.zip")."""
    simulations: Annotated[int, conf.arg(metavar="N")] = 64
    """Simulations a move of the search."""
    opponent: Annotated[str, conf.arg(metavar="WHO")] = "uct:200"
    """Who plays against all of them: uct:N (a search of N simulations that knows nothing and sees ends of the game
    alone), playouts:N (plain Monte Carlo tree search: N simulations, each with a game played to its end at random),
    solver (perfect play), random, network (the first checkpoint without a search), or a POLICY without a search."""
    openings: Annotated[int, conf.arg(metavar="N")] = 50
    """How many different openings are played, each with both colours."""
    opening_moves: Annotated[int, conf.arg(metavar="N")] = 4
    """How many random moves lead to each."""
    solver: Switch = False
    """Also say, by the environment's exact solver, which right moves were learnt and lost."""
    positions: Annotated[int, conf.arg(metavar="N")] = 200
    """At how many positions the policies are compared."""
    position_moves: Annotated[int, conf.arg(metavar="N")] = 6
    """How many random moves lead to each of these."""
    search_rule: Annotated[Rule, argument("RULE", "puct")] = "puct"
    """How it selects: puct, uct or gumbel."""
    exploration: Annotated[float, conf.arg(metavar="C")] = 1.25
    """The constant of the rule (puct, uct)."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Of the openings, the positions and what players draw."""
    env_kwargs: Annotated[tuple[str, ...], argument("KEY=VALUE ...")] = ()
    """Options for making the environment: key=value pairs, or one JSON object."""
    trust_pickle: Switch = False
    """Let the agents' files run their own code while they are loaded. Only for files that you made yourself."""
    out: Annotated[Path | None, argument("FILE", "none")] = None
    """Draw it (.png, .svg, .pdf)."""
    overwrite: Switch = False
    """Replace what is there."""
    json: Switch = False
    """Print JSON."""

    @property
    def keyword_arguments(self) -> dict[str, Any]:
        """What `--env-kwargs` says."""
        return parse_keyword_arguments(self.env_kwargs)

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            UsageError: Something is.
        """
        if not self.policy:
            raise UsageError("Name the checkpoints after the environment: workbench training-run ENV POLICY POLICY ...")
        _check_numbers(self)


def _check_numbers(options: StrengthOptions | TrainingRunOptions) -> None:
    for name, least in (("openings", 1), ("positions", 1), ("opening_moves", 0), ("position_moves", 0)):
        if getattr(options, name) < least:
            raise UsageError(f"--{name.replace('_', '-')} must be at least {least}; it is {getattr(options, name)}.")
    if options.out is not None and options.out.suffix not in PICTURES:
        raise UsageError(f"--out takes a name that ends in {', '.join(PICTURES)}; came {options.out.name!r}.")
