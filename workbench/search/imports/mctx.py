"""The trees of mctx (Danihelka et al., github.com/google-deepmind/mctx).

Axis legend:
    B  searches of a batch, N  nodes, A  actions
"""

from typing import Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.search.trace import SearchTrace

_NEEDED = (
    "node_visits", "raw_values", "parents", "action_from_parent", "children_index", "children_prior_logits",
    "children_visits", "children_rewards", "children_discounts", "children_values",
)  # fmt: skip


def from_mctx(tree: Any, *, game: str, batch_index: int = 0, chosen: int = -1, seed: int = 0) -> SearchTrace:
    """The final tree of one search of a batch.

    mctx keeps no order of simulations and does not know which nodes end a game: the trace says so, and cannot be
    replayed. Of two players a negative discount is taken for the other's turn, as mctx's users write it.

    Args:
        tree: The `search_tree` of an mctx policy's output, `[B, N]` and `[B, N, A]`; anything with its arrays.
        game: What was searched.
        batch_index: Which search.
        chosen: What was played.
        seed: For the record.

    Raises:
        WorkbenchError: An array is missing, or there is no such search.
    """
    missing = [name for name in _NEEDED if not hasattr(tree, name)]
    if missing:
        raise WorkbenchError(f"This is no search tree of mctx: it lacks {', '.join(missing)}.")
    visits = np.asarray(tree.node_visits)
    if visits.ndim != 2 or not 0 <= batch_index < len(visits):
        raise WorkbenchError(
            f"mctx's trees are [batch, nodes]; there is no search {batch_index} in node_visits of shape {visits.shape}."
        )
    arrays = {name: np.asarray(getattr(tree, name))[batch_index] for name in _NEEDED}
    made = np.flatnonzero(arrays["node_visits"] > 0)
    N, A = len(made), arrays["children_visits"].shape[1]
    if not np.array_equal(made, np.arange(N)):
        raise WorkbenchError("The nodes of this mctx tree are not numbered in the order in which they were made.")
    parent = np.where(np.arange(N) == 0, -1, arrays["parents"][:N]).astype(np.int32)
    action = np.where(parent < 0, -1, arrays["action_from_parent"][:N]).astype(np.int16)
    legal = np.ones((N, A), np.bool_)
    invalid = getattr(tree, "root_invalid_actions", None)
    if invalid is not None:
        legal[0] = np.asarray(invalid)[batch_index] == 0
    player = np.zeros(N, np.int8)
    for node in range(1, N):
        turned = arrays["children_discounts"][parent[node], action[node]] < 0
        player[node] = player[parent[node]] ^ turned
    logits = np.where(legal, arrays["children_prior_logits"][:N].astype(np.float64), -np.inf)
    weights = np.exp(logits - logits.max(1, keepdims=True))
    prior = weights / weights.sum(1, keepdims=True)
    q = arrays["children_rewards"][:N] + arrays["children_discounts"][:N] * arrays["children_values"][:N].astype(float)
    first = np.concatenate([[0], np.cumsum(legal.sum(1))]).astype(np.int32)
    return SearchTrace(
        game=game,
        settings=None,
        seed=seed,
        fingerprint="",
        parent=parent,
        action=action,
        player=player,
        value=arrays["raw_values"][:N].astype(np.float32),
        terminal=np.zeros(N, np.bool_),
        reward=np.where(parent < 0, 0.0, arrays["children_rewards"][np.maximum(parent, 0), np.maximum(action, 0)]),
        first_edge=first,
        edge_action=np.broadcast_to(np.arange(A, dtype=np.int16), (N, A))[legal],
        prior=prior[legal].astype(np.float32),
        leaf=None,
        backed_up=None,
        wave=None,
        root_prior=prior[0][legal[0]].astype(np.float32),
        final_visits=arrays["children_visits"][:N][legal].astype(np.int32),
        final_value=q[legal].astype(np.float64),
        chosen=chosen,
        source="mctx",
        absent=(
            "the order of the simulations",
            "which nodes end the game",
            "the root's noise apart from its priors",
            "which actions are legal below the root",
        ),
    )
