"""Where Atari games keep what is known of them: addresses of the 128 bytes of RAM, as AtariARI publishes them.

Source: the RAM annotations of Anand and others (2019), "Unsupervised State Representation Learning in Atari", in their
benchmark's repository: the 22 games of the paper, and Battlezone and Skiing, which were added later. Names are theirs;
what they number one by one stands here as one label of several bytes.
"""

from collections.abc import Mapping
from typing import TypeAlias

Addresses: TypeAlias = int | tuple[int, ...]


def _run(first: int, last: int) -> tuple[int, ...]:
    """All addresses from `first` to `last`, both counted."""
    return tuple(range(first, last + 1))


def _xy(name: str, x: int, y: int) -> dict[str, Addresses]:
    return {f"{name}_x": x, f"{name}_y": y}


GAMES: Mapping[str, Mapping[str, Addresses]] = {
    "Asteroids": {
        **_xy("player", 73, 74), "num_lives_direction": 60, "player_score_high": 61, "player_score_low": 62,
        "player_missile_x1": 83, "player_missile_x2": 84, "player_missile_y1": 86, "player_missile_y2": 87,
        "player_missile1_direction": 89, "player_missile2_direction": 90,
        "enemy_asteroids_x": (*_run(21, 27), *_run(30, 37)), "enemy_asteroids_y": (*_run(3, 9), *_run(12, 19)),
    },
    "BattleZone": {
        "blue_tank_facing_direction": 46, "blue_tank_size_y": 47, "blue_tank_x": 48,
        "blue_tank2_facing_direction": 52, "blue_tank2_size_y": 53, "blue_tank2_x": 54,
        "num_lives": 58, "missile_y": 105, "compass_needles_angle": 84, "angle_of_tank": 4,
        "left_tread_position": 59, "right_tread_position": 60, "crosshairs_color": 108, "score": 29,
    },
    "Berzerk": {
        **_xy("player", 19, 11), "player_direction": 14, **_xy("player_missile", 22, 23),
        "player_missile_direction": 21, **_xy("robot_missile", 29, 30), "robot_missile_direction": 26,
        "num_lives": 90, "robots_killed_count": 91, "game_level": 92, **_xy("enemy_evilOtto", 46, 89),
        "enemy_robots_x": _run(65, 72), "enemy_robots_y": _run(56, 64), "player_score": _run(93, 95),
    },
    "Bowling": {
        **_xy("ball", 30, 41), **_xy("player", 29, 40), "frame_number_display": 36, "score": 33,
        "pin_existence": _run(57, 66),
    },
    "Boxing": {
        **_xy("player", 32, 34), **_xy("enemy", 33, 35), "enemy_score": 19, "clock": 17, "player_score": 18,
    },
    "Breakout": {
        **_xy("ball", 99, 101), "player_x": 72, "blocks_hit_count": 77, "score": 84, "block_bit_map": _run(0, 29),
    },
    "DemonAttack": {
        "level": 62, "player_x": 22, "enemy_x1": 17, "enemy_x2": 18, "enemy_x3": 19, "missile_y": 21,
        "enemy_y1": 69, "enemy_y2": 70, "enemy_y3": 71, "num_lives": 114,
    },
    "Freeway": {"player_y": 14, "score": 103, "enemy_car_x": _run(108, 117)},
    "Frostbite": {
        "top_row_iceflow_x": 34, "second_row_iceflow_x": 33, "third_row_iceflow_x": 32, "fourth_row_iceflow_x": 31,
        "enemy_bear_x": 104, "num_lives": 76, "igloo_blocks_count": 77, **_xy("player", 102, 100),
        "player_direction": 4, "enemy_x": _run(84, 87), "score": _run(72, 74),
    },
    "Hero": {
        **_xy("player", 27, 31), "power_meter": 43, "room_number": 28, "level_number": 117, "dynamite_count": 50,
        "score": (56, 57),
    },
    "MontezumaRevenge": {
        "room_number": 3, **_xy("player", 42, 43), "player_direction": 52, **_xy("enemy_skull", 47, 46),
        **_xy("key_monster", 44, 45), "level": 57, "num_lives": 58, "items_in_inventory_count": 61, "room_state": 62,
        "score_0": 19, "score_1": 20, "score_2": 21,
    },
    "MsPacman": {
        **_xy("enemy_sue", 6, 12), **_xy("enemy_inky", 7, 13), **_xy("enemy_pinky", 8, 14),
        **_xy("enemy_blinky", 9, 15), **_xy("player", 10, 16), **_xy("fruit", 11, 17), "ghosts_count": 19,
        "player_direction": 56, "dots_eaten_count": 119, "player_score": 120, "num_lives": 123,
    },
    "Pitfall": {
        **_xy("player", 97, 105), "enemy_logs_x": 98, "enemy_scorpion_x": 99, "bottom_of_rope_y": 18, "clock_sec": 89,
        "clock_min": 88,
    },
    "Pong": {
        **_xy("player", 46, 51), **_xy("enemy", 45, 50), **_xy("ball", 49, 54), "enemy_score": 13, "player_score": 14,
    },
    "PrivateEye": {
        **_xy("player", 63, 86), "room_number": 92, "player_direction": 58, **_xy("dove", 48, 39), "clock": (67, 69),
        "score": (73, 74),
    },
    "Qbert": {**_xy("player", 43, 67), "player_column": 35, "red_enemy_column": 69, "green_enemy_column": 105},
    "Riverraid": {"player_x": 51, **_xy("missile", 117, 50), "fuel_meter_high": 55, "fuel_meter_low": 56},
    "Seaquest": {
        **_xy("player", 70, 97), "player_direction": 86, "player_missile_direction": 87, "oxygen_meter_value": 102,
        "player_missile_x": 103, "num_lives": 59, "divers_collected_count": 62, "enemy_obstacle_x": _run(30, 33),
        "diver_or_enemy_missile_x": _run(71, 74), "score": (57, 58),
    },
    "Skiing": {
        "player_x": 25, "clock_m": 104, "clock_s": 105, "clock_ms": 106, "score": 107, "object_y": _run(87, 93),
    },
    "SpaceInvaders": {
        "invaders_left_count": 17, "player_score": 104, "num_lives": 73, "player_x": 28, "enemies_x": 26,
        "missiles_y": 9, "enemies_y": 24,
    },
    "Tennis": {
        **_xy("enemy", 27, 25), "enemy_score": 70, **_xy("ball", 16, 17), **_xy("player", 26, 24), "player_score": 69,
    },
    "Venture": {
        **_xy("sprite0", 79, 20), **_xy("sprite1", 80, 21), **_xy("sprite2", 81, 22), **_xy("sprite3", 82, 23),
        **_xy("sprite4", 83, 24), **_xy("sprite5", 84, 25), **_xy("player", 85, 26), "current_room": 90,
        "num_lives": 70, "score_1_2": 71, "score_3_4": 72,
    },
    "VideoPinball": {
        **_xy("ball", 67, 68), "player_left_paddle_y": 98, "player_right_paddle_y": 102, "score_1": 48, "score_2": 50,
    },
    "YarsRevenge": {
        **_xy("player_yar", 32, 31), **_xy("yar_missile", 38, 37), **_xy("enemy_qotile", 43, 42),
        **_xy("qotile_missile", 47, 46),
    },
}  # fmt: skip
"""By game as ALE names it: label → address, or several."""
