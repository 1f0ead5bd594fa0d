"""From what a network says to an action: one rule for each kind of distribution, exact to the library's arithmetic.

Each rule repeats, operation by operation, what stable-baselines3 does in its distribution objects (without building
them), so that actions equal those of `predict` to the last bit. Sampling draws row i from `random[i]` alone.

Axis legend: B batch, A discrete actions (summed over components), D components of a continuous action, F features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor

from workbench.policies.types import EpisodeRandom, PolicyOutput

Actions = npt.NDArray[Any]


class ActionRule(Protocol):
    """Chooses actions from one forward pass."""

    def mode(self, output: PolicyOutput, latent: Tensor) -> Actions:
        """Return the deterministic actions `[B, …]`; `latent` `[B, F]` is what entered the policy's last layer."""

    def sample(self, output: PolicyOutput, latent: Tensor, random: Sequence[EpisodeRandom]) -> Actions:
        """Draw actions `[B, …]`, row i from `random[i]`."""


def _present(tensor: Tensor | None) -> Tensor:
    assert tensor is not None, "the rule does not fit the network"
    return tensor


def _gaussian_noise(like: Tensor, random: Sequence[EpisodeRandom]) -> Tensor:
    noise = torch.empty(like.shape, dtype=like.dtype)
    for row, stream in zip(noise, random, strict=True):
        row.normal_(generator=stream.torch)
    return noise.to(like.device)


@dataclass(frozen=True)
class Categorical:
    """One or several independent categorical distributions, side by side in `logits`."""

    sizes: tuple[int, ...]
    """Number of choices of each component; they sum to A."""
    shape: tuple[int, ...]
    """Shape of one action: () for Discrete, one number a component otherwise."""
    dtype: npt.DTypeLike

    def _probabilities(self, output: PolicyOutput) -> list[Tensor]:
        logits = _present(output.logits)
        parts = torch.split(logits, list(self.sizes), dim=1) if len(self.sizes) > 1 else (logits,)
        # torch's Categorical normalises first; rounding can make two probabilities tie whose logits do not.
        return [torch.softmax(part - part.logsumexp(dim=-1, keepdim=True), dim=-1) for part in parts]

    def _actions(self, columns: list[Tensor]) -> Actions:
        stacked = columns[0] if len(columns) == 1 else torch.stack(columns, dim=1)
        return stacked.cpu().numpy().reshape(-1, *self.shape).astype(self.dtype, copy=False)

    def mode(self, output: PolicyOutput, latent: Tensor) -> Actions:
        """Take each component's most probable choice."""
        return self._actions([part.argmax(dim=1) for part in self._probabilities(output)])

    def sample(self, output: PolicyOutput, latent: Tensor, random: Sequence[EpisodeRandom]) -> Actions:
        """Draw as `torch.multinomial(p, 1)` does on a CPU: argmax of p / exponential noise."""
        columns = []
        for part in self._probabilities(output):
            part = part.cpu()
            noise = torch.empty(part.shape, dtype=part.dtype)
            for row, stream in zip(noise, random, strict=True):
                row.exponential_(generator=stream.torch)
            columns.append((part / noise).argmax(dim=1))
        return self._actions(columns)


@dataclass(frozen=True)
class Bernoulli:
    """Independent yes-or-no actions."""

    shape: tuple[int, ...]
    dtype: npt.DTypeLike

    def mode(self, output: PolicyOutput, latent: Tensor) -> Actions:
        """Round the probabilities."""
        chosen = torch.sigmoid(_present(output.logits)).round()
        return chosen.cpu().numpy().reshape(-1, *self.shape).astype(self.dtype)

    def sample(self, output: PolicyOutput, latent: Tensor, random: Sequence[EpisodeRandom]) -> Actions:
        """Draw each with its probability."""
        probabilities = torch.sigmoid(_present(output.logits)).cpu()
        rows = [torch.bernoulli(row, generator=stream.torch) for row, stream in zip(probabilities, random, strict=True)]
        return torch.stack(rows).numpy().reshape(-1, *self.shape).astype(self.dtype)


@dataclass(frozen=True)
class Bounds:
    """How a network's continuous output becomes an action within a Box."""

    low: npt.NDArray[Any]
    high: npt.NDArray[Any]
    rescale: bool
    """True: the output lies in [-1, 1] and is stretched to the bounds. False: it is clipped to them."""

    def apply(self, output: Tensor) -> Actions:
        """Return the actions `[B, *action]` for `[B, D]`."""
        actions = output.cpu().numpy().reshape(-1, *self.low.shape)
        if self.rescale:
            stretched: Actions = self.low + (0.5 * (actions + 1.0) * (self.high - self.low))
            return stretched
        clipped: Actions = np.clip(actions, self.low, self.high)
        return clipped


