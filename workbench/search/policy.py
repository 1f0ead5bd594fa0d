"""A policy that searches before it acts: another policy's network tells it priors and values.

Axis legend: that of `workbench.policies.types`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workbench.errors import WorkbenchError
from workbench.policies.types import ActionChoice, EpisodeRandom, Inputs, Observations, Policy, PolicyOutput, State
from workbench.search.choosing import choose_action, with_choice
from workbench.search.evaluators import Evaluator, fingerprint_of
from workbench.search.games import Game
from workbench.search.packing import TraceRoom, pack_trace, search_facts
from workbench.search.policy_evaluators import PolicyEvaluator
from workbench.search.searching import search
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace

if TYPE_CHECKING:
    from workbench.search.environments.planning import EnvironmentPlanning
    from workbench.search.environments.rollouts import Rollout


class GamePlanning:
    """Searches the positions of a game, all together.

    Args:
        policy: Its network tells the search priors and values.
        settings: How to search.
        game: Whose positions.
        threads: As for `search`.
        evaluator: What makes the evaluator of the network; None: the network itself is asked.
    """

    def __init__(
        self,
        policy: Policy,
        settings: SearchSettings,
        game: Game,
        threads: int,
        evaluator: Callable[[Policy, Game], Evaluator] | None = None,
    ) -> None:
        self.settings = settings
        self.game = game
        self._evaluator: Evaluator = PolicyEvaluator(policy) if evaluator is None else evaluator(policy, game)
        self._threads = threads

    def facts(self, environment: Any) -> dict[str, Any]:
        """What a recording says of all searches."""
        return search_facts(self.game.name, self.settings, fingerprint_of(self._evaluator), self.room(environment))

    def room(self, environment: Any) -> TraceRoom:
        """How large the rows of the traces are."""
        simulations, game = self.settings.simulations, self.game
        return TraceRoom(simulations=simulations, actions=game.actions, words=game.words, rewards=False)

    def first_action(self, environment: Any) -> int:
        """Games count their actions from 0."""
        return 0

    def search(
        self,
        environments: Sequence[Any],
        settings: SearchSettings,
        seeds: Sequence[int],
        *,
        observations: Sequence[Any],
        memories: Sequence[Any],
        masks: npt.NDArray[np.bool_] | None,
    ) -> list[SearchTrace]:
        """Search from each environment's position; the game knows what is legal, and what is seen there."""
        positions = np.stack([np.asarray(one.unwrapped.position, np.uint64) for one in environments])
        return search(self.game, positions, self._evaluator, settings, seed=list(seeds), threads=self._threads)


