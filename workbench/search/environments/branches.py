"""The tree of one search in an environment, while it grows."""

import math
import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.progress import Progress
from workbench.search.environments.adapters import find_adapter
from workbench.search.environments.growing import (
    ONE,
    SEVERAL,
    add,
    grow,
    select_below,
    select_known,
    settle,
)
from workbench.search.environments.guiding import Guide, Unguided
from workbench.search.environments.outcomes import digest, frozen, own_copy
from workbench.search.environments.rollouts import Rollout, action_numbers, make_rollout
from workbench.search.environments.snapshots import Session, Snapshots, legal_actions
from workbench.search.environments.tables import TableSteps
from workbench.search.settings import SearchSettings
from workbench.search.tree import TERMINAL, allocate, back_up, considered_visits, pass_down

_MOST_EDGES = 2**25
"""A gigabyte."""
_SECONDS = 0.05
"""Between two words to whoever watches."""


class KeptNodes:
    """Snapshots of the nodes of a search, for a viewer; good as long as the environment is not stepped or reset."""

    def __init__(self) -> None:
        self.opened: Snapshots | None = None
        self.snapshots: dict[int, Any] = {}
        self.observations: dict[int, Any] = {}
        """What was seen at each of them."""

    def take(self, opened: Snapshots, snapshots: dict[int, Any], observations: dict[int, Any]) -> None:
        """Keep those of a search that is over, and nothing of the one before."""
        self.opened, self.snapshots, self.observations = opened, dict(snapshots), dict(observations)


class _New(NamedTuple):
    """A node that a simulation made."""

    node: int
    parent: int
    edge: int
    reward: float
    observation: Any
    terminated: bool
    truncated: bool
    legal: npt.NDArray[np.bool_]
    rolled: float


