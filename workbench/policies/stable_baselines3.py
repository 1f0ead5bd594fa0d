"""A policy of stable-baselines3 or sb3-contrib as the workbench sees it, from a live algorithm object."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workbench.errors import WorkbenchError
from workbench.policies.action_rules import ActionRule
from workbench.policies.kinds import KIND_NAMES, Kind, kind_of_algorithm
from workbench.policies.networks import Network
from workbench.policies.normalisation import (
    NormalisationSource,
    live_normalisation,
    normalisation_arrays,
    read_normalisation,
)
from workbench.policies.preprocessing import ObservationPipeline
from workbench.policies.types import ActionChoice, EpisodeRandom, Inputs, Observations, PolicyOutput, State


class StableBaselines3Policy:
    """Adapter for all algorithms; what differs between them is the network and the action rule it is given.

    Actions equal those of the library's `predict` on the same batch exactly. `value` is the critic's, see the network's
    docstring (`networks.py`, `off_policy_networks.py`).
    """

    def __init__(
        self,
        *,
        name: str,
        library_policy: Any,
        network: Network,
        rule: ActionRule,
        pipeline: ObservationPipeline,
        observation_space: gymnasium.Space[Any],
        settings: dict[str, Any],
        takes_action_masks: bool = False,
        source: Path | None = None,
        spec: str | None = None,
        algorithm: Any = None,
    ) -> None:
        """Put the parts together; `load_policy` and `wrap_stable_baselines3` do so."""
        self.name = name
        self.library_policy = library_policy
        """The library's own policy object."""
        self.algorithm = algorithm
        """The library's algorithm object where the policy is live, else None."""
        self.observation_space = observation_space
        self.action_space: gymnasium.Space[Any] = library_policy.action_space
        self.settings = settings
        """Facts in JSON's types."""
        self.takes_action_masks = takes_action_masks
        """Whether `act` and `forward` use the masks they are given (MaskablePPO)."""
        self.source = source
        """The file that it came from."""
        self.spec = spec
        """The specification that it was loaded by."""
        self._network = network
        self._watched = network.watched
        self._module = network.module
        self._rule = rule
        self._pipeline = pipeline
        library_policy.set_training_mode(False)

    @property
    def module(self) -> nn.Module:
        """Actor and critic, without target networks."""
        return self._module

    @property
    def normalisation(self) -> dict[str, npt.NDArray[Any]] | None:
        """The statistics of VecNormalize that `preprocess` applies, by name; None where there are none."""
        source = self._pipeline.normalisation
        return (normalisation_arrays(source()) or None) if source else None

    def initial_state(self, batch_size: int) -> State | None:
        """Return zeros for a recurrent policy, else None."""
        return self._network.initial_state(batch_size)

    def preprocess(self, observations: Observations) -> Inputs:
        """Normalise, transpose, scale and encode a batch of raw observations."""
        return self._pipeline(observations)

    def forward(
        self,
        inputs: Inputs,
        state: State | None = None,
        episode_starts: Tensor | None = None,
        action_masks: Tensor | None = None,
    ) -> PolicyOutput:
        """Run actor and critic once, differentiably."""
        self._to_evaluation()
        return self._network.run(inputs, state, episode_starts, action_masks).output

    def act(
        self,
        observations: Observations,
        state: State | None = None,
        episode_starts: npt.NDArray[np.bool_] | None = None,
        *,
        deterministic: bool,
        random: Sequence[EpisodeRandom] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
    ) -> ActionChoice:
        """Choose actions for a batch of raw observations."""
        self._to_evaluation()
        with torch.no_grad():
            inputs = self._pipeline(observations)
            device = self._pipeline.device
            starts = None if episode_starts is None else torch.as_tensor(episode_starts, device=device)
            masks = None if action_masks is None else torch.as_tensor(action_masks, device=device)
            output, latent = self._network.run(inputs, state, starts, masks)
            if deterministic:
                actions = self._rule.mode(output, latent)
            elif random is None:
                raise ValueError("acting stochastically needs one EpisodeRandom a row")
            else:
                actions = self._rule.sample(output, latent, random)
        return ActionChoice(actions=actions, output=output)

    def _to_evaluation(self) -> None:
        # A live policy is put into training mode by its algorithm between rollouts.
        if self._watched.training:
            self.library_policy.set_training_mode(False)


