"""What the network holds of moves to come: `python -m agents.alphazero.inside` writes `connect_four_4x5/inside.md`.

Two questions of Jenner et al. (2024), "Evidence of Learned Look-Ahead in a Chess-Playing Neural Network": can the move
after next be read from a layer, and does the choice of a move rest on the square that makes it right?

Axis legend: P pairs of positions, W words of a packed position, A actions.
"""

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import tyro

import workbench
from agents.alphazero.network import checkpoint_file, checkpoints, load_policy
from agents.alphazero.runs import Run, find_run
from envs.games.rules import has_won
from workbench.analyses.intervals import Estimate
from workbench.analyses.search.look_ahead import patch_squares, probe_look_ahead
from workbench.analyses.search.matches import draw_openings
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.search.games import Game, describe, play_moves

SEED = 4_000_000
WIN, BLOCK = "a move that wins at once", "the only move that stops a win"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Look for moves to come inside a network that learnt by self-play."""

    run: str = "connect_four_4x5"
    """Which: tic_tac_toe, connect_four_4x5, connect_four_6x7."""
    episodes: int = 300
    """Games whose layers are probed."""
    pairs: int = 200
    """Of positions, of each sort."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Positions that differ in one stone's colour, which makes a move right or not."""

    clean: npt.NDArray[np.uint64]
    """`[P, W]`"""
    corrupted: npt.NDArray[np.uint64]
    """`[P, W]`"""
    moves: npt.NDArray[np.int64]
    """`[P]`, right at the first position, without a point at the second."""
    keys: npt.NDArray[np.int64]
    """`[P, 2]`, row and column of the stone."""


def find_pairs(run: Run, sort: str, count: int, *, seed: int = SEED) -> Pairs:
    """Draw positions, and a stone in each whose colour makes a move right.

    The second position of a pair has another number of stones of each colour than a game would give it; it is shown to
    networks alone.

    Args:
        run: Of which game.
        sort: `WIN`: the move completes a line, and does not where the stone is the other's. `BLOCK`: the other would
            win there next, nowhere else, and would not where the stone is the mover's; the mover cannot win at once.
        count: P at most.
        seed: Of the positions.

    Raises:
        WorkbenchError: No such pair was found.
    """
    game, random = run.game, np.random.default_rng(seed)
    found: list[tuple[Any, Any, int, tuple[int, int]]] = []
    board = game.board
    for moves in range(3, game.longest - 1):
        for position in _drawn(game, moves, seed):
            mover = moves % 2
            here = _point(game, position, mover, sort)
            if here is None:
                continue
            stones = position[mover if sort == WIN else 1 - mover]
            keys = [
                (row, column)
                for row in range(board.rows)
                for column in range(board.columns)
                if int(stones) >> (board.corner + row * board.down + column * board.right) & 1
            ]
            for row, column in random.permutation(keys):
                bit = np.uint64(1) << np.uint64(board.corner + row * board.down + column * board.right)
                other = position ^ bit
                ended = describe(game, other[None])["ended"][0]
                if not ended and not _wins(game, other, mover if sort == WIN else 1 - mover)[here]:
                    found.append((position, other, here, (int(row), int(column))))
                    break
    if not found:
        raise WorkbenchError(f"No pair of positions of {run.title} was found for {sort}.")
    chosen = [found[place] for place in sorted(random.permutation(len(found))[:count])]
    return Pairs(
        clean=np.stack([one[0] for one in chosen]),
        corrupted=np.stack([one[1] for one in chosen]),
        moves=np.array([one[2] for one in chosen]),
        keys=np.array([one[3] for one in chosen]),
    )


def _drawn(game: Game, moves: int, seed: int) -> npt.NDArray[np.uint64]:
    try:
        return draw_openings(game, 60, moves, seed=seed + moves)
    except WorkbenchError:
        # So late there are fewer.
        return np.zeros((0, game.words), np.uint64)


def _point(game: Game, position: npt.NDArray[np.uint64], mover: int, sort: str) -> int | None:
    """The one move that is right for that reason, if there is one, and something else could be played."""
    if describe(game, position[None])["legal"][0].sum() < 2:
        return None
    mine, theirs = (_wins(game, position, player) for player in (mover, 1 - mover))
    wins = mine if sort == WIN else theirs
    if wins.sum() != 1 or (sort == BLOCK and mine.any()):
        return None
    return int(wins.argmax())


def _wins(game: Game, position: npt.NDArray[np.uint64], player: int) -> npt.NDArray[np.bool_]:
    """`[A]`: where a stone of that player would win at once, whoever is to move."""
    legal = describe(game, position[None])["legal"][0]
    wins = np.zeros(game.actions, np.bool_)
    for action in np.flatnonzero(legal):
        after = play_moves(game, position[None], np.array([action]))[0][0]
        stone = (after[0] | after[1]) & ~(position[0] | position[1])
        placed = position.copy()
        placed[player] |= stone
        wins[action] = has_won(game.board, int(placed[player]), player)
    return wins


