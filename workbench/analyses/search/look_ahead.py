"""Does the network itself see the moves that are to come? Probes for the move after next, and patching of one square.

Both follow Jenner et al. 2024, "Evidence of Learned Look-Ahead in a Chess-Playing Neural Network" (NeurIPS): a probe
tells whether the move after next can be read from a layer, beside the same network with random weights; patching tells
whether what a layer holds of one square is what the choice of the move rests on.

Axis legend: P pairs of positions, W words of a packed position, H, W' rows and columns of squares, A actions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.layers import Edit, find_layer, overwritten
from workbench.analyses.probing import ProbeResult, probe_layers
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress
from workbench.recording.reader import Recording
from workbench.search.games import Game, check_positions, observe

FloatArray = npt.NDArray[np.float64]
ILLEGAL = -1e9


@dataclass(frozen=True, kw_only=True)
class LookAheadProbe:
    """Whether a layer knows a later move."""

    layer: str
    planned: ProbeResult
    """Of the move in the principal variation of the search: what the search comes to, not what is in the position."""
    played: ProbeResult | None
    """Of the move that was played so many steps later; None where the recording's actions have no such class."""

    @property
    def seen(self) -> bool:
        """Whether the planned move can be read here, and better than from the input and from the same network with
        random weights, by 95 % intervals over episodes. Without that baseline nothing is claimed.
        """
        found = self.planned
        above = found.random_network is not None and found.random_network.difference.low > 0
        return found.decodable and found.observation.difference.low > 0 and above


