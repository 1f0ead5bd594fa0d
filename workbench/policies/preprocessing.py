"""From raw observations to what enters the network: normalisation, transposed and scaled images, one-hot encoding."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor
from torch.nn import functional

from workbench.errors import WorkbenchError
from workbench.policies.normalisation import NormalisationSource
from workbench.policies.types import Inputs, Observations


def is_image(space: gymnasium.Space[Any]) -> bool:
    """Say whether stable-baselines3 takes `space` for images: three axes of bytes from 0 to 255."""
    return (
        isinstance(space, spaces.Box)
        and len(space.shape) == 3
        and space.dtype == np.uint8
        and bool(np.all(space.low == 0))
        and bool(np.all(space.high == 255))
    )


def is_channels_last(space: gymnasium.Space[Any]) -> bool:
    """Say whether stable-baselines3 would transpose the images of `space`: its smallest axis is not the first."""
    return is_image(space) and space.shape is not None and int(np.argmin(space.shape)) != 0


def channels_first(space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
    """Return the space that the network sees: images with their channels first, everything else as it is."""
    if isinstance(space, spaces.Dict):
        return spaces.Dict(OrderedDict((key, channels_first(part)) for key, part in space.spaces.items()))
    if isinstance(space, spaces.Box) and is_channels_last(space):
        height, width, channels = space.shape
        return spaces.Box(0, 255, (channels, height, width), dtype=np.uint8)
    return space


_Encode = Callable[[npt.NDArray[Any]], Tensor]


def _pixels(scale: bool) -> _Encode:
    def encode(batch: npt.NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(batch).float()
        return tensor.div_(255.0) if scale else tensor

    return encode


def _numbers(batch: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(batch, dtype=np.float32))


def _one_hot(sizes: list[int]) -> _Encode:
    def encode(batch: npt.NDArray[Any]) -> Tensor:
        columns = torch.from_numpy(np.array(batch, dtype=np.int64)).reshape(len(batch), len(sizes))
        parts = [functional.one_hot(columns[:, i], size).float() for i, size in enumerate(sizes)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    return encode


def _encoder(space: gymnasium.Space[Any], scale_images: bool) -> _Encode:
    if isinstance(space, spaces.Box):
        return _pixels(scale_images) if is_image(space) else _numbers
    if isinstance(space, spaces.Discrete):
        return _one_hot([int(space.n)])
    if isinstance(space, spaces.MultiDiscrete):
        return _one_hot([int(size) for size in space.nvec.ravel()])
    if isinstance(space, spaces.MultiBinary):
        return _numbers
    raise WorkbenchError(
        f"observations {space} are not supported: expected Box, Discrete, MultiDiscrete, MultiBinary or Dict"
    )


class ObservationPipeline:
    """Turns batches of raw observations into the tensors that a network was trained on."""

    def __init__(
        self,
        space: gymnasium.Space[Any],
        *,
        normalisation: NormalisationSource | None = None,
        scale_images: bool = True,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare for observations of `space`.

        Args:
            space: What the network was built for (images with channels first).
            normalisation: Where the statistics of VecNormalize come from; None where training had none.
            scale_images: Whether bytes of images are divided by 255.
            device: Where the tensors are to be.
        """
        self.space = space
        self.normalisation = normalisation
        self.device = torch.device(device)
        self._keys = list(space.spaces) if isinstance(space, spaces.Dict) else None
        parts = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
        self._shapes = {key: tuple(part.shape or ()) for key, part in parts.items()}
        self._encoders = {key: _encoder(part, scale_images) for key, part in parts.items()}
        for key, statistics in (normalisation() if normalisation else {}).items():
            if key not in parts or self._shapes[key] != statistics.mean.shape:
                where = f" of '{key}'" if key else ""
                raise WorkbenchError(
                    f"the normalisation statistics{where} have shape {list(statistics.mean.shape)}, but the policy was "
                    f"trained on {space}: they belong to another environment"
                )

    def __call__(self, observations: Observations) -> Inputs:
        """Encode a batch `[B, *observation]`, or a dict of such."""
        statistics = self.normalisation() if self.normalisation else {}
        if self._keys is None:
            return self._encode("", observations, statistics)
        if not isinstance(observations, Mapping) or any(key not in observations for key in self._keys):
            came = sorted(observations) if isinstance(observations, Mapping) else type(observations).__name__
            raise WorkbenchError(f"expected a dict of observations with the keys {self._keys}; came {came}")
        return {key: self._encode(key, observations[key], statistics) for key in self._keys}

    def _encode(self, key: str, observations: Any, statistics: Mapping[str, Any]) -> Tensor:
        batch = np.asarray(observations)
        shape = self._shapes[key]
        if batch.shape[1:] != shape:
            # As the library does: a view whose memory stays channels-last, so that convolutions round alike.
            moved = batch.transpose(0, 3, 1, 2) if batch.ndim == 4 else batch
            if moved.shape[1:] != shape:
                where = f" '{key}'" if key else ""
                raise WorkbenchError(
                    f"expected observations{where} of shape [B, *{list(shape)}]; came {list(batch.shape)}"
                )
            # reshape changes the strides of a batch of one, and with them how torch convolves.
            batch = moved.reshape((-1, *shape))
        if key in statistics:
            batch = statistics[key].apply(batch)
        tensor = self._encoders[key](batch)
        return tensor if self.device.type == "cpu" else tensor.to(self.device)