def look_inside(options: Options) -> str:
    """Find out, write `inside.md` into the run's folder, and give its text."""
    torch.set_num_threads(1)
    run = find_run(options.run)
    last = checkpoints(run.folder)[-1]
    trained = load_policy(run, last, None, spec=f"agents.alphazero:{run.name}")
    untrained = load_policy(run, checkpoint_file(run.folder, 0), None, spec=f"agents.alphazero:{run.name}_000")
    layers = [
        name
        for name, layer in trained.module.named_modules()
        if name and not any(layer.children()) and not name.startswith("value_head")
    ]
    lines = [
        f"# {run.title}: does the network itself see moves to come?",
        "",
        f"Written by `python -m agents.alphazero.inside --run {run.name}`: iteration {int(last.stem[-3:])}, and "
        "iteration 0, which is untrained, as the control. How it is measured: "
        "[search-measures.md](../../../docs/search-measures.md#does-the-network-itself-look-ahead).",
        "",
        *_probes(run, trained, options),
    ]
    for sort in (WIN, BLOCK):
        lines += _patching(run, sort, trained, untrained, layers, options)
    text = re.sub(r"(?<=[\s(])-(?=\d)", "−", "\n".join(lines)) + "\n"
    (run.folder / "inside.md").write_text(text)
    return text


def _probes(run: Run, policy: Policy, options: Options) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        recording = workbench.record(
            policy, run.environment, out=Path(folder) / "games.zarr", episodes=options.episodes, seed=SEED,
            env_kwargs={**run.environment_options, "random_opening": 4}, search=run.search(), environments=64,
        )  # fmt: skip
        found = probe_look_ahead(recording, policy, seed=0)
        steps, episodes = len(recording), recording.number_of_episodes
    lines = [
        "## The move after next",
        "",
        f"Linear probes for the own move after next of the search's principal variation, in {steps:,} positions of "
        f"{episodes} games after 4 drawn moves; balanced accuracy on games apart. The observation and the same network "
        "with random weights stand beside it, and differences to them have 95 % intervals over games.",
        "",
        "| layer | accuracy | chance | observation | more than the observation | random weights | more than random "
        "weights | seen |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        planned = one.planned
        random = planned.random_network
        lines.append(
            f"| `{one.layer}` | {planned.score.value:.3f} | {planned.chance:.3f} | "
            f"{planned.observation.score.value:.3f} | {_difference(planned.observation.difference)} | "
            + (f"{random.score.value:.3f} | {_difference(random.difference)}" if random else " | ")
            + f" | {'yes' if one.seen else 'no'} |"
        )
    return [*lines, ""]


def _patching(
    run: Run, sort: str, trained: Policy, untrained: Policy, layers: list[str], options: Options
) -> list[str]:
    pairs = find_pairs(run, sort, options.pairs)
    found, control = (
        patch_squares(policy, run.game, pairs.clean, pairs.corrupted, pairs.moves, pairs.keys, layers)
        for policy in (trained, untrained)
    )
    lines = [
        f"## One square that makes {sort}",
        "",
        f"{len(pairs.moves)} pairs of positions that differ in the colour of one stone. Log-odds of the move, in "
        f"nats: {found.clean.mean():.2f} at the first position and {found.corrupted.mean():.2f} at the second, a "
        f"difference of {_number(found.total)}; of the untrained network {_number(control.total)}. A layer is made "
        "to hold, at one square, what it held at the second position: how much of the log-odds that takes away, at the "
        "stone's square and in the mean of all others.",
        "",
        "| layer | at the stone's square | elsewhere, mean | difference | all of the layer | difference, untrained |",
        "|---|---|---|---|---|---|",
    ]
    beside = {one.layer: one for one in control.layers}
    for one in found.layers:
        if one.at_key is None:
            lines.append(f"| `{one.layer}` | no map of squares | | | {one.whole.mean():.2f} | |")
            continue
        other = beside[one.layer].difference
        lines.append(
            f"| `{one.layer}` | {_number(one.at_key)} | {_number(one.elsewhere)} | {_number(one.difference)} | "
            f"{one.whole.mean():.2f} | {_number(other)} |"
        )
    return [*lines, ""]


def _number(one: Estimate | None) -> str:
    if one is None:
        return ""
    if one.low is None or one.high is None:
        return f"{one.mean:.2f}"
    return f"{one.mean:.2f} ({one.low:.2f} to {one.high:.2f})"


def _difference(one: Any) -> str:
    return f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})"


def main() -> int:
    """From the command line."""
    try:
        look_inside(tyro.cli(Options))
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
