"""Every method of the table on every kind of policy, at the observation and at a layer, for several targets."""

from pathlib import Path

import pytest
import torch

from tests.analyses.saliency.cases import EVERY_KIND, record_kind
from tests.analyses.saliency.conformance import check_method
from workbench.analyses.saliency import METHODS, possible_methods, prepare, saliency
from workbench.analyses.targets import possible_targets
from workbench.errors import WorkbenchError

pytestmark = pytest.mark.sampled(2)

pytest.importorskip("sb3_contrib")
torch.set_num_threads(1)

FAST = {"coalitions": 200, "masks": 60, "copies": 4, "draws": 8}
LAYERS = {"image": "features_extractor.cnn.2", "recurrent": "lstm_actor", "q-values": "q_net.q_net.1"}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_method_that_can_explains(kind: str, tmp_path: Path) -> None:
    recording, policy = record_kind(kind, tmp_path)
    case = prepare(recording, [1, 8, 19], policy=policy, options=FAST, background_steps=20)
    assert case.question.decisions.largest_disagreement() < 1e-5
    can = possible_methods(case)
    assert list(can) == [row.name for row in METHODS]
    for method, why_not in can.items():
        if why_not is None:
            check_method(case, method)
        else:
            with pytest.raises(WorkbenchError, match=r"\w{3}"):
                saliency(case, method)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_method_that_can_explains_a_layer(kind: str, tmp_path: Path) -> None:
    recording, policy = record_kind(kind, tmp_path)
    case = prepare(
        recording, [2, 9], policy=policy, layer=LAYERS[kind], baseline="random_step", options=FAST, background_steps=20
    )
    for method, why_not in possible_methods(case).items():
        if why_not is None:
            check_method(case, method)
        else:
            with pytest.raises(WorkbenchError):
                saliency(case, method)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_target_that_there_is_can_be_explained(kind: str, tmp_path: Path) -> None:
    recording, policy = record_kind(kind, tmp_path)
    case = prepare(recording, [0, 7], policy=policy, background_steps=20)
    answer = case.question.output(case.question.values, torch.arange(2))
    first, second = {"multi-discrete actions": ("0.2", "1.0"), "multi-binary actions": ("1", "2.0")}.get(
        kind, ("0", "2")
    )
    spellings = {"action": ["", f":{first}"], "actions": [f":{first}-{second}"], "component": [":1"], "": [""]}
    for row in possible_targets(answer):
        for end in spellings[row.takes]:
            named = prepare(recording, [0, 7], policy=policy, target=row.name + end, background_steps=20)
            if row.name == "entropy" and kind == "gaussian":
                # Its spread is the same everywhere, so that its entropy does not depend on the observation.
                with pytest.raises(WorkbenchError, match="no gradient"):
                    saliency(named, "integrated_gradients")
                continue
            maps = saliency(named, "integrated_gradients")
            assert maps.facts["completeness_gap"].max() <= 0.01 or abs(maps.facts["difference"]).max() < 1e-3
