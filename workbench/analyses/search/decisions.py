"""One decision of an agent that searched: what the network said, what the search made of it, and when it turned.

All values are for the player to move at the root, whoever moves below: the one view is kept throughout.

Axis legend: R legal actions at the root, S simulations, K chosen numbers of simulations, A actions of the game.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.choosing import choose_action
from workbench.search.history import RootHistory, depths, principal_variation, root_history
from workbench.search.replay import rebuild, view_node
from workbench.search.trace import SearchTrace

FloatArray = npt.NDArray[np.float64]
ALIKE = 1e-9
"""Priors that differ by less are equal favourites."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A search in numbers, after k of its simulations.

    N(a) counts the simulations that took a at the root, Q(a) is the mean of what they brought back, or the outcome
    where that is proven; π_N = N / Σ N; P is the network's prior over the legal actions, before any noise; v its value.
    """

    game: str
    simulations: int
    """k."""
    action: npt.NDArray[np.int16]
    """`[R]`, the legal actions; the arrays below are in their order."""
    prior: FloatArray
    """`[R]`, P."""
    used_prior: FloatArray
    """`[R]`, as selection used it: with Dirichlet noise where there was some."""
    visits: npt.NDArray[np.int32]
    """`[R]`, N."""
    q: FloatArray
    """`[R]`, Q; NaN without a visit."""
    bonus: FloatArray
    """`[R]`, U: what selection adds to Q (mapped as it maps it); NaN where the rule has no such form."""
    improved: FloatArray
    """`[R]`, π' = softmax(log P + σ(completed Q)), Gumbel's improved policy (Danihelka et al. 2022, with the mixed
    value of mctx), from the prior that selection used; NaN where the source keeps too little for it."""
    proven: npt.NDArray[np.int8]
    """`[R]`, the proven outcome: −1, 0, 1; −2: none."""
    favourite: int
    """The action with the largest prior. Of several equal ones (see `favourites`) the choice if it is among them, else
    the first."""
    favourites: int
    """How many actions share the largest prior, up to 1e-9."""
    choice: int
    """The action that the search prefers: proven wins first, proven losses last, then the most visited
    (`workbench.search.choose_action` without temperature)."""
    played: int
    """The action that was taken, which a temperature may have drawn otherwise; −1: none, or k is not the end."""
    net_value: float
    """v, the network's value of the root."""
    search_value: float
    """(v + Σ N Q) / (1 + Σ N): the root's value after the search, its own evaluation counted once; the outcome where
    the root is proven."""
    turned_at: int | None
    """After how many simulations the choice was behind nothing, for good: the smallest j from which on no other action
    that may be played had more visits, up to k. 0: it was never behind. None: the source keeps no simulations."""
    refuted_at: int | None
    """After how many simulations the prior's favourite fell behind for good: the smallest j from which on some action
    had more visits than it, or it was a proven loss (or something else a proven win). None: it never did."""
    mean_depth: float | None
    """Mean over the simulations of how many actions lead to where they ended."""
    max_depth: int | None
    stability: float | None
    """½ Σ |π_N after k − π_N after ⌊k / 2⌋|, total variation: 0 where the shares did not move, 1 where all visits went
    elsewhere. None below 4 simulations."""
    variation: tuple[int, ...]
    """The principal variation: the choice, then the most visited, as far as there are visits."""

    @property
    def share(self) -> FloatArray:
        """`[R]`, π_N."""
        return np.asarray(self.visits / max(1, int(self.visits.sum())))

    @property
    def overturn(self) -> bool:
        """Whether the choice is none of the prior's favourites."""
        return self.choice != self.favourite

    @property
    def chance_overturn(self) -> float:
        """How often a prior whose numbers were dealt out anew among the legal actions would have been overturned:
        1 − favourites / R. An overturn says the more the rarer it is beside this.
        """
        return 1.0 - self.favourites / len(self.action)

    @property
    def surprise(self) -> float:
        """KL(π_N ‖ P) = Σ π_N ln(π_N / P) in nats, the policy surprise (Wu 2019, KataGo); infinite where an action with
        visits has no prior. NaN without visits.
        """
        return divergence(self.share, self.prior) if self.visits.any() else float("nan")

    @property
    def improved_surprise(self) -> float:
        """KL(π' ‖ P) in nats: as `surprise`, and defined likewise for searches whose visits are no policy (Gumbel)."""
        return divergence(self.improved, self.prior)

    @property
    def q_gain(self) -> float:
        """Q(choice) − Q(favourite); 0 where they are one, NaN where one of them has no visit."""
        return float(self.q[self.place(self.choice)] - self.q[self.place(self.favourite)]) if self.overturn else 0.0

    @property
    def disagreement(self) -> float:
        """The network's value v less the root's after the search: above 0 it was too hopeful for the player to move."""
        return self.net_value - self.search_value

    @property
    def breadth(self) -> float:
        """exp(−Σ π_N ln π_N): how many root actions the visits are spread over, 1 to R."""
        share = self.share[self.visits > 0]
        return float(np.exp(-(share * np.log(share)).sum())) if len(share) else float("nan")

    @property
    def turned_share(self) -> float:
        """`turned_at` / k: which part of the search was needed; NaN where that is not known."""
        return float("nan") if self.turned_at is None or not self.simulations else self.turned_at / self.simulations

    def place(self, action: int) -> int:
        """Where an action stands in the arrays."""
        found = np.flatnonzero(self.action == action)
        if not len(found):
            raise WorkbenchError(f"Action {action} is not legal at this decision; legal are: {self.action.tolist()}.")
        return int(found[0])


