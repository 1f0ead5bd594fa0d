"""Which few attributes the state of a known environment is: gymnasium's classic control and toy text, Atari's emulator.

A row holds for the very class that it names: a subclass may have more to it. Pendulum and MountainCarContinuous have
continuous actions and can be searched under `gymnasium.wrappers.DiscretizeAction` alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.search.environments.stack import full_name


@dataclass(frozen=True, kw_only=True)
class StateAdapter:
    """How the state of one environment is read and written."""

    environment: str
    """Its class, with the module."""
    fields: tuple[str, ...] = ()
    """Attributes that a step replaces, and does not change in place."""
    lists: tuple[str, ...] = ()
    """Lists that a step makes longer."""
    over: Callable[[Any], bool] = lambda _environment: False
    """Whether its episode has ended, as far as it can be seen."""
    table: Callable[[Any], bool] = lambda _environment: False
    """Whether a step is a draw from its table of transitions `P`, and nothing else."""
    saves: tuple[Callable[[Any], Any], Callable[[Any, Any], None]] | None = None
    """Functions that read and write the state, where it is no attributes."""
    unfit: Callable[[Any], str | None] = lambda _environment: None
    """Why its chance is out of reach, so that neither this nor playing again will do; None: it is not."""
    redraw: Callable[[Any], None] | None = None
    """Draws anew what the player cannot know, from the environment's generator; None: there is no such thing."""

    def read(self, environment: Any) -> tuple[Any, ...]:
        """The state."""
        if self.saves is not None:
            return (self.saves[0](environment),)
        plain = tuple(getattr(environment, name) for name in self.fields)
        return (*plain, *(list(getattr(environment, name)) for name in self.lists)) if self.lists else plain

    def write(self, environment: Any, state: tuple[Any, ...]) -> None:
        """Put a state back."""
        if self.saves is not None:
            self.saves[1](environment, state[0])
            return
        for name, value in zip(self.fields, state, strict=False):
            setattr(environment, name, value)
        for name, value in zip(self.lists, state[len(self.fields) :], strict=True):
            setattr(environment, name, list(value))


def _at_goal(environment: Any) -> bool:
    position, velocity = environment.state
    return bool(position >= environment.goal_position and velocity >= environment.goal_velocity)


def _delivered(environment: Any) -> bool:
    _, _, passenger, destination = environment.decode(int(environment.s))
    return bool(passenger == destination)


def _redraw_face_down(environment: Any) -> None:
    """Blackjack's deck has no end: the dealer's card that lies face down is as likely to be any as the next one."""
    from gymnasium.envs.toy_text.blackjack import draw_card

    if len(environment.dealer) == 2:
        draw: Callable[[Any], int] = draw_card
        environment.dealer[1] = draw(environment.np_random)


def _emulators_chance(environment: Any) -> str | None:
    probability = environment.ale.getFloat("repeat_action_probability")
    if probability == 0:
        return None
    return (
        f"its sticky actions (probability {probability:g}) are drawn inside of the emulator, where a search would "
        f"foresee them: make it with repeat_action_probability=0"
    )


_CONTROL, _TOY = "gymnasium.envs.classic_control", "gymnasium.envs.toy_text"

ADAPTERS: tuple[StateAdapter, ...] = (
    StateAdapter(
        environment=f"{_CONTROL}.cartpole.CartPoleEnv",
        fields=("state", "steps_beyond_terminated"),
        over=lambda environment: environment.steps_beyond_terminated is not None,
    ),
    StateAdapter(environment=f"{_CONTROL}.mountain_car.MountainCarEnv", fields=("state",), over=_at_goal),
    StateAdapter(
        environment=f"{_CONTROL}.continuous_mountain_car.Continuous_MountainCarEnv", fields=("state",), over=_at_goal
    ),
    StateAdapter(
        environment=f"{_CONTROL}.acrobot.AcrobotEnv",
        fields=("state",),
        over=lambda environment: environment._terminal(),
    ),
    StateAdapter(environment=f"{_CONTROL}.pendulum.PendulumEnv", fields=("state", "last_u")),
    StateAdapter(
        environment=f"{_TOY}.frozen_lake.FrozenLakeEnv",
        fields=("s", "lastaction"),
        over=lambda environment: bytes(np.ravel(environment.desc)[int(environment.s)]) in (b"G", b"H"),
        table=lambda _environment: True,
    ),
    StateAdapter(
        environment=f"{_TOY}.cliffwalking.CliffWalkingEnv",
        fields=("s", "lastaction"),
        over=lambda environment: int(environment.s) == int(environment.nS) - 1,
        table=lambda _environment: True,
    ),
    StateAdapter(
        environment=f"{_TOY}.taxi.TaxiEnv",
        fields=("s", "lastaction", "fickle_step"),
        over=_delivered,
        # A passenger who may change their mind is not in the table.
        table=lambda environment: not environment.fickle_passenger,
    ),
    StateAdapter(
        environment=f"{_TOY}.blackjack.BlackjackEnv",
        lists=("player", "dealer"),
        over=lambda environment: sum(environment.player) > 21 or len(environment.dealer) > 2,
        redraw=_redraw_face_down,
    ),
    StateAdapter(
        environment="ale_py.env.AtariEnv",
        saves=(
            lambda environment: environment.clone_state(include_rng=True),
            lambda environment, state: environment.restore_state(state),
        ),
        over=lambda environment: environment.ale.game_over(with_truncation=True),
        unfit=_emulators_chance,
    ),
)
"""The environments whose state is known."""


def find_adapter(environment: Any) -> StateAdapter | None:
    """The row of an environment, without its wrappers; None where there is none."""
    name = full_name(environment)
    return next((adapter for adapter in ADAPTERS if adapter.environment == name), None)
