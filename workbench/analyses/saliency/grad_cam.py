"""Grad-CAM (Selvaraju et al., 2017) at any convolutional layer.

Axis legend: S decisions, K channels of the layer, H, W rows and columns of pixels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.analyses.layers import Edit, overwritten
from workbench.analyses.saliency.attribution import Attribution, Setting
from workbench.analyses.saliency.question import Question
from workbench.errors import WorkbenchError

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def grad_cam(question: Question, setting: Setting) -> Attribution:
    """ReLU(Σ_k ᾱ_k A_k), scaled up bilinearly to the image; ᾱ_k is ∂f/∂A_k averaged over the layer's places.

    Option: `layer`, whose output is A `[K, h, w]`; by default the last convolution that the target depends on.
    Facts: `layer`.

    Raises:
        WorkbenchError: The policy has no convolution, or the layer's output is no image.
    """
    if question.layer is not None:
        raise WorkbenchError("Grad-CAM attributes to the image; choose its layer by the option `layer` instead.")
    images = [key for key, tensor in question.values.items() if tensor.ndim == 4]
    if not images:
        raise WorkbenchError("Grad-CAM is for images, and this policy sees none.")
    asked = setting.options.get("layer")
    for name in [str(asked)] if asked else _convolutions(question):
        inner = Question(question.decisions, question.target, name, batch_size=question.batch_size)
        shape = inner.values[name].shape
        if len(shape) != 4:
            raise WorkbenchError(
                f"Grad-CAM needs a layer with an output [K, h, w], such as a convolution's; that of {name!r} is "
                f"{list(shape[1:])}."
            )
        found, _ = inner.gradients(inner.values, torch.arange(len(question)))
        if asked or bool((found[name] != 0).any()):
            break
    weights = found[name].mean(dim=(2, 3), keepdim=True)
    heat = torch.relu((weights * inner.values[name]).sum(dim=1, keepdim=True))
    key = _image_of(question, name, images)
    image = question.values[key]
    fine = functional.interpolate(heat, image.shape[-2:], mode="bilinear", align_corners=False)
    values = {other: torch.zeros_like(tensor) for other, tensor in question.values.items()}
    values[key] = (fine / image.shape[1]).expand_as(image).clone()
    return Attribution(values=values, facts={"layer": name})


def _convolutions(question: Question) -> list[str]:
    """The policy's convolutions, the last one first."""
    ran: list[str] = []
    module = question.decisions.policy.module
    names = [name for name, child in module.named_modules() if isinstance(child, CONVOLUTIONS)]

    def note(name: str) -> Edit:
        def keep(output: Tensor) -> Tensor:
            ran.append(name)
            return output

        return keep

    index = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad(), overwritten(module, {name: note(name) for name in names}):
        question.decisions.run({key: tensor[index] for key, tensor in question.decisions.inputs.items()}, index)
    if not ran:
        raise WorkbenchError(
            "Grad-CAM needs a convolutional layer, and this policy's network has none; use integrated_gradients."
        )
    return ran[::-1]


def _image_of(question: Question, layer: str, images: list[str]) -> str:
    """Which image a layer's output comes from."""
    if len(images) == 1:
        return images[0]
    kept: list[Tensor] = []

    def keep(output: Tensor) -> Tensor:
        kept.append(output)
        return output

    index = torch.zeros(1, dtype=torch.int64)
    leaves = {key: tensor[index].clone().requires_grad_() for key, tensor in question.decisions.inputs.items()}
    with torch.enable_grad(), overwritten(question.decisions.policy.module, {layer: keep}):
        question.decisions.run(leaves, index)
    found = torch.autograd.grad(kept[0].sum(), [leaves[key] for key in images], materialize_grads=True)
    reached = [key for key, one in zip(images, found, strict=True) if bool((one != 0).any())]
    if len(reached) != 1:
        raise WorkbenchError(
            f"The layer {layer!r} depends on several images ({', '.join(reached) or 'none'}); choose a layer before "
            f"they are joined."
        )
    return reached[0]
