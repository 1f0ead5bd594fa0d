"""What every policy adapter must do. An adapter's whole test is one call of `check_policy`.

Axis legend: B batch.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.policies.types import EpisodeRandom, Inputs, Observations, Policy, PolicyOutput, State

Predict = Callable[[Observations], np.ndarray]
"""The library's own deterministic actions for a batch of raw observations at an episode's start."""
Critic = Callable[[Observations], Tensor]
"""The library's own value `[B]` of a batch of raw observations at an episode's start."""


def size(observations: Observations) -> int:
    first = next(iter(observations.values())) if isinstance(observations, Mapping) else observations
    return len(first)


def state_of(policy: Policy, observations: Observations) -> State | None:
    return policy.initial_state(size(observations))


def check_policy(
    policy: Policy, observations: Observations, *, predict: Predict | None = None, critic: Critic | None = None
) -> None:
    """Run the whole suite on a batch of raw observations."""
    assert isinstance(policy, Policy)
    check_actions_belong(policy, observations)
    check_output(policy, observations)
    check_gradients(policy, observations)
    check_hooks(policy, observations)
    check_global_state(policy, observations)
    check_state_resets(policy, observations)
    check_streams(policy, observations)
    if predict is not None:
        actions = policy.act(observations, state_of(policy, observations), deterministic=True).actions
        np.testing.assert_array_equal(actions, predict(observations))
    if critic is not None:
        value = policy.act(observations, state_of(policy, observations), deterministic=True).output.value
        torch.testing.assert_close(value, critic(observations))


def streams(observations: Observations, seed: int = 0) -> list[EpisodeRandom]:
    return [EpisodeRandom(seed + i) for i in range(size(observations))]


def check_actions_belong(policy: Policy, observations: Observations) -> None:
    for choose in ({"deterministic": True}, {"deterministic": False, "random": streams(observations)}):
        actions = policy.act(observations, state_of(policy, observations), **choose).actions  # type: ignore[arg-type]
        assert len(actions) == size(observations)
        assert all(policy.action_space.contains(action) for action in actions)


def check_output(policy: Policy, observations: Observations) -> None:
    """The pass that acts and `forward` say the same; shapes are `[B, …]`; nothing is in training mode.

    Bit for bit where no gradient is taken. Where one is, torch may compute an LSTM by other kernels than those of the
    pass that acts (which ones depends on the processor), whose sums are in another order: equal to rounding.
    """
    assert not any(part.training for part in policy.module.modules())
    state = state_of(policy, observations)
    acted = policy.act(observations, state, deterministic=True).output
    output = policy.forward(policy.preprocess(observations), state)
    with torch.no_grad():
        same = policy.forward(policy.preprocess(observations), state)
    assert len({"logits", "mean", "q_values"} & set(output.distribution)) == 1
    for name, tensor in output.distribution.items():
        assert tensor.shape[0] == size(observations)
        assert tensor.ndim == 2, name
        torch.testing.assert_close(same.distribution[name], acted.distribution[name], rtol=0, atol=0)
        torch.testing.assert_close(tensor, acted.distribution[name])
    if output.value is not None:
        assert output.value.shape == (size(observations),)
    assert (output.state is None) == (state is None)


def leaves(inputs: Inputs) -> list[Tensor]:
    return list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]


def check_gradients(policy: Policy, observations: Observations) -> None:
    """Every account of the action, and the value, has a gradient at every input."""
    inputs = policy.preprocess(observations)
    assert all(tensor.is_floating_point() and not tensor.requires_grad for tensor in leaves(inputs))
    for tensor in leaves(inputs):
        tensor.requires_grad_()
    output = policy.forward(inputs, state_of(policy, observations))
    targets = {**output.distribution, "value": output.value}
    depends = [tensor for tensor in targets.values() if tensor is not None and tensor.requires_grad]
    assert depends
    main = next(iter(output.distribution.values()))
    for target in [main] + ([output.value] if output.value is not None else []):
        gradients = torch.autograd.grad(target.sum(), leaves(inputs), retain_graph=True)
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert any(gradient.abs().sum() > 0 for gradient in gradients)


def check_hooks(policy: Policy, observations: Observations) -> None:
    """Each leaf module is called exactly once in the pass that acts."""
    calls: dict[str, int] = {}

    def hook(name: str) -> Any:
        def count(module: nn.Module, arguments: Any, result: Any) -> None:
            calls[name] = calls.get(name, 0) + 1

        return count

    names = [name for name, part in policy.module.named_modules() if not list(part.children())]
    names = [name for name in names if not isinstance(policy.module.get_submodule(name), nn.Sequential)]
    handles = [policy.module.get_submodule(name).register_forward_hook(hook(name)) for name in names]
    policy.act(observations, state_of(policy, observations), deterministic=True)
    for handle in handles:
        handle.remove()
    assert calls == dict.fromkeys(names, 1)


def check_global_state(policy: Policy, observations: Observations) -> None:
    """Acting neither reads nor moves the global generators, and moves no weight."""
    weights = {name: tensor.clone() for name, tensor in policy.module.state_dict().items()}
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        before = (torch.get_rng_state(), np.random.get_state()[1].copy())  # type: ignore[index]
        for deterministic in (True, False):
            choice = policy.act(
                observations,
                state_of(policy, observations),
                deterministic=deterministic,
                random=streams(observations),
            )
        results.append(choice.actions)
        assert torch.equal(torch.get_rng_state(), before[0])
        assert (np.random.get_state()[1] == before[1]).all()  # type: ignore[index]
    np.testing.assert_array_equal(*results)
    for name, tensor in policy.module.state_dict().items():
        assert torch.equal(tensor, weights[name])


def check_streams(policy: Policy, observations: Observations) -> None:
    """A row draws from its own stream: what another row draws does not change it."""
    first, second = streams(observations), streams(observations)
    second[0] = EpisodeRandom(999)
    state = state_of(policy, observations)
    one = policy.act(observations, state, deterministic=False, random=first).actions
    other = policy.act(observations, state, deterministic=False, random=second).actions
    np.testing.assert_array_equal(one[1:], other[1:])


def _moved(policy: Policy, observations: Observations) -> tuple[State, PolicyOutput]:
    state = state_of(policy, observations)
    output = policy.act(observations, state, np.ones(size(observations), bool), deterministic=True).output
    assert output.state is not None
    return output.state, output


def check_state_resets(policy: Policy, observations: Observations) -> None:
    """Where an episode starts, memory is as at the beginning; elsewhere it is kept."""
    if state_of(policy, observations) is None:
        return
    count = size(observations)
    state, fresh = _moved(policy, observations)
    for tensor in state.values():
        assert tensor.shape[0] == count
    starts = np.zeros(count, bool)
    starts[0] = True
    again = policy.act(observations, state, starts, deterministic=True).output
    assert again.state is not None
    assert fresh.state is not None
    for name in state:
        torch.testing.assert_close(again.state[name][0], fresh.state[name][0])
        assert not torch.allclose(again.state[name][1:], fresh.state[name][1:])