def _raw_space_and_normaliser(algorithm: Any) -> tuple[gymnasium.Space[Any], Any]:
    """Look through the algorithm's own environment for the raw observations' space and for a VecNormalize."""
    space, environment, normaliser = algorithm.observation_space, algorithm.get_env(), None
    while environment is not None and type(environment).__name__ in ("VecTransposeImage", "VecNormalize", "VecMonitor"):
        if type(environment).__name__ == "VecNormalize":
            normaliser = environment
        environment = environment.venv
        space = environment.observation_space
    return space, normaliser


def algorithm_settings(kind: Kind, library_policy: Any, facts: Any) -> dict[str, Any]:
    """Collect the facts about a policy that a recording keeps, in JSON's types; `facts` maps names to values."""
    settings: dict[str, Any] = {"algorithm": kind.label, "policy_class": type(library_policy).__name__}
    for name, key in (
        ("steps_trained", "num_timesteps"),
        ("gsde", "use_sde"),
        ("gamma", "gamma"),
        ("exploration_rate", "exploration_rate"),
    ):
        value = facts.get(key)
        if isinstance(value, (bool, int, float)) and abs(value) < 2**63:
            settings[name] = value
    layers = getattr(library_policy, "net_arch", None)
    if isinstance(layers, (list, dict)):
        settings["net_arch"] = layers
    return settings


def assemble_policy(
    kind: Kind,
    library_policy: Any,
    *,
    normalisation: NormalisationSource | None,
    observation_space: gymnasium.Space[Any],
    facts: Any,
    source: Path | None = None,
    spec: str | None = None,
    algorithm: Any = None,
) -> StableBaselines3Policy:
    """Make the adapter around the library's policy.

    Args:
        kind: Its row in the table of algorithms.
        library_policy: The library's policy, weights loaded, on its device.
        normalisation: Where the statistics of VecNormalize come from.
        observation_space: The space of raw observations.
        facts: The algorithm's settings by the library's names (read anew where they may change).
        source: The file it came from.
        spec: The specification it was loaded by.
        algorithm: The live algorithm, if any.
    """

    def exploration_rate() -> float:
        rate = algorithm.exploration_rate if algorithm is not None else facts.get("exploration_rate")
        return float(rate) if isinstance(rate, (int, float)) and 0 <= rate <= 1 else 0.0

    network, rule = kind.assemble(library_policy, exploration_rate)
    pipeline = ObservationPipeline(
        library_policy.observation_space,
        normalisation=normalisation,
        scale_images=library_policy.normalize_images,
        device=library_policy.device,
    )
    return StableBaselines3Policy(
        name=kind.label,
        library_policy=library_policy,
        network=network,
        rule=rule,
        pipeline=pipeline,
        observation_space=observation_space,
        settings=algorithm_settings(kind, library_policy, facts),
        takes_action_masks=kind.takes_action_masks,
        source=source,
        spec=spec,
        algorithm=algorithm,
    )


def wrap_stable_baselines3(
    algorithm: Any, *, vec_normalize: Any = None, observation_space: gymnasium.Space[Any] | None = None
) -> StableBaselines3Policy:
    """Make a policy of a live algorithm object: it follows the algorithm's weights and statistics as they train.

    Args:
        algorithm: An algorithm of stable-baselines3 or sb3-contrib, such as `PPO(...)` or `PPO.load(...)`.
        vec_normalize: A VecNormalize environment, or the file that one was saved to; by default the one that the
            algorithm's own environment has, if any.
        observation_space: The space of the raw observations, where it is not that of the algorithm's environment.

    Raises:
        WorkbenchError: Not an algorithm of a kind that is supported, or statistics that do not fit.
    """
    kind = kind_of_algorithm(algorithm)
    if kind is None:
        raise WorkbenchError(
            f"expected an algorithm object of stable-baselines3 or sb3-contrib ({', '.join(KIND_NAMES)}); "
            f"came a {type(algorithm).__module__}.{type(algorithm).__name__}"
        )
    raw_space, own_normaliser = _raw_space_and_normaliser(algorithm)
    normalisation: NormalisationSource | None = None
    if isinstance(vec_normalize, (str, Path)):
        stored = read_normalisation(vec_normalize)
        normalisation = lambda: stored  # noqa: E731
    elif vec_normalize is not None or own_normaliser is not None:
        normalisation = live_normalisation(vec_normalize if vec_normalize is not None else own_normaliser)
    return assemble_policy(
        kind,
        algorithm.policy,
        normalisation=normalisation,
        observation_space=observation_space or raw_space,
        facts=vars(algorithm),
        algorithm=algorithm,
    )
