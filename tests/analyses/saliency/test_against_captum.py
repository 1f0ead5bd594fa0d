"""The same numbers as Captum's, on small fully connected and convolutional policies."""

from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch

from tests.analyses.saliency.cases import record_kind
from workbench.analyses.saliency import Case, prepare, saliency
from workbench.analyses.saliency.baselines import baseline_values
from workbench.analyses.saliency.captum_methods import _Explained
from workbench.analyses.saliency.maps import some_of

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings(
    "ignore:Setting forward, backward hooks", "ignore:Setting backward hooks", "ignore:Input Tensor"
)


@pytest.fixture(scope="module", params=["vector", "image"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    recording, policy = record_kind(request.param, tmp_path_factory.mktemp("captum"))
    return prepare(recording, [0, 7, 13], policy=policy, target="logit", patch=6 if request.param == "image" else None)


def ask(case: Case) -> Any:
    """The question as Captum takes it: one tensor, and each row's decision."""
    return lambda values, index: case.question({"": values}, index)


def close(ours: np.ndarray, theirs: torch.Tensor) -> None:
    """Within 1e-5 of the largest attribution."""
    expected = theirs.detach().numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_gradient(case: Case) -> None:
    index = torch.arange(3)
    theirs = captum.attr.Saliency(ask(case)).attribute(
        case.question.values[""].clone(), abs=False, additional_forward_args=(index,)
    )
    close(saliency(case, "gradient").values[""], theirs)


def test_gradient_times_input(case: Case) -> None:
    theirs = captum.attr.InputXGradient(ask(case)).attribute(
        case.question.values[""].clone(), additional_forward_args=(torch.arange(3),)
    )
    close(saliency(case, "gradient_times_input").values[""], theirs)


def test_integrated_gradients(case: Case) -> None:
    """Both rules converge to the same integral; at a gap of 1e-5 and 2,000 points they agree to 1e-3."""
    case, _ = some_of(case, 1)
    baseline = baseline_values("mean", case.question, case.setting.background)[""]
    theirs = captum.attr.IntegratedGradients(ask(case)).attribute(
        case.question.values[""].clone(), baseline.clone(), additional_forward_args=(torch.arange(1),), n_steps=2000,
        internal_batch_size=300,
    )  # fmt: skip
    ours = saliency(case, "integrated_gradients", largest_gap=0, most_points=2000).values[""]
    expected = theirs.detach().numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_deep_lift(case: Case) -> None:
    baseline = baseline_values("mean", case.question, case.setting.background)[""]
    theirs = captum.attr.DeepLift(_Explained(case.question)).attribute(
        case.question.values[""].clone(), baseline.clone(), target=0, additional_forward_args=(torch.arange(3),)
    )
    ours = saliency(case, "deep_lift")
    close(ours.values[""], theirs)
    # On networks of ReLUs and tanhs the rescale rule is complete.
    assert ours.facts["completeness_gap"].max() < 1e-3


def test_feature_ablation(case: Case) -> None:
    labels = case.setting.regions.labels[""]
    baseline = baseline_values("mean", case.question, case.setting.background)[""]
    theirs = captum.attr.FeatureAblation(ask(case)).attribute(
        case.question.values[""].clone(), baseline.clone(), additional_forward_args=(torch.arange(3),),
        feature_mask=labels,
    )  # fmt: skip
    # Captum writes a region's effect to each of its numbers; here it is shared among them.
    sizes = torch.bincount(labels.flatten())[labels]
    expected = (theirs / sizes).numpy()
    # Differences of two numbers near 1, whose rounding is as large as some of the effects.
    np.testing.assert_allclose(
        saliency(case, "feature_ablation").values[""], expected, rtol=0, atol=1e-4 * np.abs(expected).max()
    )


def test_shapley_values(case: Case) -> None:
    if case.question.values[""].ndim == 4:
        pytest.skip("Captum asks for every order of the parts: a vector of five numbers has 120")
    baseline = baseline_values("mean", case.question, case.setting.background)[""]
    theirs = captum.attr.ShapleyValues(ask(case)).attribute(
        case.question.values[""].clone(), baseline.clone(), additional_forward_args=(torch.arange(3),)
    )
    close(saliency(case, "kernel_shap").values[""], theirs)


def test_occlusion(tmp_path: Path) -> None:
    recording, policy = record_kind("image", tmp_path)
    case = prepare(recording, [0, 7], policy=policy, target="logit", patch=4)
    baseline = baseline_values("mean", case.question, case.setting.background)[""]
    theirs = captum.attr.Occlusion(ask(case)).attribute(
        case.question.values[""].clone(), (3, 4, 4), (3, 4, 4), baseline.clone(),
        additional_forward_args=(torch.arange(2),),
    )  # fmt: skip
    expected = (theirs / 48).numpy()
    ours = saliency(case, "occlusion", window=4).values[""]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_guided_backprop(tmp_path: Path) -> None:
    recording, policy = record_kind("q-values of images", tmp_path)
    case = prepare(recording, [0, 7], policy=policy)
    theirs = captum.attr.GuidedBackprop(_Explained(case.question)).attribute(
        case.question.values[""].clone(), target=0, additional_forward_args=(torch.arange(2),)
    )
    close(saliency(case, "guided_backprop").values[""], theirs)


def test_grad_cam(tmp_path: Path) -> None:
    recording, policy = record_kind("q-values of images", tmp_path)
    case = prepare(recording, [0, 7], policy=policy)
    ours = saliency(case, "grad_cam")
    layer = policy.module.get_submodule(ours.facts["layer"])
    theirs = (
        captum.attr.LayerGradCam(_Explained(case.question), layer)
        .attribute(
            case.question.values[""].clone(),
            target=0,
            additional_forward_args=(torch.arange(2),),
            relu_attributions=True,
        )
        .detach()
    )
    image = case.question.values[""]
    fine = torch.nn.functional.interpolate(theirs, image.shape[-2:], mode="bilinear", align_corners=False)
    np.testing.assert_allclose(ours.picture(), fine[:, 0].numpy(), atol=1e-5 * float(fine.max()))
