"""A policy that searches before it acts: another policy's network tells it priors and values.

Axis legend: that of `workbench.policies.types`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workbench.errors import WorkbenchError
from workbench.policies.fingerprints import fingerprint_module
from workbench.policies.types import ActionChoice, EpisodeRandom, Inputs, Observations, Policy, PolicyOutput, State
from workbench.search.choosing import choose_action, with_choice
from workbench.search.evaluators import Evaluation, Evaluator
from workbench.search.games import Game
from workbench.search.onnx_evaluator import OnnxEvaluator
from workbench.search.packing import TraceRoom, pack_trace, search_facts
from workbench.search.searching import search
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace


class PolicyEvaluator:
    """A policy's logits and value, as a search asks for them.

    Args:
        policy: Without memory; its observations are those of the game.
    """

    def __init__(self, policy: Policy) -> None:
        if policy.initial_state(1) is not None:
            raise WorkbenchError(f"{policy.name} has a memory, which a search of positions cannot set; search without.")
        self.name = policy.name
        self.fingerprint = fingerprint_module(policy.module)
        self._policy = policy

    def __call__(self, observations: npt.NDArray[np.float32]) -> Evaluation:
        """One pass without gradients.

        Raises:
            WorkbenchError: The policy has no logits or Q-values, or no value.
        """
        with torch.inference_mode():
            logits, value = _guidance(self._policy, self._policy.preprocess(observations))
            return logits.float().numpy(), value.float().numpy()


def _guidance(policy: Policy, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Logits `[B, A]` and values `[B]`."""
    output = policy.forward(inputs)
    logits = output.logits if output.logits is not None else output.q_values
    value = output.value
    if logits is None or (value is None and output.q_values is None):
        raise WorkbenchError(
            f"{policy.name} cannot guide a search: it needs logits and a value, or Q-values; it gives "
            f"{', '.join(output.distribution) or 'neither'}{'' if value is not None else ' and no value'}."
        )
    return logits, value if value is not None else logits.max(1).values


