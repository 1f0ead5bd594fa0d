"""What to play after a search, and what the search would have the network say.

Axis legend:
    A  actions of the game, R  edges of the root
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.replay import NodeView, view_node
from workbench.search.trace import SearchTrace


def choose_action(
    trace: SearchTrace, *, temperature: float = 0.0, seed: int | None = None, simulations: int | None = None
) -> int:
    """The action to take on the strength of a search.

    A proven win is taken, a proven loss avoided. Then, with temperature 0, the most visited action, the better Q and
    the larger prior deciding between equals (Silver et al. 2018); after a Gumbel search that of the most visited whose
    Gumbel + logit + σ(completed Q) is largest (Danihelka et al. 2022).

    Args:
        trace: With its simulations.
        temperature: Above 0: an action is drawn with a probability ∝ N^(1 / temperature).
        seed: Of the draw; needed with a temperature.
        simulations: Choose as after so many of its simulations; None: all.

    Raises:
        WorkbenchError: A temperature below 0 or without a seed.
    """
    if not 0 <= temperature < np.inf or (temperature > 0 and seed is None):
        raise WorkbenchError(f"A temperature is 0 or more, and needs a seed if it is not 0; got {temperature}, {seed}.")
    view = view_node(trace, 0, simulations)
    allowed = allowed_actions(view.proven)
    if temperature > 0:
        weights = np.where(allowed, view.visits.astype(np.float64), 0.0)
        weights = (weights / weights.max()) ** (1 / temperature) if weights.max() > 0 else allowed.astype(np.float64)
        return int(np.random.default_rng(seed).choice(view.action, p=weights / weights.sum()))
    gumbel = trace.settings is not None and trace.settings.rule == "gumbel" and trace.noise is not None
    preferred = _gumbel_scores(trace, view) if gumbel else np.nan_to_num(view.q, nan=-np.inf)
    order = np.lexsort((view.prior, preferred, view.visits, allowed))
    return int(view.action[order[-1]])


def visit_policy(trace: SearchTrace, actions: int) -> npt.NDArray[np.float64]:
    """π_N = N / ΣN over all actions of the game, `[A]`: what AlphaZero trains its network on."""
    view = view_node(trace)
    policy = np.zeros(actions)
    policy[view.action] = view.visits / max(view.visits.sum(), 1)
    return policy


def improved_policy(trace: SearchTrace, actions: int) -> npt.NDArray[np.float64]:
    """Gumbel's improved policy over all actions of the game, `[A]`: softmax(log P + σ(completed Q))."""
    view = view_node(trace)
    policy = np.zeros(actions)
    policy[view.action] = view.improved
    return policy


def with_choice(trace: SearchTrace, action: int) -> SearchTrace:
    """The same trace, with what was played after it."""
    return dataclasses.replace(trace, chosen=int(action))


def allowed_actions(proven: npt.NDArray[np.signedinteger[Any]]) -> npt.NDArray[np.bool_]:
    """What may be played: proven wins if there are any, else all that is no proven loss, else all.

    Args:
        proven: `[..., R]`, the outcome that is proven of each action, for the player to move: −1, 0, 1; −2: none.

    Returns:
        `[..., R]`.
    """
    won, lost = proven == 1, proven == -1
    some_won, all_lost = won.any(-1, keepdims=True), lost.all(-1, keepdims=True)
    return np.asarray(np.where(some_won, won, ~lost | all_lost), np.bool_)


def _gumbel_scores(trace: SearchTrace, view: NodeView) -> npt.NDArray[np.float64]:
    assert trace.noise is not None
    with np.errstate(divide="ignore"):
        # The improved policy is softmax(logit + σ): its logarithm is the sum up to a constant.
        return np.asarray(trace.noise + np.log(view.improved), np.float64)
