"""Drawing a maze for people: a frame of 16-pixel squares with a mouse and a piece of cheese."""

from functools import cache

import numpy as np
import numpy.typing as npt

TILE = 16
"""Side of a square in pixels."""
FLOOR_COLOURS = ((246, 241, 231), (240, 233, 220))
WALL_COLOUR = (74, 85, 104)
OUTSIDE_COLOUR = (45, 55, 72)
_OVERSAMPLING = 8


def draw_maze(
    walls: npt.NDArray[np.bool_], mouse: tuple[int, int], cheese: tuple[int, int], margin: int
) -> npt.NDArray[np.uint8]:
    """Draw a maze with a border one square wide around it.

    Args:
        walls: `[H, H]`, True where there is a wall.
        mouse: Row and column of the mouse.
        cheese: Row and column of the cheese.
        margin: Width of what lies around the maze inside the grid, in squares; drawn like the border.

    Returns:
        `[16 * (H + 2), 16 * (H + 2), 3]` uint8.
    """
    side = walls.shape[0]
    colours = np.empty((side + 2, side + 2, 3), dtype=np.uint8)
    colours[:] = OUTSIDE_COLOUR
    maze = slice(margin + 1, side + 1 - margin)
    rows, columns = np.indices(walls.shape)
    floor = np.array(FLOOR_COLOURS, dtype=np.uint8)[(rows + columns) % 2]
    squares = np.where(walls[..., None], np.array(WALL_COLOUR, dtype=np.uint8), floor)
    colours[maze, maze] = squares[margin : side - margin, margin : side - margin]
    frame = colours.repeat(TILE, axis=0).repeat(TILE, axis=1)
    for sprite, (row, column) in ((_cheese(), cheese), (_mouse(), mouse)):
        top, left = (row + 1) * TILE, (column + 1) * TILE
        tile = frame[top : top + TILE, left : left + TILE]
        opacity = sprite[..., 3:]
        tile[:] = (tile * (1 - opacity) + sprite[..., :3] * opacity).round().astype(np.uint8)
    return frame


@cache
def _grid() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    points = (np.arange(TILE * _OVERSAMPLING) + 0.5) / (TILE * _OVERSAMPLING)
    x, y = np.meshgrid(points, points)
    return x, y


def _disc(x: float, y: float, radius: float, squash: float = 1.0) -> npt.NDArray[np.bool_]:
    horizontal, vertical = _grid()
    inside: npt.NDArray[np.bool_] = (horizontal - x) ** 2 + ((vertical - y) / squash) ** 2 <= radius**2
    return inside


def _sprite(*shapes: tuple[npt.NDArray[np.bool_], tuple[int, int, int]]) -> npt.NDArray[np.float64]:
    """Paint shapes over each other and average down: `[16, 16, 4]`, colour 0 to 255 and opacity 0 to 1."""
    fine = np.zeros((TILE * _OVERSAMPLING, TILE * _OVERSAMPLING, 4))
    for mask, colour in shapes:
        fine[mask] = (*colour, 1.0)
    fine[..., :3] *= fine[..., 3:]
    blocks = fine.reshape(TILE, _OVERSAMPLING, TILE, _OVERSAMPLING, 4).mean(axis=(1, 3))
    blocks[..., :3] /= np.maximum(blocks[..., 3:], 1e-9)
    return blocks


@cache
def _mouse() -> npt.NDArray[np.float64]:
    grey, dark, pink = (120, 124, 135), (40, 40, 48), (240, 160, 170)
    return _sprite(
        (_disc(0.24, 0.26, 0.19), grey),
        (_disc(0.76, 0.26, 0.19), grey),
        (_disc(0.24, 0.26, 0.10), pink),
        (_disc(0.76, 0.26, 0.10), pink),
        (_disc(0.5, 0.57, 0.36), grey),
        (_disc(0.37, 0.50, 0.065), dark),
        (_disc(0.63, 0.50, 0.065), dark),
        (_disc(0.5, 0.74, 0.09), pink),
    )


@cache
def _cheese() -> npt.NDArray[np.float64]:
    x, y = _grid()
    yellow, shade, hole = (252, 196, 25), (230, 160, 10), (200, 130, 0)
    wedge = (y >= 0.62 - 0.42 * x) & (x >= 0.08) & (x <= 0.92) & (y <= 0.84)
    return _sprite(
        (wedge, yellow),
        (wedge & (y >= 0.56), shade),
        (wedge & _disc(0.36, 0.70, 0.08), hole),
        (wedge & _disc(0.68, 0.72, 0.09), hole),
        (wedge & _disc(0.72, 0.46, 0.06), hole),
    )
