"""Drawing a position for people: the board, the stones, the last move, and what has won.

The first player is red, the second yellow (Connect Four) or blue. Every board is made of the same kinds of parts: a few
that stay as they are, and four of each cell (`PARTS`), coloured by what lies there.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.games import rules
from envs.games.positions import winning_stones
from envs.games.record import Game
from envs.games.stencil import Stencil, in_rounded_box, make_stencil, sample_points

GROUND, FIRST, SECOND, BOTH = range(4)
"""Parts of a cell in tic-tac-toe: what is no stroke, strokes of the cross alone, of the ring alone, of both."""
REST, BODY, RIM, DOT = range(4)
"""Parts of a cell elsewhere: around the stone, the stone, a ring in it, its middle."""
PARTS = 4
PAGE = (250, 249, 246)
RED, RED_DARK = (214, 69, 65), (176, 47, 46)
BLUE, BLUE_DARK = (47, 109, 181), (33, 82, 143)
YELLOW, YELLOW_DARK = (246, 190, 48), (214, 156, 22)
WHITE, INK = (255, 255, 255), (58, 66, 82)
_FRAME, _HOLE, _HOLE_RIM = (38, 84, 156), (226, 232, 241), (30, 66, 126)
_CELL, _GAP, _WON_CELL, _LAST_CELL = (236, 230, 218), (168, 156, 136), (253, 229, 150), (244, 240, 228)

Colour = tuple[int, int, int]


class Look(NamedTuple):
    """A board's stencil, and the colours of the parts that stay: the parts from there on are cells', four each."""

    stencil: Stencil
    fixed: tuple[Colour, ...]


def draw_game(game: Game, position: npt.NDArray[np.uint64], last_action: int | None = None) -> npt.NDArray[np.uint8]:
    """Draw a position.

    Args:
        game: Its game.
        position: `[W]`, packed.
        last_action: The move that led here, to be marked.

    Returns:
        `[H, W, 3]` uint8, sides even; a cell is 56 pixels wide, of tic-tac-toe 88.
    """
    look = _look(game.board.family, game.board.rows, game.board.columns)
    stones, won = game.cells(position), winning_stones(game, position)
    last = np.zeros(stones.shape, np.bool_)
    if last_action is not None:
        last[game.cell_of(position, last_action)] = True
    paint_cell = {rules.TIC_TAC_TOE: _strokes, rules.CONNECT_FOUR: _disc, rules.HEX: _stone}[game.board.family]
    colours = [*look.fixed]
    for stone, marked, winning in zip(stones.ravel(), last.ravel(), won.ravel(), strict=True):
        colours.extend(paint_cell(int(stone), bool(marked), bool(winning)))
    return look.stencil.paint(np.array(colours, np.uint8))


def _strokes(stone: int, marked: bool, winning: bool) -> tuple[Colour, ...]:
    ground = _WON_CELL if winning else WHITE if marked else _LAST_CELL
    cross, ring = RED if stone > 0 else ground, BLUE if stone < 0 else ground
    return ground, cross, ring, cross if stone > 0 else ring


def _disc(stone: int, marked: bool, winning: bool) -> tuple[Colour, ...]:
    if stone == 0:
        return _HOLE_RIM, _HOLE, _HOLE, _HOLE
    body, dark = (RED, RED_DARK) if stone > 0 else (YELLOW, YELLOW_DARK)
    return _HOLE_RIM, body, WHITE if winning else dark, WHITE if marked else body


def _stone(stone: int, marked: bool, winning: bool) -> tuple[Colour, ...]:
    if stone == 0:
        return _CELL, _CELL, _CELL, _CELL
    body, dark = (RED, RED_DARK) if stone > 0 else (BLUE, BLUE_DARK)
    return _WON_CELL if winning else _CELL, body, WHITE if winning else dark, WHITE if marked else body


@cache
def _look(family: int, rows: int, columns: int) -> Look:
    if family == rules.CONNECT_FOUR:
        return _holes(rows, columns)
    return _hexagons(rows) if family == rules.HEX else _squares()


def _holes(rows: int, columns: int) -> Look:
    side, margin = 56, 14
    height, width = rows * side + 2 * margin, columns * side + 2 * margin
    x, y = sample_points(height, width)
    parts = np.zeros(x.shape, np.int16)
    parts[in_rounded_box(x, y, (4, 4, width - 4, height - 4), 18)] = 1
    column = np.clip((x - margin) // side, 0, columns - 1)
    row = np.clip((y - margin) // side, 0, rows - 1)
    distance = np.hypot(x - margin - (column + 0.5) * side, y - margin - (row + 0.5) * side)
    _lay_stones(parts, (row * columns + column).astype(np.int16), distance, rest=25.0, body=23.0, fixed=2)
    return Look(make_stencil(parts), (PAGE, _FRAME))


def _lay_stones(
    parts: npt.NDArray[np.int16],
    cell: npt.NDArray[np.int16],
    distance: npt.NDArray[np.float64],
    *,
    rest: float,
    body: float,
    fixed: int,
) -> None:
    """Write the parts of round stones, by the cell of each sample and its distance from the cell's middle in pixels."""
    first = fixed + PARTS * cell
    for radius, part in ((rest, REST), (body, BODY), (0.78 * body, RIM), (0.66 * body, BODY), (0.22 * body, DOT)):
        inside = distance <= radius
        parts[inside] = first[inside] + part


