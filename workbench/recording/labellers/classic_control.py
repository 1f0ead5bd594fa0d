"""The state of gymnasium's classic control problems, by the names and units of their documentation."""

from collections.abc import Mapping
from typing import Any

from workbench.recording.labellers.types import Label, Labeller, Read


def _state(*names: str) -> Read:
    """Reads `environment.state`, one number a name."""

    def read(environment: Any) -> Mapping[str, Any]:
        return dict(zip(names, environment.state, strict=True))

    return read


def _pendulum(environment: Any) -> Mapping[str, Any]:
    """The angle grows without bound in the environment's state; here it is brought back to −π … π."""
    import math

    angle, velocity = map(float, environment.state)
    return {"angle": math.remainder(angle, math.tau), "angular_velocity": velocity}


def _row(name: str, patterns: tuple[str, ...], words: Mapping[str, str], read: Read | None = None) -> Labeller:
    labels = tuple(Label(name=label, words=text) for label, text in words.items())
    return Labeller(name=name, patterns=patterns, labels=labels, read=read or _state(*words))


CLASSIC_CONTROL: tuple[Labeller, ...] = (
    _row("CartPole", ("CartPole-v*",), {
        "cart_position": "cart position (m from the middle)",
        "cart_velocity": "cart velocity (m/s)",
        "pole_angle": "pole angle (rad from upright)",
        "pole_angular_velocity": "pole angular velocity (rad/s)",
    }),
    _row("Pendulum", ("Pendulum-v*",), {
        "angle": "angle (rad from upright, −π to π)",
        "angular_velocity": "angular velocity (rad/s)",
    }, _pendulum),
    _row("MountainCar", ("MountainCar-v*", "MountainCarContinuous-v*"), {
        "position": "position (units of the track; the valley's floor is at −0.52)",
        "velocity": "velocity (units of the track per step)",
    }),
    _row("Acrobot", ("Acrobot-v*",), {
        "first_angle": "angle of the first link (rad from hanging down)",
        "second_angle": "angle of the second link (rad from the first's direction)",
        "first_angular_velocity": "angular velocity of the first link (rad/s)",
        "second_angular_velocity": "angular velocity of the second link (rad/s)",
    }),
)  # fmt: skip
"""A row an environment."""
