"""Minimum description length probes: how short the labels become for somebody who has the layer (Voita & Titov, 2020).

Prequential (online) code: the steps come episode by episode, in blocks that double; each block's labels are coded with
−log₂ p of a logistic probe that was made from the blocks before it, the first one uniformly (log₂ C bits a step). A
layer from which a concept is read easily, and soon, gives a short code: few episodes count as well as a high score.

Beside it stands the code of somebody who has no layer and learns how frequent the classes are from the same blocks; the
*share of the code saved* is 1 − L / L_frequencies. The *compression* is log₂ C a step over L, as in the paper.

Axis legend:
    n  steps
    C  classes
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.features import Features
from workbench.analyses.probing.fitting import Fitted, Setting
from workbench.analyses.probing.folds import Folds
from workbench.analyses.probing.linear import LinearMap
from workbench.analyses.probing.logistic import PENALTIES, fit_path, fit_penalised, log_probabilities
from workbench.analyses.probing.sampling import read_sample
from workbench.analyses.probing.scores import Tally

BLOCKS = 7
"""The first holds about 1/64 of the steps, each further one as many as all before it."""
HELD_BACK = 4
"""A quarter of the episodes so far chooses the penalty."""


@dataclass(frozen=True, kw_only=True)
class Prequential:
    """What coding one concept came to."""

    bits: npt.NDArray[np.float64]
    """`[n]`."""
    frequency_bits: npt.NDArray[np.float64]
    """`[n]`, of a code without the layer."""
    last: LinearMap
    """Made from all steps."""
    blocks: tuple[int, ...]
    """Steps of each."""


def fit_codelength(
    features: Features, concepts: Sequence[Concept], folds: Folds, setting: Setting
) -> dict[str, Fitted]:
    """The codes of each concept, counted by episode."""
    sample = read_sample(features, folds, setting.rows)
    found = {}
    for concept in concepts:
        setting.check()
        assert concept.classes is not None, "the table says that it is for classes"
        places = sample.places(concept, range(folds.count))
        y, episodes = sample.columns(concept, places), sample.episode_of[places]
        coded = prequential(sample.x[torch.as_tensor(places)], y, episodes, len(concept.classes), seed=setting.seed)
        counts = np.zeros((folds.episodes, 3))
        np.add.at(counts, episodes, np.stack([np.ones(len(y)), coded.bits, coded.frequency_bits], axis=1))
        found[concept.name] = Fitted(tally=Tally(counts=counts), whole=coded.last, unmet=frozenset())
    return found


def prequential(x: Tensor, y: Tensor, episodes: npt.NDArray[np.int32], classes: int, *, seed: int = 0) -> Prequential:
    """Code labels block by block, each from what the blocks before it taught.

    Args:
        x: `[n, D]`.
        y: `[n]`, class numbers.
        episodes: `[n]`; a block holds whole ones.
        classes: C.
        seed: Of the order in which they come.
    """
    order = np.random.default_rng(seed).permutation(np.unique(episodes))
    blocks = _blocks(order, episodes)
    bits, frequency_bits = np.zeros(len(y)), np.zeros(len(y))
    bits[blocks[0]] = frequency_bits[blocks[0]] = np.log2(classes)
    last = None
    for number in range(1, len(blocks) + 1):
        before = np.concatenate(blocks[:number])
        last = _taught(x, y, episodes, order, before, classes)
        if number == len(blocks):
            break
        block = torch.as_tensor(blocks[number])
        # So little of each probability is even that what was never met can be coded.
        even = classes / (len(before) + classes)
        said = log_probabilities_of_all(last, x[block].double()).gather(1, y[block].unsqueeze(1)).squeeze(1)
        bits[blocks[number]] = -np.log2((1 - even) * said.exp().numpy() + even / classes)
        counts = np.bincount(y[torch.as_tensor(before)].numpy(), minlength=classes)
        shares = (counts + 1) / (len(before) + classes)
        frequency_bits[blocks[number]] = -np.log2(shares[y[block].numpy()])
    assert last is not None, "there is a block"
    return Prequential(bits=bits, frequency_bits=frequency_bits, last=last, blocks=tuple(map(len, blocks)))


def log_probabilities_of_all(found: LinearMap, x: Tensor) -> Tensor:
    """`[n, C]`."""
    return torch.log_softmax(found(x), dim=1)


def _blocks(order: npt.NDArray[np.int32], episodes: npt.NDArray[np.int32]) -> list[npt.NDArray[np.int64]]:
    """Places of whole episodes, block by block."""
    place_of = np.empty(int(order.max()) + 1, np.int64)
    place_of[order] = np.arange(len(order))
    come = place_of[episodes]
    ends = np.cumsum(np.bincount(come, minlength=len(order)))
    # The number of episodes at which each block is full; each holds one at least.
    full = [int(np.searchsorted(ends, ends[-1] / 2**power)) + 1 for power in range(BLOCKS - 1, -1, -1)]
    bounds = [0, *sorted(set(full))]
    return [np.flatnonzero((come >= first) & (come < last)) for first, last in itertools.pairwise(bounds)]


def _taught(
    x: Tensor, y: Tensor, episodes: npt.NDArray[np.int32], order: npt.NDArray[np.int32], before: npt.NDArray[np.int64],
    classes: int,
) -> LinearMap:  # fmt: skip
    """A logistic probe of what has come, every step counting alike; its penalty is chosen on the last quarter."""
    come = [one for one in order if (episodes[before] == one).any()]
    back = come[-(len(come) // HELD_BACK) :] if len(come) >= HELD_BACK else come[1:][-1:]
    apart = before[np.isin(episodes[before], back)]
    learn = before[~np.isin(episodes[before], back)]
    penalty = PENALTIES[1]
    if len(apart):
        held, mine = torch.as_tensor(apart), torch.as_tensor(learn)
        losses = {
            one: -float(log_probabilities(found, x[held].double(), y[held]).mean())
            for one, found in fit_path(x[mine], y[mine], classes, PENALTIES, balanced=False)
        }
        penalty = min(losses, key=losses.__getitem__)
    both = torch.as_tensor(before)
    return fit_penalised(x[both], y[both], classes, penalty, balanced=False)