def divergence(policy: FloatArray, reference: FloatArray) -> float:
    """KL(policy ‖ reference) = Σ p ln(p / r) in nats, 0 ln 0 = 0; infinite where p > 0 = r.

    Args:
        policy: `[R]`, sums to 1.
        reference: `[R]`, sums to 1.
    """
    there = policy > 0
    with np.errstate(divide="ignore"):
        terms = policy[there] * (np.log(policy[there]) - np.log(reference[there]))
    return float(max(0.0, terms.sum())) if np.isfinite(policy).all() else float("nan")


def total_variation(first: FloatArray, second: FloatArray) -> float:
    """½ Σ |p − q| of two distributions `[R]`: 0 to 1."""
    return float(0.5 * np.abs(first - second).sum())


def measure_decision(trace: SearchTrace, simulations: int | None = None) -> Decision:
    """Measure one search.

    Args:
        trace: Of whatever source; of one that keeps the final tree alone, what happened on the way is None.
        simulations: Measure it as it was after so many, 0 to S; None: all.

    Raises:
        WorkbenchError: There are fewer simulations, or the source keeps none and a number was asked for.
    """
    if not len(trace.root_prior):
        raise WorkbenchError(f"The root of this search of {trace.game} has no actions; there is no decision.")
    view, state = view_node(trace, 0, simulations), rebuild(trace, simulations)
    k = state.simulations
    known = view.proven > -2
    q = np.where(known, view.proven, view.q).astype(np.float64)
    choice = choose_action(trace, simulations=simulations)
    prior = trace.root_prior.astype(np.float64)
    prior = prior / prior.sum() if prior.sum() > 0 else np.full(len(prior), 1 / len(prior))
    top = np.flatnonzero(prior >= prior.max() - ALIKE)
    actions = [int(action) for action in view.action[top]]
    favourite = choice if choice in actions else actions[0]
    visits, net_value = view.visits, float(trace.value[0])
    proven = int(state.proven[0])
    mean = (net_value + float(state.value_sum[trace.edges_of(0)].sum())) / (1 + int(visits.sum()))
    turned = refuted = depth = deepest = stability = None
    if trace.replayable:
        assert trace.leaf is not None
        history = root_history(trace)
        turned = _turned_at(history, k, choice)
        refuted = _refuted_at(history, k, favourite)
        ended = depths(trace.parent)[trace.leaf[:k]]
        depth, deepest = (float(ended.mean()), int(ended.max())) if k else (0.0, 0)
        if k >= 4:
            stability = total_variation(_shares(history.visits[k // 2]), _shares(history.visits[k]))
    whole = k == trace.simulations or not trace.replayable
    return Decision(
        game=trace.game,
        simulations=k,
        action=view.action,
        prior=prior,
        used_prior=view.prior,
        visits=visits,
        q=q,
        bonus=view.bonus,
        improved=view.improved,
        proven=view.proven,
        favourite=favourite,
        favourites=len(top),
        choice=choice,
        played=trace.chosen if whole else -1,
        net_value=net_value,
        search_value=float(proven - 2) if proven else mean,
        turned_at=turned,
        refuted_at=refuted,
        mean_depth=depth,
        max_depth=deepest,
        stability=stability,
        variation=principal_variation(trace, simulations, first=choice),
    )


def _shares(visits: npt.NDArray[np.int32]) -> FloatArray:
    return np.asarray(visits / max(1, int(visits.sum())))


def _standing(history: RootHistory, k: int) -> npt.NDArray[np.int64]:
    """`[k + 1, R]`, the visits; −1 of what may not be played."""
    return np.where(history.allowed[: k + 1], history.visits[: k + 1].astype(np.int64), -1)


def _first_for_good(holds: npt.NDArray[np.bool_]) -> int | None:
    """The first place from which on it holds to the end; None where it does not hold at the end."""
    wrong = np.flatnonzero(~holds)
    first = int(wrong[-1]) + 1 if len(wrong) else 0
    return first if first < len(holds) else None


def _turned_at(history: RootHistory, k: int, choice: int) -> int:
    standing = _standing(history, k)
    ahead = standing[:, history.action == choice][:, 0] >= standing.max(axis=1)
    found = _first_for_good(ahead)
    # Between equally visited ones of a Gumbel search something else decides, at the end.
    return k if found is None else found


def _refuted_at(history: RootHistory, k: int, favourite: int) -> int | None:
    standing = _standing(history, k)
    return _first_for_good(standing[:, history.action == favourite][:, 0] < standing.max(axis=1))


@dataclass(frozen=True, kw_only=True)
class DecisionCourse:
    """How a decision came about: its numbers after some numbers of simulations."""

    simulations: npt.NDArray[np.int64]
    """`[K]`"""
    action: npt.NDArray[np.int16]
    """`[R]`"""
    visits: npt.NDArray[np.int32]
    """`[K, R]`"""
    q: FloatArray
    """`[K, R]`, NaN without a visit."""
    choice: npt.NDArray[np.int64]
    """`[K]`, what would have been chosen."""
    surprise: FloatArray
    """`[K]`, KL(π_N ‖ P) in nats; NaN without a visit."""
    stability: FloatArray
    """`[K]`, total variation between π_N then and after half as many; NaN below 4 simulations."""
    variations: tuple[tuple[int, ...], ...]
    """K principal variations."""


def doublings(simulations: int) -> list[int]:
    """1, 2, 4 … and the last one: where a search is looked at unless somebody says otherwise."""
    return sorted({*(2**power for power in range(max(1, simulations).bit_length())), simulations})


def course_of(trace: SearchTrace, at: Sequence[int] | None = None) -> DecisionCourse:
    """Follow a decision over its simulations.

    Args:
        trace: With its simulations.
        at: After how many it is looked at, each 0 to S; None: 1, 2, 4 … and S.

    Raises:
        WorkbenchError: The trace holds the final tree alone, or has fewer simulations.
    """
    history = root_history(trace)
    chosen = doublings(trace.simulations) if at is None else [int(k) for k in at]
    for k in chosen:
        if not 0 <= k <= trace.simulations:
            raise WorkbenchError(f"This search has {trace.simulations} simulations; asked was for {k}.")
    prior = trace.root_prior.astype(np.float64)
    prior /= prior.sum()
    choices = [choose_action(trace, simulations=k) for k in chosen]
    return DecisionCourse(
        simulations=np.array(chosen, np.int64),
        action=history.action,
        visits=history.visits[chosen],
        q=history.q[chosen],
        choice=np.array(choices, np.int64),
        surprise=np.array([divergence(_shares(history.visits[k]), prior) if k else np.nan for k in chosen]),
        stability=np.array(
            [
                total_variation(_shares(history.visits[k // 2]), _shares(history.visits[k])) if k >= 4 else np.nan
                for k in chosen
            ]
        ),
        variations=tuple(principal_variation(trace, k, first=one) for k, one in zip(chosen, choices, strict=True)),
    )


def node_disagreement(trace: SearchTrace, simulations: int | None = None) -> FloatArray:
    """Where in the tree the network and the search disagree: v(s) − V(s) at each node, `[N]`.

    V(s) = (v(s) + Σ over its edges of N Q) / (1 + Σ N), or the proven outcome. Everything is in the view of the player
    to move at the *root*; NaN of nodes that are not made yet. Above 0: the network thought better of the position, for
    the root's player, than what was found below it.

    Raises:
        WorkbenchError: As `rebuild`.
    """
    state = rebuild(trace, simulations)
    owner = np.repeat(np.arange(trace.nodes), np.diff(trace.first_edge))
    counts = np.bincount(owner, weights=state.visits, minlength=trace.nodes)
    sums = np.bincount(owner, weights=state.value_sum, minlength=trace.nodes)
    found = (trace.value + sums) / (1 + counts)
    found = np.where(state.proven > 0, state.proven.astype(np.float64) - 2, found)
    sign = np.where(trace.player == trace.player[0], 1.0, -1.0)
    return np.where(state.node_visits > 0, sign * (trace.value - found), np.nan)
