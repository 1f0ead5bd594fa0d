"""Four cases that are to be told apart by the library's own words: held and used, held and not used, held otherwise,
and not held.
"""

from pathlib import Path

import pytest
import torch

from tests.analyses.probing.four_cases import CASES, CONCEPT, record_four_cases
from workbench.analyses.probing import what_is_known

torch.set_num_threads(1)


def wrong_of(folder: Path, seed: int) -> list[str]:
    """The cases of one seed that are not what they were planted as."""
    recording, policy = record_four_cases(folder / f"{seed}.zarr", seed)
    found = what_is_known(recording, policy, CONCEPT, list(CASES), seed=seed)
    return [
        f"seed {seed}, {one.linear.layer}: {one.verdict}" for one in found if one.verdict != CASES[one.linear.layer]
    ]


@pytest.mark.parametrize("seeds", [3, pytest.param(20, marks=[pytest.mark.torture, pytest.mark.timeout(1800)])])
def test_the_four_cases_are_told_apart(seeds: int, tmp_path: Path) -> None:
    assert [wrong for seed in range(seeds) for wrong in wrong_of(tmp_path, seed)] == []
