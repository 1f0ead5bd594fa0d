"""Where LunarLander's lander is, read off its bodies, in the units of the environment's observation."""

import math
from collections.abc import Mapping
from typing import Any

from workbench.recording.labellers.types import Label, Labeller


def _lander(environment: Any) -> Mapping[str, Any]:
    from gymnasium.envs.box2d.lunar_lander import FPS, LEG_DOWN, SCALE, VIEWPORT_H, VIEWPORT_W

    lander, legs = environment.lander, environment.legs
    half_width, half_height = VIEWPORT_W / SCALE / 2, VIEWPORT_H / SCALE / 2
    place, velocity = lander.position, lander.linearVelocity
    x, y = (place.x - half_width) / half_width, (place.y - environment.helipad_y - LEG_DOWN / SCALE) / half_height
    return {
        "horizontal_position": x,
        "vertical_position": y,
        "horizontal_velocity": velocity.x * half_width / FPS,
        "vertical_velocity": velocity.y * half_height / FPS,
        "angle": float(lander.angle),
        "angular_velocity": 20.0 * lander.angularVelocity / FPS,
        "left_leg_touches": bool(legs[0].ground_contact),
        "right_leg_touches": bool(legs[1].ground_contact),
        "distance_to_pad": math.hypot(x, y),
        "above_pad": bool(environment.helipad_x1 <= place.x <= environment.helipad_x2),
    }


_WORDS = {
    "horizontal_position": "horizontal position (halves of the picture's width, 0 above the pad's middle)",
    "vertical_position": "vertical position (halves of the picture's height, 0 standing on the pad)",
    "horizontal_velocity": "horizontal velocity (as observed)",
    "vertical_velocity": "vertical velocity (as observed; negative is down)",
    "angle": "angle (rad from upright)",
    "angular_velocity": "angular velocity (as observed: units of 2.5 rad/s)",
    "left_leg_touches": "whether the first leg touches the ground",
    "right_leg_touches": "whether the second leg touches the ground",
    "distance_to_pad": "distance to the pad's middle (of the two positions, as observed)",
    "above_pad": "whether the lander is between the pad's flags",
}

BOX2D: tuple[Labeller, ...] = (
    Labeller(
        name="LunarLander",
        patterns=("LunarLander-v*", "LunarLanderContinuous-v*"),
        labels=tuple(Label(name=name, words=words) for name, words in _WORDS.items()),
        read=_lander,
    ),
)
"""A row an environment."""
