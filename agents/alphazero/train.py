"""Train by self-play: `python -m agents.alphazero.train --seed 0 --run connect_four_4x5`; the same command goes on.

In every iteration the newest network plays games against itself, each move after a search with noise at its root; then
it is trained on the positions of the last iterations: its policy on what the searches would play, its value on how the
games ended and what the searches thought of them (Silver et al. 2018, "A general reinforcement learning algorithm that
masters chess, shogi, and Go through self-play"). Every iteration's network is kept, in half precision.
"""

import io
import json
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import tyro
from torch.nn import functional
from tqdm import tqdm

from agents.alphazero.network import BoardNetwork, checkpoint_file, network_of, rounded, save_checkpoint
from agents.alphazero.runs import Run, find_run
from agents.alphazero.self_play import Examples, play_games
from agents.alphazero.symmetries import symmetries
from agents.training import make_reproducible
from workbench.errors import WorkbenchError
from workbench.search.evaluators import TorchEvaluator
from workbench.search.games import observe

NOISE = 0.25
"""Share of Dirichlet noise at the root in self-play."""
SETTINGS = (
    "games", "simulations", "channels", "blocks", "drawn_moves", "random_moves", "window", "passes", "batch",
    "learning_rate", "weight_decay", "value_of_search", "exploration",
)  # fmt: skip
"""What must be the same when a training is taken up again."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train an agent of a board game by self-play."""

    run: str = "tic_tac_toe"
    """Which: tic_tac_toe, connect_four_4x5, connect_four_6x7."""
    seed: int = 0
    """Seed of everything random."""
    iterations: int | None = None
    """Rounds of self-play and training; by default the run's own number."""
    minutes: float | None = None
    """Stop after the iteration that is being made when so many minutes are over."""
    threads: int = 1
    """Of the searches in self-play. Another number can change the last bits of what is learnt."""
    out: Path | None = None
    """Folder of the checkpoints and the log; by default the one that ships."""


@dataclass
class State:
    """A training as it stands after some iterations."""

    network: BoardNetwork
    optimizer: torch.optim.AdamW
    iteration: int
    log: list[dict[str, Any]]


def train(options: Options, run: Run | None = None) -> Path:
    """Train, or go on with what is in the folder; return the last checkpoint.

    Args:
        options: Where, how long.
        run: The run itself, in place of the one that the options name.

    Raises:
        WorkbenchError: The folder holds a training of other settings or another seed.
    """
    chosen = run or find_run(options.run)
    folder = options.out or chosen.folder
    iterations = chosen.iterations if options.iterations is None else options.iterations
    if iterations < 1 or options.threads < 1:
        raise WorkbenchError(
            f"A training has at least one iteration, on one thread at least; got {iterations} and {options.threads}."
        )
    started = time.monotonic()
    make_reproducible(options.seed)
    state = _begin(chosen, options, folder)
    with tqdm(total=iterations, initial=state.iteration, desc=chosen.name, unit=" iterations", disable=None) as bar:
        while state.iteration < iterations:
            facts = _iterate(chosen, state, options, folder, iterations)
            bar.set_postfix_str(
                f"policy loss {facts['policy_loss']:.3f}, value loss {facts['value_loss']:.3f}, "
                f"{facts['positions']} positions"
            )
            bar.update()
            if options.minutes is not None and time.monotonic() - started >= 60 * options.minutes:
                break
    return checkpoint_file(folder, state.iteration)


def _begin(run: Run, options: Options, folder: Path) -> State:
    network = network_of(run)
    optimizer = torch.optim.AdamW(network.parameters(), lr=run.learning_rate, weight_decay=run.weight_decay)
    state = State(network=network, optimizer=optimizer, iteration=0, log=[])
    asked = {name: getattr(run, name) for name in SETTINGS} | {"seed": options.seed}
    kept = folder / "work" / "state.npz"
    if kept.exists():
        _restore(state, kept, asked)
        return state
    if checkpoint_file(folder, 1).exists():
        raise WorkbenchError(
            f"{folder} holds the checkpoints of a finished training, without what it takes to go on "
            f"(work/state.npz). Train into another folder: --out FOLDER"
        )
    save_checkpoint(network, checkpoint_file(folder, 0))
    return state


def _iterate(run: Run, state: State, options: Options, folder: Path, iterations: int) -> dict[str, Any]:
    """One round of self-play and training; what is on the disk afterwards is whole."""
    started, game, iteration = time.monotonic(), run.game, state.iteration + 1
    played = folder / "work" / f"self_play_{iteration:03d}.npz"
    if played.exists():
        new = Examples.load(played)
    else:
        player = rounded(state.network, run)
        with tqdm(total=run.games, desc=f"self-play {iteration}", unit=" games", leave=False, disable=None) as bar:
            new = play_games(
                game,
                TorchEvaluator(player),
                run.search(noise=NOISE),
                games=run.games,
                drawn_moves=run.drawn_moves,
                random_moves=run.random_moves,
                seed=(options.seed, iteration),
                threads=options.threads,
                progress=_Bar(bar),
            )
        new.save(played)
    between = time.monotonic()
    first = max(1, iteration - run.window + 1)
    window = [Examples.load(folder / "work" / f"self_play_{number:03d}.npz") for number in range(first, iteration)]
    rate = run.learning_rate * (0.525 + 0.475 * math.cos(math.pi * min(1.0, state.iteration / iterations)))
    losses = _learn(run, state, [*window, new], rate=rate, seed=(options.seed, iteration, 0), fresh=len(new.positions))
    state.iteration = iteration
    facts: dict[str, Any] = {
        "iteration": iteration,
        "games": len(new.lengths),
        "positions": len(new.positions),
        "mean_length": round(float(new.lengths.mean()), 2),
        "first_player_wins": int((new.first_player > 0).sum()),
        "draws": int((new.first_player == 0).sum()),
        "policy_loss": round(losses[0], 4),
        "value_loss": round(losses[1], 4),
        "learning_rate": round(rate, 6),
        "seconds_of_self_play": round(between - started, 1),
        "seconds_of_training": round(time.monotonic() - between, 1),
    }
    state.log.append(facts)
    save_checkpoint(state.network, checkpoint_file(folder, iteration))
    _write_log(run, state, options, folder)
    _keep(
        state, folder / "work" / "state.npz", {name: getattr(run, name) for name in SETTINGS} | {"seed": options.seed}
    )
    return facts


