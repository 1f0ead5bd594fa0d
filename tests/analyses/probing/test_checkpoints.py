"""Since when a network knows: a layer that holds a number from the second of three checkpoints on."""

from pathlib import Path

import pytest
import torch

from tests.analyses.probing.planted import RandomNumbers, knowing_policy, record_knowing
from workbench.analyses.probing.checkpoints import probe_checkpoints
from workbench.errors import WorkbenchError
from workbench.figures.checkpoints import surface_figure
from workbench.recording import Recording, record

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    """The layer `product` reads number 2 with a weight of 0, 1 and 2."""
    folder, made = tmp_path_factory.mktemp("course"), []
    for weight in (0.0, 1.0, 2.0):
        policy = knowing_policy()
        with torch.no_grad():
            policy.module.apart.scale.fill_(weight)
        made.append(
            record(policy, RandomNumbers, out=folder / f"at_{weight:g}.zarr", episodes=12, seed=0, deterministic=False)
        )
    return made


def test_a_surface_says_since_when_a_layer_knows(course: list[Recording]) -> None:
    # Scaled by 0 a layer is all zeros; mixed holds the number all along.
    surface = probe_checkpoints(course, ["observation[0] > 0"], ["apart", "mixed"], random_network=False)[0]
    assert surface.checkpoints == ("at_0", "at_1", "at_2")
    assert surface.first_known == ("at_1", "at_0")
    assert surface.scores.shape == (3, 2)
    assert surface.scores[0, 0] == pytest.approx(0.5, abs=0.05)
    assert surface.scores[1:, 0].min() > 0.9
    assert surface.less("control")[2, 0] > 0.3
    texts = [text.get_text() for text in surface_figure(surface, "observation").axes[0].texts]
    assert len(texts) == 6


def test_what_is_no_course_of_training_is_said(course: list[Recording], tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="at least 2 recordings"):
        probe_checkpoints(course[:1], ["action"])
    with pytest.raises(WorkbenchError, match="at least one concept"):
        probe_checkpoints(course, [])
    other = record_knowing(tmp_path / "x.zarr", episodes=4)
    with pytest.raises(WorkbenchError, match="3 recordings, and 1 names"):
        probe_checkpoints([*course[:2], other], ["observation[0] > 0"], ["mixed"], names=["a"], random_network=False)
