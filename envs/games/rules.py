"""The compiled rules of three games in which stones are put on a board and stay: whoever has a line, or a chain, wins.

A position is two words of bits, the first player's stones and the second's; who is to move follows from their number.
Cell (row, column), row 0 on top, is bit `corner + row · down + column · right` of a word (`Board`). All bits lie below
the 63rd, so that signed 64-bit numbers, which numba is at ease with, hold them.

What the loops over batches call is put into their code (`inline`), which makes them twice as fast.
"""

from typing import NamedTuple

from envs.games.compiling import compiled, compiled_inline

TIC_TAC_TOE, CONNECT_FOUR, HEX = 0, 1, 2
"""Families: what ends a game, and where a stone may be put."""

_LINES = (0o007, 0o070, 0o700, 0o111, 0o222, 0o444, 0o421, 0o124)


class Board(NamedTuple):
    """A family of rules on a board of some size, and how its cells lie in a word."""

    family: int
    rows: int
    columns: int
    corner: int
    """The bit of the cell in row 0, column 0."""
    down: int
    """What a row further down adds to it."""
    right: int
    """What a column further right adds to it."""
    cells: int
    """The bits of all cells."""
    edge: int
    """The bits of a side of the board, where it takes more than a shift to tell: in Connect Four the bottom row, in Hex
    the left column."""


def board_of(family: int, rows: int, columns: int, *, corner: int, down: int, right: int) -> Board:
    """Make a board; the caller sees to it that its cells fit into 63 bits."""
    bits = [corner + row * down + column * right for row in range(rows) for column in range(columns)]
    edge = sum(1 << bit for bit in bits if (bit - min(bits)) % max(down, right) == 0)
    return Board(family, rows, columns, corner, down, right, sum(1 << bit for bit in bits), edge)


def action_cells(board: Board) -> list[int]:
    """The cells where the stone of each action may come to lie, as bits: one cell, or a column."""
    rows = [
        [1 << (board.corner + r * board.down + c * board.right) for c in range(board.columns)]
        for r in range(board.rows)
    ]
    if board.family == CONNECT_FOUR:
        return [sum(column) for column in zip(*rows, strict=True)]
    return [cell for row in rows for cell in row]


@compiled_inline
def count(bits: int) -> int:
    """How many bits are set; the compiler makes one instruction of the loop."""
    number = 0
    while bits:
        bits &= bits - 1
        number += 1
    return number


@compiled_inline
def playable(board: Board, taken: int) -> int:
    """The cells where a stone may be put, game over or not."""
    if board.family == CONNECT_FOUR:
        return (taken + board.edge) & board.cells
    return board.cells & ~taken


@compiled_inline
def has_won(board: Board, stones: int, player: int) -> bool:
    """Whether that player's stones make a line, or a chain from side to side."""
    if board.family == HEX:
        return (_chain(board, stones, player, False) & _goal(board, player)) != 0
    if board.family == CONNECT_FOUR:
        for shift in (1, board.right - 1, board.right, board.right + 1):
            pairs = stones & (stones >> shift)
            if pairs & (pairs >> 2 * shift):
                return True
        return False
    won = False
    for line in _LINES:
        won = won or (stones & line) == line
    return won


@compiled
def winning_cells(board: Board, stones: int, taken: int, player: int) -> int:
    """The empty cells where one more stone would win for that player, whether or not it can be put there now."""
    cells = 0
    if board.family == HEX:
        ahead = _chain(board, stones, player, False)
        behind = _chain(board, stones, player, True)
        cells = (_beside(board, ahead) | _start(board, player)) & (_beside(board, behind) | _goal(board, player))
    elif board.family == CONNECT_FOUR:
        cells = (stones << 1) & (stones << 2) & (stones << 3)
        for shift in (board.right - 1, board.right, board.right + 1):
            pair = (stones << shift) & (stones << 2 * shift)
            cells |= pair & ((stones << 3 * shift) | (stones >> shift))
            pair = (stones >> shift) & (stones >> 2 * shift)
            cells |= pair & ((stones >> 3 * shift) | (stones << shift))
    else:
        for line in _LINES:
            if count(stones & line) == 2:
                cells |= line
    return cells & board.cells & ~taken


@compiled
def mirrored(board: Board, stones: int) -> int:
    """The same stones with left and right exchanged, of Hex turned by 180°; of tic-tac-toe unchanged."""
    turned = 0
    if board.family == HEX:
        last = (board.rows - 1) * board.down + (board.columns - 1) * board.right
        for bit in range(last + 1):
            turned |= ((stones >> bit) & 1) << (last - bit)
    elif board.family == CONNECT_FOUR:
        column = (1 << board.right) - 1
        for number in range(board.columns):
            turned = (turned << board.right) | ((stones >> (board.right * number)) & column)
    else:
        turned = stones
    return turned


@compiled_inline
def _start(board: Board, player: int) -> int:
    """In Hex the side that a player's chain is followed from: the top row, or the left column."""
    return (1 << board.columns) - 1 if player == 0 else board.edge


@compiled_inline
def _goal(board: Board, player: int) -> int:
    """The side opposite: the bottom row, or the right column."""
    return _start(board, player) << ((board.rows - 1) * (board.down if player == 0 else 1))


@compiled_inline
def _beside(board: Board, cells: int) -> int:
    """The cells of a Hex board next to some cells, themselves included; the spare column catches what runs over."""
    aslant = board.down - 1
    straight = (cells << 1) | (cells >> 1) | (cells << board.down) | (cells >> board.down)
    return cells | straight | (cells << aslant) | (cells >> aslant)


@compiled_inline
def _chain(board: Board, stones: int, player: int, backwards: bool) -> int:
    """The stones that hang together with a side of a Hex board, found by flooding."""
    reached = stones & (_goal(board, player) if backwards else _start(board, player))
    while True:
        grown = _beside(board, reached) & stones
        if grown == reached:
            return reached
        reached = grown
