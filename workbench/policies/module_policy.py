"""Any `torch.nn.Module` as a policy, with a small adapter function that says what its output means."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor, nn

from workbench.errors import WorkbenchError
from workbench.policies.action_rules import ActionRule, Bounds, Fixed, Gaussian, Greedy, categorical_rule
from workbench.policies.preprocessing import ObservationPipeline
from workbench.policies.types import ActionChoice, EpisodeRandom, Inputs, Observations, PolicyOutput, State

Forward = Callable[[Any, Inputs, State | None, Tensor | None], PolicyOutput]
"""`forward(module, inputs, state, episode_starts)`: what the network says about a batch; differentiable. A recurrent
network resets its state where `episode_starts` is True, and returns the state after the step."""


class ModulePolicy:
    """Adapter for any network.

    Actions follow from what `forward` returns and from the action space: the most probable of `logits`, the best of
    `q_values`, `mean` clipped to the bounds; sampling draws from the distribution (for `q_values`: takes the best).
    """

    def __init__(
        self,
        module: nn.Module,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        *,
        forward: Forward,
        preprocess: Callable[[Observations], Inputs] | None = None,
        initial_state: Callable[[int], State | None] | None = None,
        name: str | None = None,
        settings: dict[str, Any] | None = None,
        takes_action_masks: bool = False,
        source: Path | None = None,
        spec: str | None = None,
    ) -> None:
        """Wrap `module`, which is put into evaluation mode.

        Args:
            module: The network, policy and critic together.
            observation_space: Space of the raw observations.
            action_space: Space of the actions.
            forward: What the network's output means (see `Forward`).
            preprocess: From raw observations `[B, …]` to float tensors; by default numbers become float32 as they are
                (images are not scaled), and discrete observations one-hot.
            initial_state: From a batch size to the recurrent state at an episode's start.
            name: What to call it; the module's class by default.
            settings: Facts about it, in JSON's types.
            takes_action_masks: Whether a recorder shall ask the environment which actions are legal.
            source: The file that its weights came from.
            spec: The specification that it was loaded by.
        """
        self.name = name or type(module).__name__
        self.observation_space = observation_space
        self.action_space = action_space
        self.settings = settings or {}
        self.takes_action_masks = takes_action_masks
        self.source = source
        self.spec = spec
        self._module = module.eval()
        self._forward = forward
        self._initial_state = initial_state
        self._preprocess = preprocess or ObservationPipeline(observation_space, scale_images=False)
        self._rules: dict[str, ActionRule] = _rules(action_space)

    def _device(self) -> torch.device:
        parameter = next(self._module.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    @property
    def module(self) -> nn.Module:
        """The network itself."""
        return self._module

    def initial_state(self, batch_size: int) -> State | None:
        """Return what the caller's function says; None where there is none."""
        return self._initial_state(batch_size) if self._initial_state else None

    def preprocess(self, observations: Observations) -> Inputs:
        """Turn raw observations into the network's inputs."""
        inputs, device = self._preprocess(observations), self._device()
        if device.type == "cpu":
            return inputs
        if isinstance(inputs, Tensor):
            return inputs.to(device)
        return {key: tensor.to(device) for key, tensor in inputs.items()}

    def forward(
        self,
        inputs: Inputs,
        state: State | None = None,
        episode_starts: Tensor | None = None,
        action_masks: Tensor | None = None,
    ) -> PolicyOutput:
        """Run the network, differentiably; logits of actions that `action_masks` forbids become -1e8."""
        output: Any = self._forward(self._module, inputs, state, episode_starts)
        if not isinstance(output, PolicyOutput) or len({"logits", "mean", "q_values"} & set(output.distribution)) != 1:
            raise WorkbenchError(
                f"the forward function of '{self.name}' must return a PolicyOutput with one of logits, mean, q_values"
            )
        if action_masks is None or output.logits is None:
            return output
        forbidden = ~action_masks.bool().reshape(output.logits.shape)
        logits = output.logits.masked_fill(forbidden, -1e8)
        return PolicyOutput(logits=logits, value=output.value, state=output.state)

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
        if self._module.training:
            self._module.eval()
        with torch.no_grad():
            device = self._device()
            starts = None if episode_starts is None else torch.as_tensor(episode_starts, device=device)
            masks = None if action_masks is None else torch.as_tensor(action_masks, device=device)
            output = self.forward(self.preprocess(observations), state, starts, masks)
            rule, latent = self._rule(output)
            if deterministic:
                actions = rule.mode(output, latent)
            elif random is None:
                raise ValueError("acting stochastically needs one EpisodeRandom a row")
            else:
                actions = rule.sample(output, latent, random)
        return ActionChoice(actions=actions, output=output)

    def _rule(self, output: PolicyOutput) -> tuple[ActionRule, Tensor]:
        given = next(name for name in ("logits", "q_values", "mean") if getattr(output, name) is not None)
        name = "fixed" if given == "mean" and output.log_std is None else given
        if name not in self._rules:
            raise WorkbenchError(f"'{self.name}' returned {given}, which does not fit actions in {self.action_space}")
        return self._rules[name], getattr(output, given)


def _rules(space: gymnasium.Space[Any]) -> dict[str, ActionRule]:
    """Return the rules that make actions in `space`, by the field of `PolicyOutput` they read."""
    if isinstance(space, spaces.Box):
        bounds = Bounds(space.low, space.high, rescale=False)
        return {"mean": Gaussian(bounds, squash=False), "fixed": Fixed(bounds)}
    if isinstance(space, spaces.Discrete):
        return {"logits": categorical_rule(space), "q_values": Greedy(space)}
    if isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
        return {"logits": categorical_rule(space)}
    raise WorkbenchError(f"actions in {space} are not supported: expected Box, Discrete, MultiDiscrete or MultiBinary")


def module_policy(module: nn.Module, environment: gymnasium.Env[Any, Any]) -> ModulePolicy:
    """Make a policy of a network that brings its adapter with it.

    Args:
        module: A network with a method `policy_output(inputs, state, episode_starts) -> PolicyOutput`, and optionally
            `preprocess(observations)` and `initial_state(batch_size)`.
        environment: Gives the spaces.

    Raises:
        WorkbenchError: The module lacks `policy_output`.
    """
    if not callable(getattr(module, "policy_output", None)):
        raise WorkbenchError(
            f"the torch module {type(module).__name__} has no method policy_output(inputs, state, episode_starts) -> "
            f"PolicyOutput that says what its output means; add one, or return a ModulePolicy"
        )
    own: Any = module
    return ModulePolicy(
        module,
        environment.observation_space,
        environment.action_space,
        forward=lambda network, inputs, state, starts: own.policy_output(inputs, state, starts),
        preprocess=getattr(module, "preprocess", None),
        initial_state=getattr(module, "initial_state", None),
    )
