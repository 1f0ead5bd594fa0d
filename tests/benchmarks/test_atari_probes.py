"""The table of what an Atari agent's layers know: its score beside scikit-learn's, and its evidence."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks.atari_probes import (
    LESS_PICTURE,
    LESS_RANDOM,
    MAJORITY,
    MEAN,
    PICTURE,
    RANDOM,
    _by_category,
    measure,
    page,
    weighted_f1,
)

LABELS = {"player_x": 3, "player_y": 4, "ball_x": 3, "enemy_score": 2}


def _confusion(true: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true, said), 1)
    return counts


def _confusions(right: float, seed: int = 0) -> dict[str, np.ndarray]:
    """`[E, C, C]` of each label, with a share of the steps decided rightly."""
    generator = np.random.default_rng(seed)
    found = {}
    for name, classes in LABELS.items():
        true = generator.integers(classes, size=(12, 80))
        said = np.where(generator.random(true.shape) < right, true, (true + 1) % classes)
        found[name] = np.array([_confusion(*both, classes) for both in zip(true, said, strict=True)])
    return found


def test_the_score_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    true = generator.choice(5, size=400, p=[0.6, 0.2, 0.1, 0.06, 0.04])
    said = np.where(generator.random(400) < 0.7, true, generator.integers(4, size=400))
    expected = f1_score(true, said, average="weighted", zero_division=0)
    assert weighted_f1(_confusion(true, said, 5)) == pytest.approx(expected, abs=1e-12)


def test_categories_are_averaged_and_differences_are_paired() -> None:
    found = {
        PICTURE: _confusions(0.9), "conv": _confusions(1.0), f"conv{RANDOM}": _confusions(0.9), MAJORITY: _confusions(0)
    }  # fmt: skip
    scores = _by_category(found, seed=0)
    assert list(scores["conv"])[:4] == [
        MEAN, "agent localisation", "small object localisation", "score, clock, lives and display",
    ]  # fmt: skip
    assert scores["conv"][MEAN].value == scores["conv"][MEAN].low == 1
    own = [weighted_f1(found[PICTURE][name].sum(axis=0)) for name in LABELS]
    assert scores[PICTURE]["agent localisation"].value == pytest.approx(np.mean(own[:2]))
    assert scores[PICTURE][MEAN].value == pytest.approx(np.mean([np.mean(own[:2]), *own[2:]]))
    assert scores[PICTURE][MEAN].low < scores[PICTURE][MEAN].value < scores[PICTURE][MEAN].high
    assert 0 < scores["conv"][LESS_RANDOM].low < scores["conv"][LESS_RANDOM].value < 0.15
    # The very same confusions: a difference that is not paired has a width.
    same = scores[f"conv{RANDOM}"][LESS_PICTURE]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert LESS_PICTURE not in scores[PICTURE]
    text = page(
        {"policy": "x:y", "agent": "An agent", "game": "Pong-v4", "steps": 960, "episodes": 12, "labels": LABELS,
         "scores": scores},
        "a command",
    )  # fmt: skip
    assert "| read from | mean of categories | agent localisation (2) | small object" in text
    assert f"| `conv`{RANDOM} | 0.9" in text
    assert "An agent in Pong-v4: 960 steps of 12 episodes." in text
    assert "`ball_x` (3 values)" in text


@pytest.mark.torture
def test_an_untrained_network_is_measured() -> None:
    pytest.importorskip("ale_py")
    found = measure(episodes=3, steps=40)
    assert found["steps"] == 120
    assert any(name.endswith(RANDOM) for name in found["scores"])
    assert 0 <= found["scores"][PICTURE][MEAN].value <= 1
