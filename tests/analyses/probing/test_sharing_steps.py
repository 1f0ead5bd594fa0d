"""Concepts that differ in few steps share their moments; those that would become others do not."""

import numpy as np

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.moments import _grouped


def _concept(name: str, values: np.ndarray, classes: tuple[str, ...] | None) -> Concept:
    return Concept(name=name, words=name, values=values, classes=classes)


def test_concepts_that_are_nearly_everywhere_share_their_steps() -> None:
    generator = np.random.default_rng(0)
    numbers = generator.integers(0, 2, 4000).astype(np.int64)
    concepts = []
    for gap in (1, 2, 3):
        values = numbers.copy()
        for end in range(99, 4000, 100):
            values[end - gap + 1 : end + 1] = -1
        concepts.append(_concept(f"in {gap}", values, ("no", "yes")))
    everywhere = _concept("all", numbers, ("no", "yes"))
    groups = _grouped([*concepts, everywhere])
    assert [len(members) for _, members in groups] == [1, 3]
    assert groups[0][0] is None
    assert groups[1][0] is not None
    assert groups[1][0].sum() == 4000 - 3 * 40


def test_a_class_that_lives_where_others_are_undefined_keeps_its_steps() -> None:
    last = np.zeros(4000, np.int64)
    last[98::100] = 1
    last[0] = -1
    other = np.random.default_rng(1).integers(0, 2, 4000)
    other[98::100] = other[99::100] = -1
    groups = _grouped([_concept("last", last, ("no", "yes")), _concept("other", other, ("no", "yes"))])
    assert len(groups) == 2


def test_a_number_that_would_be_another_keeps_its_steps() -> None:
    numbers = np.random.default_rng(2).standard_normal(4000)
    numbers[99::100] = 30
    numbers[5] = np.nan
    other = np.random.default_rng(3).standard_normal(4000)
    other[99::100] = np.nan
    groups = _grouped([_concept("peaks", numbers, None), _concept("other", other, None)])
    assert len(groups) == 2