class _Guiding(nn.Module):
    """A policy as a module that can be exported."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.network, self._policy = policy.module, policy

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return _guidance(self._policy, inputs)


def onnx_evaluator(policy: Policy, game: Game) -> OnnxEvaluator:
    """A policy's logits and value from ONNX Runtime, in a fraction of torch's time where batches are small.

    Args:
        policy: Without memory, on the processor; what it does to observations first is not part of the graph.
        game: Whose observations the policy sees; the answers are compared in some positions of it.

    Raises:
        WorkbenchError: The policy has a memory, no logits and value, or several inputs; it cannot be exported, or the
            answers differ.
        MissingExtraError: ONNX Runtime, or what torch exports with, is not installed.
    """
    fingerprint = PolicyEvaluator(policy).fingerprint

    def preprocess(observations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        inputs = policy.preprocess(observations)
        if not isinstance(inputs, Tensor):
            raise WorkbenchError(f"{policy.name} has several inputs, which a search on ONNX Runtime cannot fill.")
        return inputs.numpy()

    return OnnxEvaluator.from_module(
        _Guiding(policy), game, fingerprint=fingerprint, preprocess=preprocess, name=policy.name
    )


class SearchPolicy:
    """Acts by searching from the environment's position; what it says of it otherwise is the network's own.

    What is recorded as `logits` and `value` is the network's account of the position, from a pass of its own after the
    search; the action is the search's; the whole search is recorded beside the step.

    Args:
        policy: Its network tells the search priors and values.
        settings: How to search.
        temperature: With which an action is drawn when it does not act deterministically.
        threads: As for `search`.
        evaluator: What makes the evaluator of the network, when it first acts; None: the network itself is asked;
            `onnx_evaluator`: ONNX Runtime is.
    """

    takes_action_masks = False
    takes_environments = True
    """Whoever lets it act hands over the environments that the observations came from."""

    def __init__(
        self,
        policy: Policy,
        settings: SearchSettings,
        *,
        temperature: float = 1.0,
        threads: int = 1,
        spec: str | None = None,
        evaluator: Callable[[Policy, Game], Evaluator] | None = None,
    ) -> None:
        self.policy, self.search_settings = policy, settings
        self.name = f"{policy.name} with {settings.simulations} simulations"
        self.settings: dict[str, Any] = {**(getattr(policy, "settings", None) or {}), "search": settings.rule}
        self.spec = spec if spec is not None else getattr(policy, "spec", None)
        self._temperature, self._threads = temperature, threads
        self._make_evaluator = evaluator or (lambda policy, _game: PolicyEvaluator(policy))
        self._evaluator: Evaluator | None = None
        self._room: TraceRoom | None = None
        self.last_traces: list[SearchTrace] = []
        """Of the last act, one a row."""

    @property
    def source(self) -> Any:
        """The file that the network's policy came from, which a recording keeps."""
        return getattr(self.policy, "source", None)

    @property
    def algorithm(self) -> Any:
        """The live algorithm of the network's policy, where it has one."""
        return getattr(self.policy, "algorithm", None)

    @property
    def agent_file(self) -> Any:
        """The network's file where it is no longer on the disk."""
        return getattr(self.policy, "agent_file", None)

    @property
    def normalisation(self) -> Any:
        """What normalises the network's observations."""
        return getattr(self.policy, "normalisation", None)

    @property
    def observation_space(self) -> gymnasium.Space[Any]:
        """That of the network's policy."""
        return self.policy.observation_space

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        """That of the network's policy."""
        return self.policy.action_space

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.policy.module

    def initial_state(self, batch_size: int) -> State | None:
        """None: a search remembers nothing from step to step."""
        return None

    def preprocess(self, observations: Observations) -> Inputs:
        """The network's."""
        return self.policy.preprocess(observations)

    def forward(
        self,
        inputs: Inputs,
        state: State | None = None,
        episode_starts: Tensor | None = None,
        action_masks: Tensor | None = None,
    ) -> PolicyOutput:
        """What the network says without a search."""
        return self.policy.forward(inputs, state, episode_starts, action_masks)

    def search_facts(self, environment: Any) -> dict[str, Any]:
        """What a recording says of all searches: the game, the settings, the network's fingerprint, the rows' sizes."""
        game = game_of(environment)
        return search_facts(game.name, self.search_settings, fingerprint_module(self.module), self.room(game))

    def room(self, game: Game) -> TraceRoom:
        """How large the rows of its traces are."""
        return TraceRoom(
            simulations=self.search_settings.simulations, actions=game.actions, words=game.words, rewards=False
        )

    def skip_draws(self, random: EpisodeRandom) -> None:
        """Draw what a step draws, for nothing: an episode that is taken up again."""
        draw_seeds(random)

    def act(
        self,
        observations: Observations,
        state: State | None = None,
        episode_starts: npt.NDArray[np.bool_] | None = None,
        *,
        deterministic: bool,
        random: Sequence[EpisodeRandom] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
        environments: Sequence[Any] | None = None,
        own_pass: Callable[[], None] | None = None,
    ) -> ActionChoice:
        """Search from each environment's position and act on it.

        Args:
            observations: `[B, *observation]`.
            state: None.
            episode_starts: `[B]`, without effect.
            deterministic: Take the most visited action without noise at the root; else draw one by the visits.
            random: One stream a row, where it is not deterministic: two numbers are drawn of each a step.
            action_masks: Without effect: the game knows what is legal.
            environments: `[B]`, those that the observations came from; they are looked at, not stepped.
            own_pass: Called when the search is over, before the network's pass on the observations themselves: for
                whoever watches the network.

        Raises:
            WorkbenchError: There are no environments, or they are of no game.
        """
        if environments is None:
            raise WorkbenchError(
                f"{self.name} searches from the environment's position, and was given observations alone. "
                f"Let it act with `record`, or pass environments=[…] to act."
            )
        if not deterministic and random is None:
            raise WorkbenchError(f"{self.name} draws its actions from a random stream for each row; pass random=[…].")
        seeds = [(0, 0)] * len(environments) if deterministic else [draw_seeds(one) for one in random or ()]
        game = game_of(environments[0])
        if self._evaluator is None:
            self._evaluator = self._make_evaluator(self.policy, game)
        settings = self.search_settings
        if deterministic and settings.noise:
            settings = SearchSettings(**{**settings.__dict__, "noise": 0.0})
        positions = np.stack([np.asarray(one.unwrapped.position, np.uint64) for one in environments])
        traces = search(
            game, positions, self._evaluator, settings, seed=[one for one, _ in seeds], threads=self._threads
        )
        actions = [
            choose_action(
                trace, temperature=0.0 if deterministic else self._temperature, seed=None if deterministic else draw
            )
            for trace, (_, draw) in zip(traces, seeds, strict=True)
        ]
        self.last_traces = [with_choice(trace, action) for trace, action in zip(traces, actions, strict=True)]
        rows = [pack_trace(trace, self.room(game)) for trace in self.last_traces]
        columns: Mapping[str, npt.NDArray[Any]] = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        if own_pass is not None:
            own_pass()
        with torch.no_grad():
            output = self.policy.forward(self.policy.preprocess(observations))
        chosen = np.asarray(actions, self.action_space.dtype or np.int64)
        return ActionChoice(actions=chosen, output=output, search=columns)


def draw_seeds(random: EpisodeRandom) -> tuple[int, int]:
    """The two seeds of a step: of the noise at its root, and of the draw by visits."""
    one, two = random.numpy.randint(0, 2**31, size=2)
    return int(one), int(two)


def game_of(environment: Any) -> Game:
    """The game that an environment plays.

    Raises:
        WorkbenchError: It plays none.
    """
    bare = environment.unwrapped
    game = getattr(bare, "game", None)
    # Before its first reset a game may have no position yet.
    placed = hasattr(type(bare), "position") or "position" in vars(bare)
    if not isinstance(game, Game) or not placed:
        raise WorkbenchError(
            f"{(getattr(bare, 'spec', None) and bare.spec.id) or type(bare).__name__} is no game that can be "
            f"searched: a search of games needs an environment with `game` and `position`, such as envs:ConnectFour-v0."
        )
    return game
