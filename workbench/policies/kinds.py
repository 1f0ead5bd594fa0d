"""The table of algorithms: for each, where the library keeps it, how its file is known, and how its policy is run."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from workbench.errors import MissingExtraError, WorkbenchError
from workbench.policies.action_rules import (
    ActionRule,
    Best,
    Bounds,
    Fixed,
    Gaussian,
    Greedy,
    StateDependentExploration,
    categorical_rule,
)
from workbench.policies.archive import Archive
from workbench.policies.inert_pickle import InertGlobal, InertPickleError
from workbench.policies.networks import ActorCriticHead, ActorCriticNetwork, Network, RecurrentNetwork, gather
from workbench.policies.off_policy_networks import ContinuousNetwork, QuantileNetwork, ScoreNetwork, ValueNetwork

ExplorationRate = Callable[[], float]
"""Gives the epsilon of an epsilon-greedy policy as it is now."""
Assembly = tuple[Network, ActionRule]


def _bounds(space: Any, rescale: bool) -> Bounds:
    return Bounds(space.low, space.high, rescale)


def _tensor_bounds(policy: Any) -> tuple[torch.Tensor, torch.Tensor]:
    low, high = (
        np.asarray(bound, dtype=np.float32).ravel() for bound in (policy.action_space.low, policy.action_space.high)
    )
    return torch.from_numpy(low).to(policy.device), torch.from_numpy(high).to(policy.device)


def _on_policy_rule(policy: Any, masked: bool) -> tuple[ActorCriticHead, ActionRule]:
    space = policy.action_space
    if not isinstance(space, spaces.Box):
        rule = categorical_rule(space, binary_as_pairs=masked)
        sizes: tuple[int, ...] = getattr(rule, "sizes", ()) if masked else ()
        return ActorCriticHead(policy, continuous=False, gsde=False, mask_sizes=sizes), rule
    head = ActorCriticHead(policy, continuous=True, gsde=policy.use_sde, mask_sizes=())
    bounds = _bounds(space, policy.squash_output)
    if policy.use_sde:
        return head, StateDependentExploration(
            bounds, policy.squash_output, lambda: policy.action_dist.get_std(policy.log_std)
        )
    return head, Gaussian(bounds, squash=False)


def _actor_critic(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    head, rule = _on_policy_rule(policy, masked=False)
    return ActorCriticNetwork(policy, head), rule


def _maskable(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    head, rule = _on_policy_rule(policy, masked=True)
    return ActorCriticNetwork(policy, head), rule


def _recurrent(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    head, rule = _on_policy_rule(policy, masked=False)
    return RecurrentNetwork(policy, head), rule


def _dqn(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    return ValueNetwork(gather({"q_net": policy.q_net}), policy.q_net), Greedy(policy.action_space, exploration_rate)


def _qrdqn(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    network = QuantileNetwork(gather({"quantile_net": policy.quantile_net}), policy.quantile_net)
    return network, Greedy(policy.action_space, exploration_rate)


def _continuous(policy: Any, *, stochastic: bool, quantiles: bool) -> Assembly:
    low, high = _tensor_bounds(policy)
    network = ContinuousNetwork(
        module=gather({"actor": policy.actor, "critic": policy.critic}),
        watched=policy.actor,
        critic=policy.critic,
        stochastic=stochastic,
        quantiles=quantiles,
        low=low,
        high=high,
    )
    bounds = _bounds(policy.action_space, rescale=True)
    if not stochastic:
        return network, Fixed(bounds)
    actor = policy.actor
    if actor.use_sde:
        return network, StateDependentExploration(bounds, True, lambda: actor.action_dist.get_std(actor.log_std))
    return network, Gaussian(bounds, squash=True)


def _sac(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    return _continuous(policy, stochastic=True, quantiles=False)


def _tqc(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    return _continuous(policy, stochastic=True, quantiles=True)


def _td3(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    return _continuous(policy, stochastic=False, quantiles=False)


def _ars(policy: Any, exploration_rate: ExplorationRate) -> Assembly:
    if not isinstance(policy.action_space, spaces.Box):
        return ScoreNetwork(policy, policy, None, discrete=True), Best()
    bounds = _tensor_bounds(policy) if policy.squash_output else None
    network = ScoreNetwork(policy, policy, bounds, discrete=False)
    return network, Fixed(_bounds(policy.action_space, policy.squash_output))


def policy_class_name(archive: Archive) -> str:
    """Return the dotted name of the policy class that the file names; empty where it is not just a name."""
    try:
        value = archive.value("policy_class")
    except InertPickleError:
        return ""
    return value.name if isinstance(value, InertGlobal) else ""


def _has(*keys: str) -> Callable[[Archive], bool]:
    return lambda archive: all(key in archive.data for key in keys)


def _has_weights(prefix: str) -> Callable[[Archive], bool]:
    return lambda archive: any(name.startswith(prefix) for name in archive.weights)


def _is_maskable(archive: Archive) -> bool:
    return policy_class_name(archive).startswith("sb3_contrib.common.maskable")


def _is_ppo(archive: Archive) -> bool:
    # A policy class of somebody's own may be a maskable one: such a file is taken for what its owner says.
    return "clip_range" in archive.data and policy_class_name(archive).startswith("stable_baselines3.")


def _is_a2c(archive: Archive) -> bool:
    return "gae_lambda" in archive.data and "clip_range" not in archive.data


def _is_ddpg(archive: Archive) -> bool:
    return archive.data.get("policy_delay") == 1 and archive.data.get("target_noise_clip") == 0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One algorithm."""

    name: str
    """As it stands in a policy's specification: `ppo` of `ppo:path/to.zip`."""
    label: str
    """As people write it; also the name of the library's class."""
    package: str
    """The package that holds the class."""
    assemble: Callable[[Any, ExplorationRate], Assembly]
    """From the library's policy to what runs it and what chooses its actions."""
    recognise: Callable[[Archive], bool]
    """Whether a file looks like this kind; the first that does is meant, in the table's order."""
    takes_action_masks: bool = False
    """Whether its policy wants to know which actions are legal."""
    takes_schedule: bool = True
    """Whether the policy's constructor wants a learning rate schedule."""
    takes_gsde: bool = False
    """Whether the algorithm hands its own `use_sde` to the policy (off-policy ones have it in `policy_kwargs`)."""

    def algorithm_class(self) -> Any:
        """Import the library's algorithm class."""
        try:
            return getattr(import_module(self.package), self.label)
        except ModuleNotFoundError as error:
            raise MissingExtraError("sb3-contrib", "contrib", f"a {self.label} policy") from error


