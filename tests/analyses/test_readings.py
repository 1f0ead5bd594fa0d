"""Units and probes as targets: what is read is what the layer gives, and every method explains it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.analyses.intervention.test_intervention import two_layers
from tests.analyses.saliency.cases import record_policy
from workbench.analyses.intervention import clamp, decision_effect, layer_values
from workbench.analyses.probing import probe_layers
from workbench.analyses.readings import find_reading, probe_target, unit_target
from workbench.analyses.saliency import prepare, saliency
from workbench.errors import WorkbenchError
from workbench.recording import Recording

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_policy(two_layers(), tmp_path_factory.mktemp("readings"), episodes=8)


def test_a_unit_is_explained_by_what_enters_it(planted: Recording) -> None:
    """Unit 3 is the sum of the last two numbers; unit 2 twice the third."""
    for unit, weights in ((3, [0, 0, 0, 1, 1]), (2, [0, 0, 2, 0, 0])):
        case = prepare(planted, [0, 5], policy=two_layers(), target=f"unit:hidden:{unit}")
        maps = saliency(case, "gradient")
        np.testing.assert_allclose(np.abs(maps.values[""]), np.tile(weights, (2, 1)), atol=1e-6)
        np.testing.assert_allclose(maps.target_values, planted.activations["hidden"][:][[0, 5], unit], atol=1e-5)


def test_a_change_of_a_layer_shows_in_what_is_read_of_it(planted: Recording) -> None:
    usual = layer_values(planted, two_layers(), "hidden", range(20))
    target = unit_target(two_layers(), "hidden", [2])
    found = decision_effect(
        planted, two_layers(), [0, 3], [clamp("hidden", [2], 7.0, usual)], target=target, controls=0
    )
    np.testing.assert_allclose(found.after, 7.0)
    np.testing.assert_allclose(found.before, planted.activations["hidden"][:][[0, 3], 2], atol=1e-5)


def test_a_probe_is_explained_as_it_reads(planted: Recording, tmp_path: Path) -> None:
    probe = probe_layers(planted, ["observation[2] > 0"], ["hidden"])[0].probe
    probe.save(tmp_path / "p.npz")
    by_file = find_reading(f"probe:{tmp_path / 'p.npz'}:yes", two_layers())
    assert by_file is not None
    case = prepare(planted, [0, 5], policy=two_layers(), target=by_file)
    p = probe.of_values(planted.activations["hidden"][:][[0, 5]])[:, 1]
    maps = saliency(case, "gradient")
    np.testing.assert_allclose(maps.target_values, np.log(p / (1 - p)), rtol=1e-3, atol=1e-3)
    assert (np.abs(maps.values[""]).argmax(axis=1) == 2).all()
    number = probe_layers(planted, ["observation[2] * 1.0"], ["hidden"])[0].probe
    told = prepare(planted, [0, 5], policy=two_layers(), target=probe_target(two_layers(), number))
    np.testing.assert_allclose(
        saliency(told, "gradient").target_values, planted.steps["observation"][:][[0, 5], 2], atol=0.02
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unit:hidden:9", "has no unit"),
        ("unit:hidden:0,1,1", "has no unit"),
        ("unit:nowhere:0", "no layer 'nowhere'"),
        ("unit:hidden", "unit:LAYER:UNIT"),
        ("probe:there", "probe:FILE.npz"),
        ("probe:there.npz", "no probe that can be read"),
    ],
)
def test_what_cannot_be_read_is_said(planted: Recording, name: str, words: str) -> None:
    with pytest.raises(WorkbenchError, match=words):
        saliency(prepare(planted, [0], policy=two_layers(), target=name), "gradient")
