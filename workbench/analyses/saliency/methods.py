"""The table of saliency methods: what each is, what it needs, and what its numbers mean."""

from dataclasses import dataclass

from workbench.analyses.saliency.attribution import MethodFunction
from workbench.analyses.saliency.captum_methods import deep_lift, guided_backprop
from workbench.analyses.saliency.grad_cam import grad_cam
from workbench.analyses.saliency.gradients import gradient, gradient_times_input, smooth_grad
from workbench.analyses.saliency.integrated_gradients import expected_gradients, integrated_gradients
from workbench.analyses.saliency.perturbation_methods import (
    blur,
    blur_policy,
    feature_ablation,
    object_ablation,
    occlusion,
    rise,
)
from workbench.analyses.saliency.sarfa import sarfa
from workbench.analyses.saliency.shapley import kernel_shap
from workbench.errors import WorkbenchError


@dataclass(frozen=True, kw_only=True)
class Method:
    """A row of the table."""

    name: str
    title: str
    function: MethodFunction
    source: str
    """Who proposed it."""
    signed: bool
    """Whether a negative attribution means that the part speaks against the target. Else only magnitudes count: a
    gradient's sign says which way a number would have to move, not what it does where it is."""
    complete: bool
    """Whether the attributions are meant to sum to the target's difference from its baseline."""
    needs: tuple[str, ...] = ()
    """Any of `image`, `convolution`, `relu`, `objects`."""
    inputs_only: bool = False
    """Whether it cannot attribute to a layer."""
    options: tuple[str, ...] = ()
    """Names of its hyperparameters."""
    unit: str | None = None
    """Of the attributions, where it is not the target's."""


METHODS: tuple[Method, ...] = (
    Method(name="gradient", title="Gradient", function=gradient, source="Simonyan et al. 2013",
           signed=False, complete=False, unit="target per unit of input"),
    Method(name="gradient_times_input", title="Gradient × input", function=gradient_times_input,
           source="Shrikumar et al. 2016", signed=True, complete=False),
    Method(name="smooth_grad", title="SmoothGrad", function=smooth_grad, source="Smilkov et al. 2017",
           options=("copies", "noise"), signed=False, complete=False, unit="target per unit of input"),
    Method(name="integrated_gradients", title="Integrated gradients", function=integrated_gradients,
           source="Sundararajan et al. 2017",
           options=("largest_gap", "largest_change", "most_points"), signed=True, complete=True),
    Method(name="expected_gradients", title="Expected gradients", function=expected_gradients,
           source="Erion et al. 2021",
           options=("draws",), signed=True, complete=True),
    Method(name="deep_lift", title="DeepLIFT", function=deep_lift, source="Shrikumar et al. 2017",
           signed=True, complete=True),
    Method(name="guided_backprop", title="Guided backprop", function=guided_backprop,
           source="Springenberg et al. 2014", signed=False, complete=False, needs=("relu",),
           unit="target per unit of input"),
    Method(name="grad_cam", title="Grad-CAM", function=grad_cam, source="Selvaraju et al. 2017",
           options=("layer",), signed=False, complete=False, needs=("image", "convolution"), inputs_only=True,
           unit="target, smoothed"),
    Method(name="occlusion", title="Occlusion", function=occlusion, source="Zeiler & Fergus 2014",
           options=("window", "stride"), signed=True, complete=False, needs=("image",), inputs_only=True),
    Method(name="blur", title="Blur perturbation", function=blur, source="Greydanus et al. 2018",
           signed=False, complete=False, needs=("image",), inputs_only=True, unit="½ target²"),
    Method(name="blur_policy", title="Blur perturbation of the policy", function=blur_policy,
           source="Greydanus et al. 2018", signed=False, complete=False, needs=("image",), inputs_only=True,
           unit="½ ‖logits, Q or mean‖²"),
    Method(name="sarfa", title="SARFA", function=sarfa, source="Puri et al. 2020",
           signed=False, complete=False, unit="score from 0 to 1"),
    Method(name="rise", title="RISE", function=rise, source="Petsiuk et al. 2018",
           options=("masks", "keep"), signed=True, complete=False),
    Method(name="feature_ablation", title="Feature ablation", function=feature_ablation, source="—",
           signed=True, complete=False),
    Method(name="kernel_shap", title="KernelSHAP", function=kernel_shap, source="Lundberg & Lee 2017",
           options=("coalitions",), signed=True, complete=True),
    Method(name="object_ablation", title="Object ablation", function=object_ablation, source="—",
           signed=True, complete=False, needs=("image", "objects"), inputs_only=True),
)  # fmt: skip


def find_method(name: str) -> Method:
    """The method of that name.

    Raises:
        WorkbenchError: There is none.
    """
    for row in METHODS:
        if row.name == name:
            return row
    raise WorkbenchError(f"There is no method {name!r}; there are: {', '.join(row.name for row in METHODS)}.")
