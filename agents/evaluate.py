"""Measure a card's figures anew: `python -m agents.evaluate cheese_maze`."""

import json
import sys
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import torch
import tyro

from agents.cards import read_card, stated, write_figures
from agents.catalogue import FOLDER
from agents.intervals import agree
from agents.trials import TRIALS, measure
from workbench.errors import WorkbenchError


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure what an agent's card states, and say whether it agrees."""

    card: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Cards (folders of `agents/`); all by default."""
    episodes: int | None = None
    """Episodes of each trial; by default as many as the card's figures rest on."""
    seed: int = 1_000_000
    """Seed of the first episode."""
    write: bool = False
    """Write the figures into the cards instead of comparing them."""


def main(options: Options) -> int:
    """Print one JSON object a trial; return 1 where a figure disagrees with its card."""
    torch.set_num_threads(1)
    cards = options.card or tuple(dict.fromkeys(trial.card for trial in TRIALS))
    unknown = set(cards) - {trial.card for trial in TRIALS}
    if unknown:
        known = ", ".join(dict.fromkeys(trial.card for trial in TRIALS))
        raise WorkbenchError(f"There is no card {', '.join(sorted(unknown))}; there are: {known}.")
    status = 0
    for trial in (row for row in TRIALS if row.card in cards):
        figures = measure(trial, episodes=options.episodes, seed=options.seed)
        folder = FOLDER / trial.card
        said: dict[str, Any] = {"card": trial.card, "trial": trial.name}
        said["figures"] = {name: asdict(figure) for name, figure in figures.items()}
        if options.write:
            write_figures(folder, trial, figures, seed=options.seed)
        elif trial.name in read_card(folder).get("measured", {}):
            expected = stated(folder, trial.name)
            agreement = {name: agree(expected[name], figure) for name, figure in figures.items()}
            said["agrees"] = agreement
            status |= not all(agreement.values())
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    return int(status)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Options)))
    except WorkbenchError as error:
        sys.exit(str(error))