class _Bar:
    """Progress of self-play on a bar."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        self._bar = bar

    def update(self, done: int, total: int, message: str = "") -> None:
        self._bar.set_postfix_str(message, refresh=False)
        self._bar.update(done - self._bar.n)


def _learn(
    run: Run, state: State, examples: list[Examples], *, rate: float, seed: tuple[int, ...], fresh: int
) -> tuple[float, float]:
    """Train on the window; give the mean losses of policy (cross entropy, nats) and value (squared error)."""
    game, random = run.game, np.random.default_rng(seed)
    positions = np.concatenate([one.positions for one in examples])
    policies = np.concatenate([one.policies for one in examples])
    outcomes = np.concatenate([one.outcomes for one in examples])
    searched = np.concatenate([one.searched for one in examples])
    values = ((1 - run.value_of_search) * outcomes + run.value_of_search * searched).astype(np.float32)
    turns = symmetries(game)
    updates = max(1, round(run.passes * fresh / run.batch))
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.network.train()
    losses = np.zeros((updates, 2))
    for update in range(updates):
        rows = random.integers(len(positions), size=run.batch)
        boards, targets = _turned(observe(game, positions[rows]), policies[rows], turns, random)
        logits, value = state.network(torch.from_numpy(boards))
        policy_loss = functional.cross_entropy(logits, torch.from_numpy(targets))
        value_loss = functional.mse_loss(value, torch.from_numpy(values[rows]))
        state.optimizer.zero_grad()
        (policy_loss + value_loss).backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        state.optimizer.step()
        losses[update] = policy_loss.item(), value_loss.item()
    return float(losses[:, 0].mean()), float(losses[:, 1].mean())


def _turned(
    boards: npt.NDArray[np.float32],
    policies: npt.NDArray[np.float32],
    turns: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]],
    random: np.random.Generator,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Each example by a symmetry of its own, drawn evenly."""
    drawn = random.integers(len(turns), size=len(boards))
    flat = boards.reshape(*boards.shape[:2], -1)
    seen, wanted = np.empty_like(flat), np.empty_like(policies)
    for number, (cells, actions) in enumerate(turns):
        rows = drawn == number
        seen[rows], wanted[rows] = flat[rows][:, :, cells], policies[rows][:, actions]
    return seen.reshape(boards.shape), wanted


def _keep(state: State, path: Path, asked: dict[str, Any]) -> None:
    """Write all that it takes to go on, whole or not at all."""
    arrays: dict[str, npt.NDArray[Any]] = {"asked": _text({**asked, "iteration": state.iteration, "log": state.log})}
    for name, parameter in state.network.named_parameters():
        moments = state.optimizer.state[parameter]
        arrays[f"network/{name}"] = parameter.detach().numpy()
        for moment in ("step", "exp_avg", "exp_avg_sq"):
            arrays[f"{moment}/{name}"] = moments[moment].numpy()
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(beside, path)


def _restore(state: State, path: Path, asked: dict[str, Any]) -> None:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        facts = json.loads(arrays["asked"].tobytes())
        differ = [
            f"{name} {facts.get(name)} instead of {value}" for name, value in asked.items() if facts.get(name) != value
        ]
        if differ:
            raise WorkbenchError(
                f"{path.parent.parent} holds a training with {', '.join(differ)}; go on with the same settings, or "
                f"train into another folder: --out FOLDER"
            )
        state.iteration, state.log = facts["iteration"], facts["log"]
        with torch.no_grad():
            for name, parameter in state.network.named_parameters():
                parameter.copy_(torch.from_numpy(arrays[f"network/{name}"]))
                state.optimizer.state[parameter] = {
                    moment: torch.from_numpy(arrays[f"{moment}/{name}"].copy())
                    for moment in ("step", "exp_avg", "exp_avg_sq")
                }


def _text(facts: dict[str, Any]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(facts).encode(), np.uint8)


def _write_log(run: Run, state: State, options: Options, folder: Path) -> None:
    facts = {
        "run": run.name,
        "seed": options.seed,
        "threads": options.threads,
        "settings": {name: getattr(run, name) for name in SETTINGS},
        "minutes": round(sum(one["seconds_of_self_play"] + one["seconds_of_training"] for one in state.log) / 60, 1),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "iterations": state.log,
    }
    beside = folder / "training.json.part"
    beside.write_text(json.dumps(facts, indent=1) + "\n")
    os.replace(beside, folder / "training.json")


def main() -> int:
    """From the command line."""
    try:
        last = train(tyro.cli(Options))
        sys.stderr.write(f"Trained up to iteration {int(last.stem.rpartition('_')[2])}: {last}\n")
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. All iterations that were finished are kept; the same command goes on from there.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