class SearchPolicy:
    """Acts by searching from where the environment is; what it says of it otherwise is the network's own.

    What is recorded as `logits` and `value` is the network's account of the observation, from a pass of its own after
    the search; the action is the search's; the whole search is recorded beside the step.

    Args:
        policy: Its network tells the search priors and values.
        settings: How to search. In an environment that plays no game nothing is proven, whatever `prove` says.
        temperature: With which an action is drawn when it does not act deterministically.
        threads: As for `search`, of games.
        rollout: Values come from random play instead of the network; for environments that play no game.
        widening: As for `search_environment`, likewise.
        evaluator: What makes the evaluator of the network in a game; None: the network itself is asked;
            `onnx_evaluator`: ONNX Runtime is.
        spec: What the policy is called by name; None: what it says itself.
    """

    takes_environments = True
    """Whoever lets it act hands over the environments that the observations came from."""

    def __init__(
        self,
        policy: Policy,
        settings: SearchSettings,
        *,
        temperature: float = 1.0,
        threads: int = 1,
        rollout: "Rollout | None" = None,
        widening: float | None = 0.5,
        spec: str | None = None,
        evaluator: Callable[[Policy, Game], Evaluator] | None = None,
    ) -> None:
        self.policy, self.search_settings = policy, settings
        self.name = f"{policy.name} with {settings.simulations} simulations"
        self.settings: dict[str, Any] = {**(getattr(policy, "settings", None) or {}), "search": settings.rule}
        self.spec = spec if spec is not None else getattr(policy, "spec", None)
        self._temperature, self._threads, self._rollout, self._widening = temperature, threads, rollout, widening
        self._evaluator = evaluator
        self._planning: GamePlanning | EnvironmentPlanning | None = None
        self.last_traces: list[SearchTrace] = []
        """Of the last act, one a row."""

    @property
    def takes_action_masks(self) -> bool:
        """Whether the network's policy wants to be told what is legal."""
        return bool(getattr(self.policy, "takes_action_masks", False))

    @property
    def asked(self) -> dict[str, Any]:
        """How it was asked to search, in plain JSON: a recording that is resumed must have the same."""
        return {
            "settings": asdict(self.search_settings),
            "temperature": self._temperature,
            "rollout": None if self._rollout is None else self._rollout.depth,
            "widening": self._widening,
        }

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
        """The network's; a search carries it along each branch, and remembers nothing itself from step to step."""
        return self.policy.initial_state(batch_size)

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

    def check(self, environment: Any, seed: int) -> None:
        """See that it can act in an environment, which is reset for that where it plays no game.

        Args:
            environment: As it will act in.
            seed: Of the reset.

        Raises:
            WorkbenchError: The network cannot guide a search; the environment's state cannot be saved and restored, or
                its actions are not discrete.
        """
        planning = self._planning_in(environment)
        if isinstance(planning, GamePlanning):
            return
        from workbench.search.environments.snapshots import check_discrete

        check_discrete(environment)
        observation, info = environment.reset(seed=seed)
        planning.check(environment, observation, info.get("action_mask"))

    def search_facts(self, environment: Any) -> dict[str, Any]:
        """What a recording says of all searches, when it has acted: the game or environment, the settings, the
        network's fingerprint, the rows' sizes.
        """
        return self._planning_in(environment).facts(environment)

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
        """Search from where each environment is and act on it.

        Args:
            observations: `[B, *observation]`.
            state: The network's recurrent state before this step; None: it has none, or the episodes begin.
            episode_starts: `[B]`, where the state is the initial one.
            deterministic: Take the most visited action without noise at the root; else draw one by the visits.
            random: One stream a row, where it is not deterministic: two numbers are drawn of each a step.
            action_masks: `[B, A]`, what may be done; None: as the environment says. A game knows it.
            environments: `[B]`, those that the observations came from; afterwards they are where they were.
            own_pass: Called when the search is over, before the network's pass on the observations themselves: for
                whoever watches the network.

        Raises:
            WorkbenchError: There are no environments; or they cannot be searched.
        """
        if environments is None:
            raise WorkbenchError(
                f"{self.name} searches from where the environment is, and was given observations alone. "
                f"Let it act with `record`, or pass environments=[…] to act."
            )
        if not deterministic and random is None:
            raise WorkbenchError(f"{self.name} draws its actions from a random stream for each row; pass random=[…].")
        seeds = [(0, 0)] * len(environments) if deterministic else [draw_seeds(one) for one in random or ()]
        planning = self._planning_in(environments[0])
        settings = planning.settings
        if deterministic and settings.noise:
            settings = replace(settings, noise=0.0)
        traces = planning.search(
            environments,
            settings,
            [one for one, _ in seeds],
            observations=[_row(observations, row) for row in range(len(environments))],
            memories=_memories(state, episode_starts, len(environments)),
            masks=action_masks,
        )
        actions = [
            choose_action(
                trace, temperature=0.0 if deterministic else self._temperature, seed=None if deterministic else draw
            )
            for trace, (_, draw) in zip(traces, seeds, strict=True)
        ]
        self.last_traces = [with_choice(trace, action) for trace, action in zip(traces, actions, strict=True)]
        room, first = planning.room(environments[0]), planning.first_action(environments[0])
        rows = [pack_trace(trace, room) for trace in self.last_traces]
        columns: Mapping[str, npt.NDArray[Any]] = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        if own_pass is not None:
            own_pass()
        with torch.no_grad():
            output = self.policy.forward(
                self.policy.preprocess(observations),
                state,
                None if episode_starts is None else torch.as_tensor(episode_starts),
                torch.as_tensor(action_masks) if self.takes_action_masks and action_masks is not None else None,
            )
        chosen = np.asarray([first + action for action in actions], self.action_space.dtype or np.int64)
        return ActionChoice(actions=chosen, output=output, search=columns)

    def _planning_in(self, environment: Any) -> "GamePlanning | EnvironmentPlanning":
        """What searches in such an environment; made once for each game."""
        game = find_game(environment)
        if self._planning is not None and self._planning.game is game:
            return self._planning
        if game is not None:
            if self._rollout is not None:
                raise WorkbenchError(
                    f"Random play as the value of a state is for environments; the positions of {game.name} are "
                    f"judged by the network. Leave the rollouts out."
                )
            self._planning = GamePlanning(self.policy, self.search_settings, game, self._threads, self._evaluator)
        else:
            from workbench.search.environments.planning import EnvironmentPlanning

            self._planning = EnvironmentPlanning(
                self.policy, self.search_settings, rollout=self._rollout, widening=self._widening
            )
        return self._planning


def _row(observations: Observations, row: int) -> Any:
    if isinstance(observations, Mapping):
        return {key: values[row] for key, values in observations.items()}
    return observations[row]


def _memories(state: State | None, starts: npt.NDArray[np.bool_] | None, rows: int) -> list[Any]:
    """`[B]`, the recurrent state before each row, each tensor `[1, ...]`; None where there is none yet."""
    return [
        None
        if state is None or (starts is not None and starts[row])
        else {name: tensor[row : row + 1] for name, tensor in state.items()}
        for row in range(rows)
    ]


def draw_seeds(random: EpisodeRandom) -> tuple[int, int]:
    """The two seeds of a step: of the noise at its root, and of the draw by visits."""
    one, two = random.numpy.randint(0, 2**31, size=2)
    return int(one), int(two)


def find_game(environment: Any) -> Game | None:
    """The game that an environment plays; None where it plays none."""
    bare = environment.unwrapped
    game = getattr(bare, "game", None)
    # Before its first reset a game may have no position yet.
    placed = hasattr(type(bare), "position") or "position" in vars(bare)
    return game if isinstance(game, Game) and placed else None


def game_of(environment: Any) -> Game:
    """The game that an environment plays.

    Raises:
        WorkbenchError: It plays none.
    """
    bare, game = environment.unwrapped, find_game(environment)
    if game is None:
        raise WorkbenchError(
            f"{(getattr(bare, 'spec', None) and bare.spec.id) or type(bare).__name__} plays no game whose rules are "
            f"known: that takes an environment with `game` and `position`, such as envs:ConnectFour-v0."
        )
    return game
