"""Traces that are made by hand, simulation by simulation, and a game environment with a planted network."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from torch import nn

from envs.games import TIC_TAC_TOE
from workbench.policies.module_policy import module_policy
from workbench.policies.types import PolicyOutput
from workbench.search import SearchSettings, SearchTrace, play_line
from workbench.search.replay import backed_up_of


def hand_made(
    prior: Sequence[float],
    paths: Sequence[tuple[int, ...]],
    values: Mapping[tuple[int, ...], float] | None = None,
    ends: Sequence[tuple[int, ...]] = (),
    **given: Any,
) -> SearchTrace:
    """A search that went along these paths; players alternate, and every node that is no end has as many actions as the
    root, evenly likely.
    """
    values, A = dict(values or {}), len(prior)
    number = {(): 0}
    leaf = []
    for path in paths:
        number.setdefault(path, len(number))
        leaf.append(number[path])
    nodes = list(number)
    counts = [0 if path in ends else A for path in nodes]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    prior = np.array(prior, np.float32)
    blank = np.zeros(len(paths), np.float32)
    bare: dict[str, Any] = {
        "game": "hand made",
        "settings": SearchSettings(simulations=max(2, len(paths)), prove=bool(ends), **given),
        "seed": 0,
        "fingerprint": "",
        "parent": np.array([-1, *(number[path[:-1]] for path in nodes[1:])], np.int32),
        "action": np.array([-1, *(path[-1] for path in nodes[1:])], np.int16),
        "player": np.array([len(path) % 2 for path in nodes], np.int8),
        "value": np.array([values.get(path, 0.0) for path in nodes], np.float32),
        "terminal": np.array([path in ends for path in nodes]),
        "first_edge": first,
        "edge_action": np.concatenate([np.arange(count) for count in counts]).astype(np.int16),
        "prior": np.concatenate([prior, *(np.full(count, 1 / A, np.float32) for count in counts[1:])]).astype(
            np.float32
        ),
        "leaf": np.array(leaf, np.int32),
        "wave": np.arange(len(paths), dtype=np.int32),
        "root_prior": prior,
    }
    made = SearchTrace(backed_up=blank, **bare)
    return SearchTrace(backed_up=backed_up_of(made).astype(np.float32), **bare)


@cache
def minimax(first: int, second: int) -> int:
    """The exact outcome of a position of tic-tac-toe for the player to move, by trying everything."""
    position = np.array([first, second], np.uint64)
    facts = TIC_TAC_TOE.facts(position)
    if facts["ended"]:
        return int(facts["outcome"])
    return max(-minimax(*map(int, play_line(TIC_TAC_TOE, position, [a]))) for a in np.flatnonzero(facts["legal"]))


@cache
def _action_values(first: int, second: int) -> tuple[float, ...]:
    position = np.array([first, second], np.uint64)
    legal = TIC_TAC_TOE.facts(position)["legal"]
    after = [play_line(TIC_TAC_TOE, position, [a]) if legal[a] else None for a in range(9)]
    return tuple(np.nan if one is None else -minimax(*map(int, one)) for one in after)


def exact_values(positions: Any) -> Any:
    """`[B, 9]`, the exact value of every action; NaN where it is not legal."""
    return np.array([_action_values(int(one[0]), int(one[1])) for one in positions], np.float64).reshape(-1, 9)


def position_of(observation: Any) -> Any:
    """`[2]`, the packed position that an observation `[2, 3, 3]` shows."""
    mine, theirs = (observation.reshape(2, 9) * 2 ** np.arange(9)).sum(1).astype(np.uint64)
    return np.array((mine, theirs) if observation.sum() % 2 == 0 else (theirs, mine), np.uint64)


class Knowing:
    """An evaluator that knows tic-tac-toe: it prefers the right moves (or, with a sign of −1, the worst), and gives the
    exact value times `certainty`.
    """

    name = "knowing"

    def __init__(self, sign: float = 1.0, certainty: float = 1.0) -> None:
        self.sign, self.certainty = sign, certainty
        self.fingerprint = f"knowing:{sign}:{certainty}"
        self._said: dict[bytes, Any] = {}

    def __call__(self, observations: Any) -> Any:
        known = [self._known(one) for one in observations]
        return np.stack([logits for logits, _ in known]), np.array([value for _, value in known], np.float32)

    def _known(self, observation: Any) -> Any:
        key = observation.tobytes()
        if key not in self._said:
            values = exact_values(position_of(observation)[None])[0]
            logits = np.where(np.isnan(values), -30, 4 * self.sign * values).astype(np.float32)
            self._said[key] = logits, self.certainty * np.nanmax(values)
        return self._said[key]


class Solver:
    """Tic-tac-toe by trying everything, in the form of a solver."""

    def solve(self, positions: Any) -> Any:
        class Solution:
            action_values = exact_values(positions)

        return Solution


class Playing(gymnasium.Env[Any, Any]):
    """Tic-tac-toe where each step is the move of whoever is to move; a few random moves come first."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": [], "action_names": list(TIC_TAC_TOE.action_names)}
    game = TIC_TAC_TOE
    solver = Solver()

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(0, 1, (2, 3, 3), np.float32)
        self.action_space = gymnasium.spaces.Discrete(9)
        self.position = TIC_TAC_TOE.start()

    def _seen(self) -> Any:
        seen = np.zeros((1, 2, 3, 3), np.float32)
        TIC_TAC_TOE.observe(self.position[None], seen)
        return seen[0]

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.position = TIC_TAC_TOE.start()
        for _ in range(int(self.np_random.integers(5))):
            legal = np.flatnonzero(TIC_TAC_TOE.facts(self.position)["legal"])
            after = play_line(TIC_TAC_TOE, self.position, [self.np_random.choice(legal)])
            if not TIC_TAC_TOE.facts(after)["ended"]:
                self.position = after
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        self.position = play_line(TIC_TAC_TOE, self.position, [int(action)])
        facts = TIC_TAC_TOE.facts(self.position)
        return self._seen(), -facts["outcome"] if facts["ended"] else 0.0, facts["ended"], False, {}


class Planted(nn.Module):
    """A network that says what an evaluator says."""

    def __init__(self, evaluate: Any) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self._evaluate = evaluate

    def policy_output(self, inputs: Any, _state: Any, _starts: Any) -> PolicyOutput:
        logits, values = self._evaluate(inputs.numpy())
        return PolicyOutput(logits=torch.as_tensor(logits) * self.scale, value=torch.as_tensor(values))


def erring(environment: Any) -> Any:
    """A policy that likes the worst moves a little better, and knows no values."""
    return module_policy(Planted(Knowing(-0.25, 0.0)), environment)


def knowing(environment: Any) -> Any:
    """A policy that knows everything."""
    return module_policy(Planted(Knowing()), environment)


def game_environment() -> gymnasium.Env[Any, Any]:
    """By name: `tests.analyses.search.hand_made:WorkbenchTicTacToe-v0`."""
    return Playing()


gymnasium.register("WorkbenchTicTacToe-v0", entry_point=game_environment)
