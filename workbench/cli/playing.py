"""What the commands that let agents play have in common: the game, the networks, the opponent, words for scores."""

import glob
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.cli.option_kinds import UsageError
from workbench.cli.strength_options import StrengthOptions, TrainingRunOptions
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.analyses.search.matches import MatchScore, Player, Positions
    from workbench.search import Evaluator, Game, SearchSettings

Options = StrengthOptions | TrainingRunOptions
OPPONENTS = ("uct:N", "playouts:N", "solver", "random", "network")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Where agents play: a game by its environment, and what they begin from."""

    environment: Any
    game: "Game"
    openings: "Positions"
    """`[M, W]`"""
    solver: Any | None
    """Only where it was asked for."""


def set_the_table(options: Options) -> Table:
    """Make the environment and draw the openings.

    Raises:
        WorkbenchError: It is no game, has no solver, or has not so many different openings.
    """
    from workbench.analyses.search.exact import solver_of
    from workbench.analyses.search.matches import draw_openings
    from workbench.recording.environments import make_environment
    from workbench.search.policy import game_of

    environment = make_environment(options.environment, kwargs=options.keyword_arguments)
    game = game_of(environment)
    solver = solver_of(environment) if options.solver or options.opponent == "solver" else None
    openings = draw_openings(game, options.openings, options.opening_moves, seed=options.seed)
    return Table(environment=environment, game=game, openings=openings, solver=solver)


def positions_of(options: Options, table: Table) -> "Positions":
    """The fixed positions, other ones than the openings: `[P, W]`."""
    from workbench.analyses.search.matches import draw_openings

    return draw_openings(table.game, options.positions, options.position_moves, seed=options.seed + 1)


def evaluator_of(spec: str, options: Options, table: Table) -> "Evaluator":
    """The network of a policy, as a search asks it.

    Raises:
        WorkbenchError: There is no such policy, or it cannot guide a search.
    """
    import torch

    from workbench.policies import load_policy
    from workbench.search.policy import SearchPolicy
    from workbench.search.policy_evaluators import PolicyEvaluator

    # As for recording: small networks are faster with one.
    torch.set_num_threads(1)
    policy = load_policy(spec, environment=table.environment, trust_pickle=options.trust_pickle)
    return PolicyEvaluator(policy.policy if isinstance(policy, SearchPolicy) else policy)


def opponent_of(options: Options, table: Table, network: "Evaluator") -> "Player":
    """Who plays against the agents.

    Args:
        options: Name it.
        table: Where it plays.
        network: The agent's own, or that of the first checkpoint.

    Raises:
        UsageError: No number of simulations stands behind `uct:` or `playouts:`.
        WorkbenchError: There is no such policy.
    """
    from workbench.analyses.search.matches import (
        playouts_player,
        random_player,
        raw_player,
        solver_player,
        uct_player,
    )

    name, _, rest = options.opponent.partition(":")
    if name in ("uct", "playouts"):
        if not rest.isdecimal():
            raise UsageError(f"--opponent {name} takes its simulations, such as {name}:200; came {options.opponent!r}.")
        if name == "uct":
            return uct_player(table.game, int(rest))
        return playouts_player(table.game, int(rest), seed=options.seed)
    if options.opponent == "solver":
        return solver_player(table.game, table.solver)
    if options.opponent == "random":
        return random_player(table.game)
    if options.opponent == "network":
        return raw_player(table.game, network)
    if not rest:
        raise UsageError(
            f"--opponent is one of {', '.join(OPPONENTS)}, or a policy (KIND:PATH, module:factory); came "
            f"{options.opponent!r}."
        )
    from dataclasses import replace

    return replace(raw_player(table.game, evaluator_of(options.opponent, options, table)), name=options.opponent)


def settings_of(options: Options, simulations: int) -> "SearchSettings":
    """How the agents search.

    Raises:
        WorkbenchError: The search cannot be so.
    """
    from workbench.search import SearchSettings

    return SearchSettings(rule=options.search_rule, simulations=simulations, exploration=options.exploration)


def checkpoints_of(specs: Sequence[str]) -> list[str]:
    """Policies by name, with patterns of files replaced by the files, in the order of the numbers in their names.

    Raises:
        WorkbenchError: A pattern fits no file.
    """
    found: list[str] = []
    for spec in specs:
        kind, _, pattern = spec.partition(":")
        if not re.search(r"[*?\[]", pattern):
            found.append(spec)
            continue
        files = sorted(glob.glob(pattern, recursive=True), key=_natural)
        if not files:
            raise WorkbenchError(f"No file fits the pattern {pattern!r}.")
        found += [f"{kind}:{file}" for file in files]
    return found


def _natural(path: str) -> list[tuple[int, int | str]]:
    """`step_9` before `step_10`."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", path)]


def score_facts(score: "MatchScore") -> dict[str, Any]:
    """A score in plain JSON."""
    low, high = score.interval
    wins, draws, losses = score.counts
    return {"score": score.score, "low": low, "high": high, "wins": wins, "draws": draws, "losses": losses}


def interval(mean: float, low: float | None, high: float | None) -> str:
    """A number with its interval in words."""
    if mean != mean:
        return "–"
    found = f"{mean:.3f}" if low is None or high is None else f"{mean:.3f} [{low:.3f}, {high:.3f}]"
    return found.replace("-", "−")


def estimate_cell(facts: dict[str, Any] | None) -> str:
    """The same of an estimate's facts; a dash where there is none."""
    return "–" if facts is None or not facts["steps"] else interval(facts["mean"], facts["low"], facts["high"])


def plain_estimate(one: Any) -> dict[str, Any] | None:
    """An estimate in plain JSON."""
    return None if one is None else asdict(one)