_SB3, _CONTRIB = "stable_baselines3", "sb3_contrib"

# From the most particular to the most general: what only MaskablePPO has before what every PPO has.
KINDS: tuple[Kind, ...] = (
    Kind(name="recurrent_ppo", label="RecurrentPPO", package=_CONTRIB, assemble=_recurrent,
         recognise=_has_weights("lstm_actor."), takes_gsde=True),
    Kind(name="maskable_ppo", label="MaskablePPO", package=_CONTRIB, assemble=_maskable, recognise=_is_maskable,
         takes_action_masks=True),
    Kind(name="trpo", label="TRPO", package=_CONTRIB, assemble=_actor_critic,
         recognise=_has("cg_max_steps"), takes_gsde=True),
    Kind(name="ppo", label="PPO", package=_SB3, assemble=_actor_critic, recognise=_is_ppo, takes_gsde=True),
    Kind(name="a2c", label="A2C", package=_SB3, assemble=_actor_critic, recognise=_is_a2c, takes_gsde=True),
    Kind(name="qrdqn", label="QRDQN", package=_CONTRIB, assemble=_qrdqn, recognise=_has_weights("quantile_net.")),
    Kind(name="dqn", label="DQN", package=_SB3, assemble=_dqn, recognise=_has_weights("q_net.")),
    Kind(name="tqc", label="TQC", package=_CONTRIB, assemble=_tqc, recognise=_has("top_quantiles_to_drop_per_net")),
    Kind(name="ddpg", label="DDPG", package=_SB3, assemble=_td3, recognise=_is_ddpg),
    Kind(name="td3", label="TD3", package=_SB3, assemble=_td3, recognise=_has("target_policy_noise")),
    Kind(name="sac", label="SAC", package=_SB3, assemble=_sac, recognise=_has("target_entropy")),
    Kind(name="ars", label="ARS", package=_CONTRIB, assemble=_ars, recognise=_has("n_delta"), takes_schedule=False),
)  # fmt: skip

_BY_NAME = {kind.name: kind for kind in KINDS}
KIND_NAMES: tuple[str, ...] = tuple(sorted(_BY_NAME))
"""The kinds that a specification may begin with."""


def find_kind(name: str) -> Kind:
    """Return the row called `name`.

    Raises:
        WorkbenchError: There is none.
    """
    if name not in _BY_NAME:
        raise WorkbenchError(
            f"'{name}' is not a kind of policy; expected one of {', '.join(KIND_NAMES)}, or module:factory"
        )
    return _BY_NAME[name]


def kind_of_archive(archive: Archive) -> Kind | None:
    """Return the kind that a file looks like; None where it looks like none."""
    return next((kind for kind in KINDS if kind.recognise(archive)), None)


def kind_of_algorithm(algorithm: Any) -> Kind | None:
    """Return the kind of a live algorithm object (of a subclass: that of its nearest ancestor); None for a stranger."""
    by_class = {(kind.package, kind.label): kind for kind in KINDS}
    classes = ((cls.__module__.split(".")[0], cls.__name__) for cls in type(algorithm).__mro__)
    return next((by_class[key] for key in classes if key in by_class), None)
