"""The planted policies depend on what they say they depend on, and on nothing else."""

import numpy as np
import pytest
import torch

from agents.planted import ORGANISMS, Organism
from benchmarks import xrl_bench
from benchmarks.saliency_league import area_under_curve, page


@pytest.mark.parametrize("organism", ORGANISMS, ids=lambda organism: organism.name)
def test_only_what_is_relevant_matters(organism: Organism) -> None:
    policy = organism.policy()
    organism.observation_space.seed(0)
    draws = [np.stack([organism.observation_space.sample() for _ in range(40)]) for _ in range(2)]
    first, second = (policy.preprocess(draw) for draw in draws)
    relevant = organism.relevant(first)
    assert relevant.any(dim=tuple(range(1, relevant.ndim))).all()
    before = policy.forward(first).logits
    untouched = policy.forward(torch.where(relevant, first, second)).logits
    torch.testing.assert_close(untouched, before, rtol=0, atol=1e-5)
    changed = policy.forward(torch.where(relevant, second, first)).logits
    assert ((changed - before).abs().sum(dim=1) > 1e-4).float().mean() > 0.9


def test_the_score_is_the_chance_of_the_right_order() -> None:
    strength = np.array([[3.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 2.0, 3.0]])
    relevant = np.array([[True, False, True, False]] * 3)
    # All four pairs right; all ties; of 0 > 1, 0 > 3, 2 > 1 and 2 > 3 one is right.
    np.testing.assert_allclose(area_under_curve(strength, relevant), [1.0, 0.5, 0.25])


def test_the_page_names_every_organism_and_method() -> None:
    from workbench.analyses.intervals import estimate

    score = estimate([0.9, 1.0, 0.8, 0.9, 1.0, 0.7], range(6))
    table = {
        "sum": {
            "words": "x",
            "steps": 6,
            "methods": {"gradient": {"score": score, "deletion": score, "causal": score, "seconds": 1.0}},
        }
    }
    text = page(table)
    assert "| `gradient` | 0.883 | 1 | 0.88 [0.76, 1.01] |" in text
    assert "sarfa" not in text


def test_landers_table_names_the_order() -> None:
    """In short: where the choice is explained, integrated gradients masks what matters better than a random order."""
    pytest.importorskip("Box2D")
    found = xrl_bench.measure(episodes=8, steps=300)
    own = found["questions"]["choice"]["integrated_gradients"]
    other = found["questions"]["choice"]["random"]
    assert other["aim_less"].high < 0
    assert other["aum_less"].low > 0
    assert own["aim_less"].mean == own["aum_less"].mean == 0
    text = "\n".join(xrl_bench.section(found))
    assert "| 0.175 | 0.667 |" in text
    assert "300 steps of 8 episodes" in text
