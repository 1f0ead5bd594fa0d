"""A plain search by AlphaZero's rule, one position after the other: slow, short, and written apart from the real one."""

import math
from typing import Any

import numpy as np


class Node:
    """A position, and what is known of the moves from it."""

    def __init__(self, game: Any, position: Any, evaluate: Any) -> None:
        self.position = position
        facts = game.facts(position)
        self.player, self.ended = facts["player"], facts["ended"]
        self.children: dict[int, Node] = {}
        if self.ended:
            self.value, self.moves, self.prior = facts["outcome"], [], {}
            return
        seen = np.zeros((1, *game.observation_shape), np.float32)
        game.observe(position[None], seen)
        logits, values = evaluate(seen)
        self.value = float(values[0])
        self.moves = [int(a) for a in np.flatnonzero(facts["legal"])]
        weights = [math.exp(float(logits[0, a]) - max(float(logits[0, b]) for b in self.moves)) for a in self.moves]
        self.prior = {a: float(np.float32(w / sum(weights))) for a, w in zip(self.moves, weights, strict=True)}
        self.N = dict.fromkeys(self.moves, 0)
        self.W = dict.fromkeys(self.moves, 0.0)

    def select(self, exploration: float, base: float) -> int:
        here = 1 + sum(self.N.values())
        c = exploration + math.log((here + base + 1) / base)

        def score(a: int) -> float:
            q = self.W[a] / self.N[a] if self.N[a] else self.value
            return q + c * math.sqrt(here) * self.prior[a] / (1 + self.N[a])

        return max(self.moves, key=score)


def reference_search(
    game: Any, position: Any, evaluate: Any, simulations: int, exploration: float, base: float
) -> Node:
    """Search; two players who alternate, no proofs."""
    root = Node(game, position, evaluate)
    for _ in range(simulations):
        path, node = [], root
        while not node.ended:
            move = node.select(exploration, base)
            path.append((node, move))
            if move not in node.children:
                after = np.empty((1, game.words), np.uint64)
                room = (np.empty((1, game.actions), bool), np.empty(1, np.uint8), np.empty(1, np.float32))
                game.play(node.position[None], np.array([move], np.int16), after, *room, np.empty(1, np.int8))
                node.children[move] = Node(game, after[0], evaluate)
                node = node.children[move]
                break
            node = node.children[move]
        value = node.value
        for above, move in reversed(path):
            value = -value
            above.N[move] += 1
            above.W[move] += value
    return root
