"""Orders of regions: a map's own, random ones, and that of the plain input, which knows nothing of the agent.

Axis legend:
    S  decisions that are explained
    G  regions
    K  points of a curve
"""

import itertools
import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.decisions import Values
from workbench.analyses.saliency.maps import Case, SaliencyMaps

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Order = npt.NDArray[np.int64]
"""`[S, G]`, regions from the most to the least important; those that do not exist come last."""


def order_of(maps: SaliencyMaps) -> Order:
    """Regions by importance: the most positive first, of a map of magnitudes the largest; ties in random order."""
    scores = maps.regions if maps.signed else np.abs(maps.regions)
    ties = np.random.default_rng(maps.seed).random(scores.shape)
    return np.lexsort((ties, -scores, ~maps.exists), axis=1)


def plain_map(case: Case, baseline: Values) -> FloatArray:
    """A map that knows nothing of the agent, `[S, G]`: an image's edges (Sobel), else |x − baseline|."""
    plain = {}
    for name, tensor in case.question.values.items():
        if tensor.ndim == 4 and case.question.layer is None:
            plain[name] = _edges(tensor)
        else:
            plain[name] = (tensor - baseline[name]).abs()
    return case.setting.regions.sums(plain).double().cpu().numpy()


def _edges(images: Tensor) -> Tensor:
    kernel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]], device=images.device)
    flat = torch.nn.functional.pad(images.flatten(0, 1).unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    across = torch.nn.functional.conv2d(flat, kernel.view(1, 1, 3, 3))
    down = torch.nn.functional.conv2d(flat, kernel.T.reshape(1, 1, 3, 3))
    return torch.sqrt(across**2 + down**2).reshape(images.shape)


def order_by(scores: FloatArray, exists: BoolArray) -> Order:
    """The largest first; of equal ones the first."""
    return np.lexsort((-scores, ~exists), axis=1)


def random_order(exists: BoolArray, generator: np.random.Generator) -> Order:
    """Each decision's own."""
    return np.lexsort((generator.random(exists.shape), ~exists), axis=1)


def every_orders(exists: BoolArray) -> list[Order]:
    """All orders of the regions that exist, which are as many at each decision."""
    first = np.argsort(~exists, axis=1, kind="stable")
    count = int(exists[0].sum())
    orders = np.array(list(itertools.permutations(range(count)))).reshape(math.factorial(count), count)
    return [np.concatenate([first[:, one], first[:, count:]], axis=1) for one in orders]


def first_of(order: Order, counts: npt.NDArray[np.int64]) -> Tensor:
    """The first regions of each decision's order, as many as `counts` `[S, K]` says: `[S, K, G]` bool."""
    places = np.argsort(order, axis=1)
    return torch.as_tensor(places[:, None, :] < counts[:, :, None])
