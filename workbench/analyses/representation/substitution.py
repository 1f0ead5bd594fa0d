"""Return under substitution: the agent acts through its features' account of a layer.

What a reconstruction leaves out may be little of the layer's variance and all that matters to behaviour. So the layer
is replaced by its reconstruction while the agent acts, in the same episodes in which it acts unchanged, and in which
the layer is held at its mean, which says what the layer matters at all.

Axis legend: E episodes.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.intervals import FEWEST_EPISODES, Estimate, estimate
from workbench.analyses.intervention.changed_policy import ChangedPolicy
from workbench.analyses.intervention.changes import Change, LayerChange
from workbench.analyses.probing.scores import Interval, bootstrap_weights, interval
from workbench.analyses.representation.feature_samples import layer_samples
from workbench.analyses.representation.features import LayerFeatures
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording
from workbench.recording.rollout import record

FloatArray = npt.NDArray[np.float64]

EPISODES = 20
FIRST_SEED = 1_000_000
"""Of the episodes: far from those that recordings begin with, which features were made from."""


@dataclass(frozen=True, kw_only=True)
class Substitution:
    """Returns of the same episodes, unchanged and with a layer replaced."""

    layer: str
    seeds: npt.NDArray[np.int64]
    """`[E]`."""
    unchanged: FloatArray
    """`[E]`, returns of the agent as it is."""
    substituted: FloatArray
    """`[E]`, acting through the reconstruction."""
    ablated: FloatArray
    """`[E]`, with the layer held at its mean over the recording."""
    estimates: Mapping[str, Estimate]
    """Of `unchanged`, `substituted`, `ablated`, and of the paired differences `lost` (substituted − unchanged) and
    `ablation` (ablated − unchanged)."""
    kept: Interval | None
    """(substituted − ablated) / (unchanged − ablated): 1 where nothing is lost, 0 where it is as bad as the mean; None
    where holding the layer at its mean does not change the mean return, so that nothing is asked of the layer."""

    def __post_init__(self) -> None:
        for array in (self.seeds, self.unchanged, self.substituted, self.ablated):
            array.setflags(write=False)

    @property
    def verdict(self) -> str:
        """In words."""
        lost = self.estimates["lost"]
        if np.array_equal(self.unchanged, self.substituted):
            return "every episode returns what it returned unchanged"
        if lost.high is not None and lost.high < 0:
            return "acting through the features returns less than acting unchanged"
        if lost.low is not None and lost.low > 0:
            return "acting through the features returns more than acting unchanged"
        return "no difference of the return is shown by so many episodes"


def reconstruction(features: LayerFeatures) -> LayerChange:
    """The change that replaces a layer by what its features make of it."""
    return LayerChange(
        words=f"{features.layer} replaced by its {features.count} features",
        layer=features.layer,
        edit=features.reconstruct,
    )


def held_at_mean(recording: Recording, layer: str) -> LayerChange:
    """The change that holds a layer at its mean over the recording, of a convolution at every place by itself."""
    total = np.zeros(recording.activations[layer].shape[1:])
    for _, values in recording.activations[layer].blocks(16 << 20):
        total += values.sum(axis=0, dtype=np.float64)
    mean = torch.as_tensor(total / len(recording), dtype=torch.float32)
    return LayerChange(
        words=f"{layer} held at its mean", layer=layer, edit=lambda output: mean.to(output).expand_as(output).clone()
    )


def return_under_substitution(
    recording: Recording,
    features: LayerFeatures,
    policy: Policy,
    environment: str | Callable[[], Any] | None = None,
    *,
    episodes: int = EPISODES,
    seed: int = FIRST_SEED,
    deterministic: bool = True,
    progress: Progress | None = None,
) -> Substitution:
    """Let the agent act through its features, in the episodes in which it acts unchanged.

    Args:
        recording: Of the network; says what the layer's mean is.
        features: Of it.
        policy: The live policy.
        environment: By name, or a function that makes one; None makes the recorded one.
        episodes: E.
        seed: Of the first episode.
        deterministic: Take the mode.
        progress: Is told how many episodes are done, and may raise `Cancelled`.

    Raises:
        WorkbenchError: The features are of another network, or the layer cannot be overwritten.
    """
    features.check_network(recording)
    told = progress or SilentProgress()
    layer_samples(recording, features.layer)  # refuses what is not finite or not there before an episode is run
    changes: tuple[list[Change], ...] = ([], [reconstruction(features)], [held_at_mean(recording, features.layer)])
    returns = []
    with tempfile.TemporaryDirectory(prefix="rl-workbench-") as folder:
        for number, held in enumerate(changes):
            made = record(
                ChangedPolicy(policy, held),
                recording.make_environment if environment is None else environment,
                out=Path(folder) / f"{number}.zarr",
                episodes=episodes,
                seed=seed,
                deterministic=deterministic,
                layers=[],
                progress=_Part(told, number * episodes, len(changes) * episodes),
            )
            returns.append(np.asarray(made.episodes["return"], np.float64))
    unchanged, substituted, ablated = returns
    groups = np.arange(episodes)
    numbers = {
        "unchanged": unchanged, "substituted": substituted, "ablated": ablated,
        "lost": substituted - unchanged, "ablation": ablated - unchanged,
    }  # fmt: skip
    return Substitution(
        layer=features.layer,
        seeds=np.arange(seed, seed + episodes),
        unchanged=unchanged,
        substituted=substituted,
        ablated=ablated,
        estimates={name: estimate(one, groups) for name, one in numbers.items()},
        kept=_kept(unchanged, substituted, ablated, seed),
    )


def _kept(unchanged: FloatArray, substituted: FloatArray, ablated: FloatArray, seed: int) -> Interval | None:
    whole = float((unchanged - ablated).sum())
    if whole == 0:
        return None
    value = float((substituted - ablated).sum()) / whole
    if len(unchanged) < FEWEST_EPISODES:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    weights = bootstrap_weights(len(unchanged), seed=seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        return interval(value, (weights @ (substituted - ablated)) / (weights @ (unchanged - ablated)))


class _Part:
    """Tells of several recordings as of one piece of work."""

    def __init__(self, told: Progress, before: int, total: int) -> None:
        self._told, self._before, self._total = told, before, total

    def update(self, done: int, total: int, message: str = "") -> None:
        self._told.update(self._before + done, self._total, message)

    def close(self) -> None:
        """The caller closes what it handed over."""