class Branches:
    """Selects, steps, asks and backs up.

    Args:
        session: The environment.
        space: Of its actions.
        guide: Says priors and values.
        settings: How to search.
        rollout: Says values instead; None: the guide does.
        widening: α of progressive widening, or None.
        seed: Of what is drawn here.
        always_chance: Every step may have other outcomes.
        hidden: Whether what the player cannot know may be drawn anew at the root.
        keep: Keep snapshots of all nodes.
    """

    def __init__(
        self,
        *,
        session: Session,
        space: Any,
        guide: Guide,
        settings: SearchSettings,
        rollout: Rollout | None,
        widening: float | None,
        seed: int,
        always_chance: bool,
        hidden: bool,
        keep: bool,
    ) -> None:
        self._stepper, self._guide, self._settings, self._widening = session.stepper, guide, settings, widening
        self._actions = int(space.n)
        self._taken = action_numbers(space, self._stepper)
        self._random = np.random.default_rng([seed, 1])
        self._seed, self._always_chance, self._keep = seed, always_chance, keep
        S, A = settings.simulations, self._actions
        if (S + 1) * A > _MOST_EDGES:
            raise WorkbenchError(
                f"A tree of {S} simulations with {A} actions each has more than {_MOST_EDGES:,} edges: search less."
            )
        table = considered_visits(settings.considered if settings.rule == "gumbel" else 0, S)
        self._tree, self._rules = allocate(1, S + 1, (S + 1) * A, A, table), settings.rules
        self._kind = np.zeros((S + 1) * A, np.uint8)
        self._scores = np.zeros(A)
        # Views of records, which the compiled code writes.
        self._edge_action = self._tree.edges["action"]
        self._edge_visits = self._tree.edges["visits"]
        self._node_visits = self._tree.nodes["visits"]
        self._status = self._tree.nodes["status"]
        self._free = 0
        self._count = 1
        self._leaf, self._wave = np.zeros(S, np.int32), np.zeros(S, np.int32)
        self._digest = np.zeros(S + 1, np.uint64)
        self.snapshots: dict[int, Any] = {}
        """Of each node that has one."""
        self.observations: dict[int, Any] = {}
        """Of each node, where they are kept."""
        self._certain = bytearray(S + 1)
        self._memory: list[Any] = [None] * (S + 1)
        self._children: dict[Any, int] = {}
        self._outcomes: dict[int, list[int]] = {}
        adapter = find_adapter(self._stepper.stack.bare) if hidden else None
        self._redraw = adapter.redraw if adapter is not None else None
        self._masked = self._stepper.stack.top.has_wrapper_attr("action_masks")
        self._asks_legal = self._masked or guide.takes_action_masks
        self._all = np.ones(A, np.bool_)
        self._unguided = isinstance(guide, Unguided)
        self._nothing = np.zeros(A, np.float32)
        self.has_values = False
        """Whether the guide says values."""
        self._roll = None
        if rollout is not None:
            self._roll = make_rollout(rollout, self._stepper, space, settings.discount, self._random)

    def plant(self, observation: Any, memory: Any, legal: npt.NDArray[np.bool_] | None) -> None:
        """Evaluate the root, and mix in its noise."""
        stepper, tree, settings = self._stepper, self._tree, self._settings
        self.snapshots[0] = stepper.save()
        self._certain[0] = not (self._redraw or self._always_chance)
        allowed = np.array(legal, np.bool_) if legal is not None else self._legal(observation, {})
        if allowed.shape != (self._actions,) or not allowed.any():
            raise WorkbenchError(f"legal must allow at least one of {self._actions} actions; got {allowed}.")
        rolled = self._roll() if self._roll is not None else 0.0
        self._memory[0] = memory
        new = _New(0, -1, -1, 0.0, observation, False, False, allowed, rolled)
        if observation is not None:
            self._digest[0] = digest(frozen(observation))
            self.observations[0] = own_copy(observation)
        [(logits, value)] = self._evaluate([new], [memory])
        self._free = settle(tree, 0, value, False, allowed, logits, 0)
        tree.nodes["visits"][0] = 1
        self.root_prior = tree.edges["prior"][: self._free].copy()
        self.noise = self._noise(self._free)
        if self.noise is not None and settings.rule == "gumbel":
            tree.gumbel[0, : self._free] = self.noise
        elif self.noise is not None:
            mixed = (1 - settings.noise) * self.root_prior + settings.noise * self.noise
            tree.edges["prior"][: self._free] = mixed

    def _noise(self, edges: int) -> npt.NDArray[np.float64] | None:
        random = np.random.default_rng((self._seed, 0))
        if self._settings.rule == "gumbel":
            return random.gumbel(size=edges)
        if self._settings.rule == "puct" and self._settings.noise > 0:
            return random.dirichlet(np.full(edges, self._settings.noise_concentration or 10 / edges))
        return None

    def run(self, progress: Progress) -> None:
        """Search until the budget is spent."""
        S, size = self._settings.simulations, self._settings.wave
        wave, done, told = 0, 0, -math.inf
        while done < S:
            if time.monotonic() > told + _SECONDS:
                progress.update(done, S, f"{done} simulations")
                told = time.monotonic()
            together = min(size, S - done)
            if size == 1:
                leaf = self._one()
                self._leaf[done] = leaf
            else:
                self._several(done, together)
            self._wave[done : done + together] = wave
            done += together
            wave += 1
        progress.update(S, S, f"{S} simulations")

    def _one(self) -> int:
        """A simulation by itself; gives its leaf."""
        leaf, new = self._select()
        if new is None:
            back_up(self._tree, self._rules, 0, leaf)
            return leaf
        if new.terminated or self._unguided:
            logits, value = self._nothing, new.rolled
        else:
            [(logits, value)] = self._evaluate([new], [self._memory[new.parent]])
        self._free = grow(
            self._tree,
            self._rules,
            new.parent,
            new.edge,
            leaf,
            new.reward,
            value,
            new.terminated or new.truncated,
            new.legal,
            logits,
            self._free,
        )
        return leaf

    def _several(self, begin: int, together: int) -> None:
        """Simulations whose leaves are evaluated together, with a virtual loss on the way to each."""
        tree, fresh = self._tree, []
        for simulation in range(begin, begin + together):
            leaf, new = self._select()
            if new is not None:
                add(tree, new.parent, new.edge, leaf, new.reward)
                fresh.append(new)
            self._leaf[simulation] = leaf
            pass_down(tree, leaf, 1)
        asked = [new for new in fresh if not new.terminated]
        answers = iter(self._evaluate(asked, [self._memory[new.parent] for new in asked]) if asked else ())
        for new in fresh:
            logits, value = (self._nothing, 0.0) if new.terminated else next(answers)
            ended = new.terminated or new.truncated
            self._free = settle(tree, new.node, value, ended, new.legal, logits, self._free)
        for simulation in range(begin, begin + together):
            leaf = int(self._leaf[simulation])
            pass_down(tree, leaf, -1)
            back_up(tree, self._rules, 0, leaf)

    def _select(self) -> tuple[int, _New | None]:
        """Go down to a leaf; gives it, and what is new of it unless it was there."""
        stepper, certain = self._stepper, self._certain
        node, edge = select_known(self._tree, self._rules, self._scores, self._kind)
        if edge < 0:
            return node, None
        stepper.restore(self.snapshots[node])
        if node == 0 and self._redraw is not None:
            self._redraw(stepper.show().unwrapped)
        while True:
            stepper.mark()
            observation, given, ended, cut, info = stepper.step(self._taken[self._edge_action[edge]])
            reward, terminated, truncated = float(given), bool(ended), bool(cut)
            sure = False
            if certain[node]:
                sure = not stepper.drew()
                self._kind[edge] = ONE if sure else SEVERAL
            place = (edge, frozen(observation), reward, terminated, truncated)
            child = self._children.get(place)
            if child is None and not sure and self._widening is not None:
                child = self._instead(edge)
            if child is None:
                return self._make(place, node, observation, info, sure)
            node = child
            edge = select_below(self._tree, self._rules, node, self._scores)
            if edge < 0:
                return node, None

    def _instead(self, edge: int) -> int | None:
        """One of the outcomes that an edge has, where it has as many as it may; the environment goes there."""
        made = self._outcomes.get(edge)
        assert self._widening is not None
        if made is None or len(made) < math.ceil((int(self._edge_visits[edge]) + 1) ** self._widening):
            return None
        often = np.cumsum(np.maximum(self._node_visits[made], 1))
        child = made[int(np.searchsorted(often, self._random.random() * often[-1], side="right"))]
        if child in self.snapshots:
            self._stepper.restore(self.snapshots[child])
        return child

    def _make(self, place: Any, parent: int, observation: Any, info: Any, sure: bool) -> tuple[int, _New]:
        edge, key, reward, terminated, truncated = place
        if not math.isfinite(reward):
            raise WorkbenchError(f"The environment gave the reward {reward}, which cannot be added up.")
        node = self._count
        self._count += 1
        self._children[place] = node
        self._certain[node] = sure
        if not sure:
            self._outcomes.setdefault(edge, []).append(node)
        self._digest[node] = digest(key)
        if self._keep:
            self.observations[node] = own_copy(observation)
        # An environment may change its arrays in place before they are evaluated.
        seen = None if self._unguided else own_copy(observation)
        legal, rolled = self._all, 0.0
        if not (terminated or truncated):
            if self._asks_legal:
                legal = self._legal(observation, info)
            if sure or self._keep or self._widening is not None:
                self.snapshots[node] = self._stepper.save()
            if self._roll is not None:
                rolled = self._roll()
        elif self._keep:
            self.snapshots[node] = self._stepper.save()
        return node, _New(node, parent, edge, reward, seen, terminated, truncated, legal, rolled)

    def _legal(self, observation: Any, info: Any) -> npt.NDArray[np.bool_]:
        if self._masked:
            legal = legal_actions(self._stepper.show(), self._actions)
            assert legal is not None
            return legal
        legal = self._all
        if self._guide.takes_action_masks:
            bare: Any = self._stepper.stack.bare
            if "action_mask" in info:
                legal = np.array(info["action_mask"], np.bool_)
            elif isinstance(self._stepper, TableSteps) and callable(getattr(bare, "action_mask", None)):
                legal = np.array(bare.action_mask(int(observation)), np.bool_)
            if not legal.any():
                raise WorkbenchError("The environment's action_mask allows no action in a state that is not the end.")
        return legal

    def _evaluate(self, new: list[_New], before: list[Any]) -> list[tuple[npt.NDArray[np.float32], float]]:
        """Logits and value of nodes that are no ends."""
        if self._unguided:
            return [(self._nothing, one.rolled) for one in new]
        judged = self._guide.judge([one.observation for one in new], before, [one.legal for one in new])
        if judged.logits.shape != (len(new), self._actions):
            raise WorkbenchError(
                f"{self._guide.name} gives logits of shape {list(judged.logits.shape)} where the environment has "
                f"{self._actions} actions: it belongs to another environment."
            )
        self.has_values = judged.values is not None
        if judged.values is None and self._roll is None:
            raise WorkbenchError(
                f"{self._guide.name} says nothing of the value of a state: have it played out, with rollout=Rollout() "
                f"(recording: search_rollouts=100, --search-rollouts 100)."
            )
        answers = []
        # In one layout, for which the compiled code is there already.
        rows = np.array(judged.logits, np.float32, order="C")
        for row, one in enumerate(new):
            self._memory[one.node] = judged.memories[row]
            value = one.rolled
            if judged.values is not None and (one.truncated or self._roll is None):
                value = float(judged.values[row])
            if not math.isfinite(value) or np.isnan(rows[row]).any():
                raise WorkbenchError(
                    f"{self._guide.name} gave something that is not a number for the observation "
                    f"{' '.join(str(one.observation).split())[:120]}; look at its weights."
                )
            answers.append((rows[row], value))
        return answers

    def chance_in_words(self) -> str:
        """Whether steps of the tree drew random numbers."""
        several = sum(len(made) > 1 for made in self._outcomes.values())
        if not self._outcomes:
            return "none: every step in the tree was certain"
        hidden = ", and what the player cannot see was drawn anew at each simulation" if self._redraw else ""
        return f"{len(self._outcomes)} of the edges drew their outcome, {several} had more than one{hidden}"

    def arrays(self) -> dict[str, Any]:
        """The tree's part of a trace."""
        tree, N, E = self._tree, self._count, self._free
        nodes, edges = tree.nodes[:N], tree.edges[:E]
        parent = nodes["parent"].astype(np.int32)
        incoming = np.maximum(nodes["incoming"], 0)
        return {
            "parent": parent,
            "action": np.where(parent < 0, -1, edges["action"][incoming]).astype(np.int16),
            "player": np.zeros(N, np.int8),
            "value": nodes["value"].copy(),
            "terminal": nodes["status"] == TERMINAL,
            "reward": nodes["reward"].copy(),
            "position": self._digest[:N, None].copy(),
            "first_edge": np.concatenate([[0], np.cumsum(nodes["edge_count"])]).astype(np.int32),
            "edge_action": edges["action"].copy(),
            "prior": edges["prior"].copy(),
            "leaf": self._leaf,
            "backed_up": nodes["value"][self._leaf],
            "wave": self._wave,
            "root_prior": self.root_prior,
            "noise": self.noise,
        }