def probe_look_ahead(
    recording: Recording,
    policy: Policy,
    layers: Sequence[str] | None = None,
    *,
    ahead: int = 2,
    kind: str = "linear",
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[LookAheadProbe, ...]:
    """Probe layers for a later move, at the step before it is made.

    Args:
        recording: Of an agent that searches, with layers.
        policy: The network, for the baseline with random weights.
        layers: Recorded layers; None takes all.
        ahead: How many moves on; 2 is the own next move where players alternate.
        kind: Of the probes, as in `probe_layers`.
        seed: Of the folds, the random weights and the control tasks.
        progress: As in `probe_layers`.

    Raises:
        WorkbenchError: Nothing was searched, there is no such layer, or no principal variation is so long.
    """
    concepts = [f"planned_in:{ahead}", f"action_in:{ahead}"]
    found = probe_layers(recording, concepts, layers, kind=kind, policy=policy, seed=seed, progress=progress)
    by_key = {(one.layer, one.concept): one for one in found}
    names = dict.fromkeys(one.layer for one in found)
    return tuple(
        LookAheadProbe(layer=name, planned=by_key[name, concepts[0]], played=by_key.get((name, concepts[1])))
        for name in names
    )


@dataclass(frozen=True, kw_only=True)
class LayerPatching:
    """What it does to the right move when a layer holds what it held at the other position of each pair.

    Effects are log-odds(clean) − log-odds(patched) of the right move, in nats: above 0 the move became less likely.
    """

    layer: str
    whole: FloatArray
    """`[P]`, all of the layer patched."""
    squares: FloatArray | None
    """`[P, H, W']`, all channels at one square patched; None of layers that are no maps of squares."""
    at_key: Estimate | None
    """Mean effect at the key square, 95 % interval over pairs."""
    elsewhere: Estimate | None
    """Mean effect over all other squares."""
    difference: Estimate | None
    """Key square less the others, paired."""


@dataclass(frozen=True, kw_only=True)
class SquarePatching:
    """Pairs of positions that differ in one square, and what each layer carries of it; log-odds are over the moves that
    are legal at both.
    """

    clean: FloatArray
    """`[P]`, log-odds of the right move at the first position."""
    corrupted: FloatArray
    """`[P]`, of the same move at the second."""
    layers: tuple[LayerPatching, ...]
    skipped: dict[str, str]
    """By layer, why it was not patched."""

    @property
    def total(self) -> Estimate:
        """Mean of clean − corrupted, which patching the whole input gives: what there is to be explained."""
        return estimate(self.clean - self.corrupted, np.arange(len(self.clean)))


def patch_squares(
    policy: Policy,
    game: Game,
    clean: npt.NDArray[np.uint64],
    corrupted: npt.NDArray[np.uint64],
    moves: npt.ArrayLike,
    keys: npt.ArrayLike,
    layers: Sequence[str],
) -> SquarePatching:
    """Patch each layer, whole and square by square, from one position of each pair into the other.

    Args:
        policy: The network, without memory; its observations are those of the game.
        game: Its rules.
        clean: `[P, W]`, positions at which the moves are right.
        corrupted: `[P, W]`, the same with another thing on the key square, such that they are not.
        moves: `[P]`, the right moves; legal at both positions.
        keys: `[P, 2]`, row and column of the key squares, as the network's maps have them.
        layers: Names of layers.

    Raises:
        WorkbenchError: Shapes that do not belong together, a move that is not legal, or a key that is no square.
    """
    wanted, squares = np.asarray(moves, np.int64), np.asarray(keys, np.int64)
    P = len(clean)
    if clean.shape != corrupted.shape or wanted.shape != (P,) or squares.shape != (P, 2) or not P:
        raise WorkbenchError(
            f"Pairs have two positions, a move and a key square (row, column) each; got {list(clean.shape)}, "
            f"{list(corrupted.shape)}, {list(wanted.shape)} and {list(squares.shape)}."
        )
    legal = [check_positions(game, side)["legal"] for side in (clean, corrupted)]
    for name, side in zip(("first", "second"), legal, strict=True):
        wrong = np.flatnonzero(~side[np.arange(P), wanted])
        if len(wrong):
            raise WorkbenchError(
                f"The move {int(wanted[wrong[0]])} is not legal at the {name} position of pair {wrong[0]}."
            )
    # Odds of one set of moves: or what is legal would be a difference that no layer carries.
    both = legal[0] & legal[1]
    forced = np.flatnonzero(both.sum(1) < 2)
    if len(forced):
        raise WorkbenchError(
            f"At pair {forced[0]} no other move than {int(wanted[forced[0]])} is legal at both positions, so that "
            f"there are no odds of it; leave such pairs out."
        )
    seen = [observe(game, side) for side in (clean, corrupted)]
    with exclusively(policy):
        kept: dict[str, Tensor] = {}
        skipped: dict[str, str] = {}
        for layer in layers:
            find_layer(policy.module, layer)
            try:
                _log_odds(policy, seen[1], both, wanted, {layer: _keep(kept, layer)})
            except WorkbenchError as error:
                skipped[layer] = str(error)
            if layer not in kept:
                skipped.setdefault(layer, "the policy does not run it")
            elif len(kept[layer]) != P:
                skipped[layer] = "its first axis is not that of the positions"
        before = _log_odds(policy, seen[0], both, wanted, {})
        other = _log_odds(policy, seen[1], both, wanted, {})
        found = []
        for layer in (name for name in layers if name not in skipped):

            def effect(edit: Edit, layer: str = layer) -> FloatArray:
                return before - _log_odds(policy, seen[0], both, wanted, {layer: edit})

            found.append(_patched(layer, kept[layer], effect, squares))
    return SquarePatching(clean=before, corrupted=other, layers=tuple(found), skipped=skipped)


def _patched(
    layer: str, donor: Tensor, effect: Callable[[Edit], FloatArray], keys: npt.NDArray[np.int64]
) -> LayerPatching:
    whole = effect(lambda output: donor)
    if donor.ndim != 4 or keys.min() < 0 or (keys.max(axis=0) >= np.array(donor.shape[2:])).any():
        return LayerPatching(layer=layer, whole=whole, squares=None, at_key=None, elsewhere=None, difference=None)
    rows, columns = donor.shape[2:]
    squares = np.zeros((len(donor), rows, columns))
    for row in range(rows):
        for column in range(columns):

            def edit(output: Tensor, row: int = row, column: int = column) -> Tensor:
                changed = output.clone()
                changed[:, :, row, column] = donor[:, :, row, column]
                return changed

            squares[:, row, column] = effect(edit)
    pairs = np.arange(len(donor))
    at_key = squares[pairs, keys[:, 0], keys[:, 1]]
    elsewhere = (squares.sum((1, 2)) - at_key) / max(1, rows * columns - 1)
    return LayerPatching(
        layer=layer,
        whole=whole,
        squares=squares,
        at_key=estimate(at_key, pairs),
        elsewhere=estimate(elsewhere, pairs),
        difference=estimate(at_key - elsewhere, pairs),
    )


def _keep(kept: dict[str, Tensor], layer: str) -> Edit:
    def edit(output: Tensor) -> Tensor:
        kept[layer] = output.detach().clone()
        return output

    return edit


def _log_odds(
    policy: Policy, seen: Any, legal: npt.NDArray[np.bool_], moves: npt.NDArray[np.int64], edits: dict[str, Edit]
) -> FloatArray:
    """ln(p / (1 − p)) of one move a row, over moves `[P, A]`, with layers overwritten: `[P]`."""
    with torch.no_grad(), overwritten(policy.module, edits):
        output = policy.forward(policy.preprocess(seen))
    if output.logits is None:
        raise WorkbenchError(f"{policy.name} gives no logits, of which there would be odds.")
    logits = torch.where(torch.as_tensor(legal), output.logits.double(), ILLEGAL)
    rows = torch.arange(len(logits))
    mine = logits[rows, torch.as_tensor(moves)]
    logits[rows, torch.as_tensor(moves)] = ILLEGAL
    return (mine - logits.logsumexp(dim=1)).numpy()
