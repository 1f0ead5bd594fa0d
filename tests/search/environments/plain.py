"""UCT and PUCT in a deterministic environment, in plain Python with deep copies: slow, short, and written apart."""

import copy
import math
from typing import Any

import numpy as np


class PlainNode:
    def __init__(self, env: Any, observation: Any, reward: float, ended: bool, cut: bool, evaluate: Any) -> None:
        self.env, self.reward, self.ended = env, reward, ended or cut
        logits, values = evaluate(np.asarray(observation, np.float32)[None])
        self.value = 0.0 if ended else float(values[0])
        exponentials = [math.exp(float(logit) - float(max(logits[0]))) for logit in logits[0]]
        self.prior = [float(np.float32(weight / sum(exponentials))) for weight in exponentials]
        self.N = [0] * len(self.prior)
        self.W = [0.0] * len(self.prior)
        self.children: dict[int, PlainNode] = {}


def plain_search(env: Any, observation: Any, evaluate: Any, settings: Any) -> PlainNode:
    """Search from the present state."""
    root = PlainNode(copy.deepcopy(env), observation, 0.0, False, False, evaluate)
    low, high = math.inf, -math.inf
    for _ in range(settings.simulations):
        path, node = [], root
        while not node.ended:
            action = _best(node, settings, low, high)
            path.append((node, action))
            if action not in node.children:
                world = copy.deepcopy(node.env)
                seen, reward, ended, cut, _ = world.step(action)
                node.children[action] = PlainNode(world, seen, float(reward), ended, cut, evaluate)
                node = node.children[action]
                break
            node = node.children[action]
        value = node.value
        for above, action in reversed(path):
            value = above.children[action].reward + settings.discount * value
            above.N[action] += 1
            above.W[action] += value
            q = above.W[action] / above.N[action]
            low, high = min(low, q), max(high, q)
    return root


def _best(node: PlainNode, settings: Any, low: float, high: float) -> int:
    if settings.value_scale == "none" or not high > low:
        low, high = 0.0, 1.0
    here = 1 + sum(node.N)
    scores = []
    for action, n in enumerate(node.N):
        q = ((node.W[action] / n if n else node.value) - low) / (high - low)
        if settings.rule == "uct":
            scores.append(q + settings.exploration * math.sqrt(math.log(here) / n) if n else 1e18)
        else:
            c = settings.exploration + math.log((here + settings.exploration_base + 1) / settings.exploration_base)
            scores.append(q + c * math.sqrt(here) * node.prior[action] / (1 + n))
    return scores.index(max(scores))
