"""A torch module is asked as a trace where that says the same, and as it is where it does not."""

import numpy as np
import pytest
import torch
from torch import nn

from workbench.policies.fingerprints import fingerprint_module
from workbench.search import TorchEvaluator


class Network(nn.Module):
    """Logits and a value of six numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5))
        self.moves, self.worth = nn.Linear(16, 4), nn.Linear(16, 1)

    def forward(self, seen):
        seen = self.body(seen)
        return self.moves(seen), torch.tanh(self.worth(seen))


class Deciding(Network):
    """Decides in Python: a trace would go on with its first decision."""

    def forward(self, seen):
        logits, values = super().forward(seen)
        return (logits, values) if float(seen.sum()) > 0 else (-logits, values)


class Counting(Network):
    """Says something else each time."""

    asked = 0

    def forward(self, seen):
        self.asked += 1
        logits, values = super().forward(seen)
        return logits + self.asked, values


def _seen(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 6)).astype(np.float32)


def _answers(module, seen):
    with torch.inference_mode():
        logits, values = module(torch.from_numpy(seen))
    return logits.numpy(), values.numpy().reshape(-1)


def _is_traced(evaluator: TorchEvaluator) -> bool:
    return evaluator._asked is not evaluator.module


def test_a_trace_answers_as_the_module_in_every_batch():
    module = Network()
    evaluator = TorchEvaluator(module)
    for count in (5, 1, 64, 2, 1):
        for one, other in zip(evaluator(_seen(count, count)), _answers(module, _seen(count, count)), strict=True):
            assert one.shape == other.shape
            assert np.allclose(one, other, rtol=1e-5, atol=1e-5)
    assert _is_traced(evaluator)
    assert evaluator.fingerprint == fingerprint_module(module)


def test_weights_that_are_trained_on_are_noticed():
    module = Network()
    evaluator = TorchEvaluator(module)
    before = evaluator(_seen(3))[0].copy()
    with torch.no_grad():
        for weights in module.parameters():
            # In place, as optimizers do.
            weights.add_(0.1)
    after = evaluator(_seen(3))[0]
    assert not np.allclose(before, after, atol=1e-3)
    assert np.allclose(after, _answers(module, _seen(3))[0], rtol=1e-5, atol=1e-5)
    module.load_state_dict(Network().state_dict())
    assert np.allclose(evaluator(_seen(3))[0], _answers(module, _seen(3))[0], rtol=1e-5, atol=1e-5)
    assert _is_traced(evaluator)


def test_what_decides_in_python_is_asked_as_it_is():
    evaluator = TorchEvaluator(Deciding())
    for sign in (1, -1):
        seen = sign * np.abs(_seen(4))
        assert np.array_equal(evaluator(seen)[0], _answers(evaluator.module, seen)[0])
    assert not _is_traced(evaluator)


@pytest.mark.parametrize("kind", [Counting, Network])
def test_what_is_watched_or_says_something_else_each_time_is_asked_as_it_is(kind):
    evaluator, calls = TorchEvaluator(kind()), []
    if kind is Network:
        evaluator.module.body.register_forward_hook(lambda *_: calls.append(1))
    evaluator(_seen(4))
    assert not _is_traced(evaluator)
    assert len(calls) == (kind is Network)


def test_a_module_is_asked_as_it_is_on_demand():
    evaluator = TorchEvaluator(Network(), traced=False)
    assert np.array_equal(evaluator(_seen(4))[0], _answers(evaluator.module, _seen(4))[0])
    assert not _is_traced(evaluator)