def _squares() -> Look:
    side, margin, thick = 88, 10, 6.0
    size = 3 * side + 2 * margin
    x, y = sample_points(size, size)
    column, row = np.clip((x - margin) // side, 0, 2), np.clip((y - margin) // side, 0, 2)
    across, along = x - margin - (column + 0.5) * side, y - margin - (row + 0.5) * side
    cell = (row * 3 + column).astype(np.int16)
    parts = np.zeros(x.shape, np.int16)
    board = in_rounded_box(x, y, (4, 4, size - 4, size - 4), 14)
    parts[board] = 1
    square = in_rounded_box(across, along, (-side / 2 + 2, -side / 2 + 2, side / 2 - 2, side / 2 - 2), 8)
    arm = 24.0
    # Two strokes with round ends: the distance from the nearest point of a diagonal.
    strokes = []
    for sign in (1, -1):
        place = np.clip((across + sign * along) / 2, -arm, arm)
        strokes.append(np.hypot(across - place, along - sign * place) <= thick)
    cross = strokes[0] | strokes[1]
    ring = np.abs(np.hypot(across, along) - 26) <= thick
    parts[square] = (2 + PARTS * cell + cross * FIRST + ring * SECOND)[square]
    return Look(make_stencil(parts), (PAGE, _GAP))


def _hexagons(size: int) -> Look:
    """A rhombus of hexagons on a corner each, every row half a cell further right; sides in the players' colours."""
    side, margin = 56, 30
    radius = side / np.sqrt(3)
    width = round(side * (size + (size - 1) / 2)) + 2 * margin
    height = round(radius * (1.5 * (size - 1) + 2)) + 2 * margin
    width, height = width + width % 2, height + height % 2
    x, y = sample_points(height, width)
    x, y = x - margin - side / 2, y - margin - radius
    row, column = _nearest(x / side, y / radius / 1.5)
    on_board = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    across, along = x - side * (column + row / 2), y - 1.5 * radius * row
    parts = np.zeros(x.shape, np.int16)
    # Within reach of a cell, what lies above or below the board is the first player's side, the rest the second's.
    beside = (np.abs(2 * row - size + 1) <= size + 1) & (np.abs(2 * column - size + 1) <= size + 1)
    outside = np.flatnonzero(beside & ~on_board)
    reach = np.full(len(outside), np.inf)
    for r, c in ((r, c) for r in range(size) for c in range(size) if not (0 < r < size - 1 and 0 < c < size - 1)):
        there = _hexagonal(x.flat[outside] - side * (c + r / 2), y.flat[outside] - 1.5 * radius * r)
        reach = np.minimum(reach, there / (side / 2))
    border = np.zeros(x.shape, np.bool_)
    border.flat[outside[reach <= 1.42]] = True
    above, below = row < 0, row >= size
    # At the sharp corners a cell of both sides is halved.
    corner_right, corner_left = above & (column >= size), below & (column < 0)
    halves = (corner_right & (across < 0)) | (corner_left & (across > 0))
    first = (above & ~corner_right) | (below & ~corner_left) | halves
    parts[border] = np.where(first, 2, 3)[border]
    parts[on_board] = 1
    body = on_board & (_hexagonal(across, along) <= 0.95 * side / 2)
    cell = np.where(on_board, row * size + column, 0).astype(np.int16)
    fixed = (PAGE, _GAP, RED, BLUE)
    distance = np.where(on_board, np.hypot(across, along), np.inf)
    parts[body] = (len(fixed) + PARTS * cell + REST)[body]
    _lay_stones(parts, cell, distance, rest=0.0, body=0.36 * side, fixed=len(fixed))
    return Look(make_stencil(parts), fixed)


def _nearest(
    across: npt.NDArray[np.float64], row: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The row and column of the nearest hexagon: of three coordinates that sum to 0, the worst rounded gives way."""
    column = across - row / 2
    third = -column - row
    rounded = [np.round(part) for part in (column, row, third)]
    off = [np.abs(part - whole) for part, whole in zip((column, row, third), rounded, strict=True)]
    column_worst = (off[0] > off[1]) & (off[0] > off[2])
    row_worst = ~column_worst & (off[1] > off[2])
    columns = np.where(column_worst, -rounded[1] - rounded[2], rounded[0])
    rows = np.where(row_worst, -rounded[0] - rounded[2], rounded[1])
    return rows.astype(np.int64), columns.astype(np.int64)


def _hexagonal(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far a point is from the middle of a hexagon, measured across its sides."""
    half, slope = x / 2, y * np.sqrt(3) / 2
    return np.maximum(np.abs(x), np.maximum(np.abs(half + slope), np.abs(half - slope)))