@dataclass(frozen=True)
class Gaussian:
    """A diagonal Gaussian, squashed by tanh or not."""

    bounds: Bounds
    squash: bool

    def mode(self, output: PolicyOutput, latent: Tensor) -> Actions:
        """Take the mean."""
        mean = _present(output.mean)
        return self.bounds.apply(torch.tanh(mean) if self.squash else mean)

    def sample(self, output: PolicyOutput, latent: Tensor, random: Sequence[EpisodeRandom]) -> Actions:
        """Draw mean + noise · standard deviation."""
        mean, log_std = _present(output.mean), _present(output.log_std)
        drawn = mean + _gaussian_noise(mean, random) * log_std.exp()
        return self.bounds.apply(torch.tanh(drawn) if self.squash else drawn)


@dataclass(frozen=True)
class StateDependentExploration:
    """Generalised state-dependent exploration, gSDE (Raffin et al., 2021): noise = features · a fixed random matrix.

    The library draws its matrix when it is told to (`reset_noise`), for all episodes alike. Here each episode draws
    its own at its first step, from its own stream: the same matrix as the library's after seeding torch with the
    episode's seed and calling `policy.reset_noise()`.
    """

    bounds: Bounds
    squash: bool
    standard_deviation: Callable[[], Tensor]
    """Gives `[F, D]`, the standard deviation of the matrix's entries as it is now."""
    matrices: "WeakKeyDictionary[EpisodeRandom, Tensor]" = field(default_factory=WeakKeyDictionary)

    def mode(self, output: PolicyOutput, latent: Tensor) -> Actions:
        """Take the mean."""
        mean = _present(output.mean)
        return self.bounds.apply(torch.tanh(mean) if self.squash else mean)

    def _matrix(self, stream: EpisodeRandom) -> Tensor:
        if stream not in self.matrices:
            deviation = self.standard_deviation()
            noise = torch.empty(deviation.shape, dtype=deviation.dtype).normal_(generator=stream.torch)
            self.matrices[stream] = noise.to(deviation.device) * deviation
        return self.matrices[stream]

    def sample(self, output: PolicyOutput, latent: Tensor, random: Sequence[EpisodeRandom]) -> Actions:
        """Add to the mean the features times the episode's matrix."""
        noise = [torch.mm(latent[i : i + 1], self._matrix(stream)) for i, stream in enumerate(random)]
        drawn = _present(output.mean) + torch.cat(noise)
        return self.bounds.apply(torch.tanh(drawn) if self.squash else drawn)


@dataclass(frozen=True)
class Fixed:
    """A deterministic continuous actor; it acts alike whether asked to sample or not, as the library's `predict` does.

    The pass's `latent` is the actor's own output, `[B, D]`.
    """

    bounds: Bounds

    def mode(self, output: PolicyOutput, latent: Tensor) -> Actions:
        """Take the actor's output."""
        return self.bounds.apply(latent)

    def sample(self, output: PolicyOutput, latent: Tensor, random: Sequence[EpisodeRandom]) -> Actions:
        """Take the actor's output."""
        return self.bounds.apply(latent)


def _no_exploration() -> float:
    return 0.0


@dataclass(frozen=True)
class Greedy:
    """The action of greatest score; when sampling, a random one with probability epsilon (epsilon-greedy)."""

    space: gymnasium.Space[Any]
    exploration_rate: Callable[[], float] = _no_exploration
    """Gives epsilon as it is now."""

    def mode(self, output: PolicyOutput, latent: Tensor) -> Actions:
        """Take the best action."""
        scores = output.q_values if output.q_values is not None else _present(output.logits)
        return scores.argmax(dim=1).cpu().numpy()

    def sample(self, output: PolicyOutput, latent: Tensor, random: Sequence[EpisodeRandom]) -> Actions:
        """Explore with probability epsilon, each row by its own stream."""
        actions = self.mode(output, latent)
        epsilon = self.exploration_rate()
        for row, stream in enumerate(random):
            if stream.numpy.rand() < epsilon:
                actions[row] = stream.sample(self.space)
        return actions


@dataclass(frozen=True)
class Best:
    """The action of greatest score, always (ARS: `predict` ignores the request to sample)."""

    def mode(self, output: PolicyOutput, latent: Tensor) -> Actions:
        """Take the best action."""
        return _present(output.logits).argmax(dim=1).cpu().numpy()

    def sample(self, output: PolicyOutput, latent: Tensor, random: Sequence[EpisodeRandom]) -> Actions:
        """Take the best action."""
        return self.mode(output, latent)


def categorical_rule(space: gymnasium.Space[Any], *, binary_as_pairs: bool = False) -> ActionRule:
    """Return the rule for logits over a discrete action space.

    Args:
        space: Discrete, MultiDiscrete or MultiBinary.
        binary_as_pairs: MultiBinary has two logits a component (as MaskablePPO has it), not one.
    """
    if isinstance(space, spaces.Discrete):
        return Categorical((int(space.n),), (), np.int64)
    if isinstance(space, spaces.MultiDiscrete):
        return Categorical(tuple(int(size) for size in space.nvec.ravel()), space.shape, space.dtype)
    assert isinstance(space, spaces.MultiBinary), space
    if binary_as_pairs:
        return Categorical((2,) * int(np.prod(space.shape)), space.shape, space.dtype)
    return Bernoulli(space.shape, space.dtype)
