"""What is where in a MiniGrid: the agent, what it carries, and the nearest object of each kind.

Places are [row, column] from the top left square, as everywhere in the workbench (MiniGrid itself says column, row).
Distances are in squares, sideways plus up and down, walls not counted. −1 stands for what is not there.
"""

from collections.abc import Mapping
from typing import Any

from workbench.recording.labellers.types import Label, Labeller, Read

NOTHING = -1
CARRIED = {"key": 5, "ball": 6, "box": 7}
"""The numbers that MiniGrid's observations have for what can be carried."""
COLOURS = {"red": 0, "green": 1, "blue": 2, "purple": 3, "yellow": 4, "grey": 5}
EVERY_KIND = ("key", "door", "goal", "ball", "box", "lava")

KINDS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("MiniGrid-DoorKey-*",), ("key", "door", "goal")),
    (("MiniGrid-MultiRoom-*",), ("door", "goal")),
    (("MiniGrid-Empty-*", "MiniGrid-FourRooms-*", "MiniGrid-SimpleCrossing*"), ("goal",)),
    (("MiniGrid-LavaGap*", "MiniGrid-LavaCrossing*", "MiniGrid-DistShift*"), ("goal", "lava")),
    (("MiniGrid-Dynamic-Obstacles-*",), ("goal", "ball")),
    (("MiniGrid-Unlock-*",), ("key", "door")),
    (("MiniGrid-UnlockPickup-*",), ("key", "door", "box")),
    (("MiniGrid-BlockedUnlockPickup-*",), ("key", "door", "ball", "box")),
    (("MiniGrid-KeyCorridor*",), ("key", "door", "ball")),
    (("MiniGrid-GoToDoor-*", "MiniGrid-RedBlueDoors-*"), ("door",)),
    (("MiniGrid-*", "BabyAI-*"), EVERY_KIND),
)
"""Patterns of names, and the kinds of objects that such environments have."""


def _reader(kinds: tuple[str, ...]) -> Read:
    columns = [(kind, f"{kind}_position", f"{kind}_distance") for kind in kinds]
    wanted = frozenset(kinds)

    def read(environment: Any) -> Mapping[str, Any]:
        column, row = map(int, environment.agent_pos)
        carrying, grid = environment.carrying, environment.grid
        nearest: dict[str, tuple[int, int, int, Any]] = {}
        width = grid.width
        for index, cell in enumerate(grid.grid):
            if cell is None or cell.type not in wanted:
                continue
            there, across = divmod(index, width)
            distance = abs(there - row) + abs(across - column)
            if cell.type not in nearest or distance < nearest[cell.type][0]:
                nearest[cell.type] = (distance, there, across, cell)
        found: dict[str, Any] = {
            "agent_position": (row, column),
            "agent_direction": int(environment.agent_dir),
            "carrying": NOTHING if carrying is None else CARRIED.get(carrying.type, NOTHING),
            "carrying_colour": NOTHING if carrying is None else COLOURS.get(carrying.color, NOTHING),
        }
        for kind, position, distance_to in columns:
            distance, there, across, _ = nearest.get(kind, (NOTHING, NOTHING, NOTHING, None))
            found[position], found[distance_to] = (there, across), distance
        if "door" in wanted:
            door = nearest["door"][3] if "door" in nearest else None
            found["door_state"] = NOTHING if door is None else 0 if door.is_open else 2 if door.is_locked else 1
        return found

    return read


def _labels(kinds: tuple[str, ...]) -> tuple[Label, ...]:
    words = {
        "agent_position": "the agent's square (row, column)",
        "agent_direction": "where the agent faces (0 right, 1 down, 2 left, 3 up)",
        "carrying": "what the agent carries (5 key, 6 ball, 7 box, −1 nothing)",
        "carrying_colour": "its colour (0 red, 1 green, 2 blue, 3 purple, 4 yellow, 5 grey, −1 nothing)",
    }
    for kind in kinds:
        words[f"{kind}_position"] = f"the nearest {kind}'s square (row, column; −1 where none lies on the grid)"
        words[f"{kind}_distance"] = f"squares to the nearest {kind}, walls not counted (−1 where there is none)"
    if "door" in kinds:
        words["door_state"] = "the nearest door (0 open, 1 closed, 2 locked, −1 none)"
    return tuple(Label(name=name, words=text) for name, text in words.items())


MINIGRID: tuple[Labeller, ...] = tuple(
    Labeller(
        name=f"MiniGrid ({', '.join(kinds)})", patterns=patterns, labels=_labels(kinds), read=_reader(kinds)
    )
    for patterns, kinds in KINDS
)  # fmt: skip
"""A row a set of kinds; the first whose pattern matches is taken."""
