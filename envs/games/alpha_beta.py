"""The compiled solver: alpha-beta with null windows, a table of what was found, and moves in a promising order.

After P. Pons, "Solving Connect 4: how to build a perfect AI" (blog.gamesolver.org, 2015 to 2017), written anew for all
games of `envs.games.rules`. Scores are his, and those of the solvers that people compare with: 0 for a draw; for a
win one more than the number of stones that the winner has left, so that the soonest win has the highest score; the
negative of it for the loser. With n stones on a board of m cells, who wins at once has the score (m + 1 − n) // 2.

Axis legend:
    N  places of the table, a power of two
    M  plies, A  actions
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.games.compiling import compiled
from envs.games.rules import CONNECT_FOUR, Board, action_cells, count, mirrored, playable, winning_cells

UNKNOWN, ILLEGAL = 127, -128
"""In place of a score: the budget was used up; no such move."""

ENTRY = np.dtype([("mine", np.int64), ("theirs", np.int64), ("low", np.int8), ("high", np.int8)], align=True)
"""What is known of a position: between which scores its own lies, for the player to move."""


class Memory(NamedTuple):
    """What a search works in."""

    entries: npt.NDArray[np.void]
    """`[N]` of `ENTRY`"""
    masks: npt.NDArray[np.int64]
    """`[A]`, the cells of each action."""
    order: npt.NDArray[np.int64]
    """`[A]`, the same, those in the middle first."""
    moves: npt.NDArray[np.int64]
    """`[M, A]`, the moves to be tried at each ply."""
    keys: npt.NDArray[np.int64]
    """`[M, A]`, what they are sorted by."""
    nodes: npt.NDArray[np.int64]
    """`[2]`: positions looked at, and how many may be."""


def make_memory(board: Board, actions: int, bits: int) -> Memory:
    """Make room for a search, with a table of 2 to the power of `bits` places of 24 bytes."""
    entries = np.zeros(1 << bits, ENTRY)
    entries["low"], entries["high"] = -UNKNOWN, UNKNOWN
    masks = action_cells(board)
    if board.family == CONNECT_FOUR:
        distance: list[float] = [abs(2 * column - board.columns + 1) for column in range(board.columns)]
    else:
        middle = (board.rows - 1) / 2
        places = [(row - middle, column - middle) for row in range(board.rows) for column in range(board.columns)]
        distance = [r * r + c * c + r * c for r, c in places]
    order = [masks[action] for action in np.argsort(distance, kind="stable")]
    plies = board.rows * board.columns + 1
    return Memory(
        entries=entries,
        masks=np.array(masks, np.int64),
        order=np.array(order, np.int64),
        moves=np.zeros((plies, actions), np.int64),
        keys=np.zeros((plies, actions), np.int64),
        nodes=np.zeros(2, np.int64),
    )


@compiled
def score_actions(
    board: Board, memory: Memory, first: int, second: int, weak: bool, scores: npt.NDArray[np.int16]
) -> None:
    """Write the score `[A]` of each action of a game that goes on: `ILLEGAL` where there is none, or `UNKNOWN`.

    `weak` asks for the sign alone, which takes far fewer positions.
    """
    taken = first | second
    player = count(taken) & 1
    mine, theirs = (first, second) if player == 0 else (second, first)
    left = count(board.cells & ~taken)
    wins = winning_cells(board, mine, taken, player)
    free = playable(board, taken)
    for action in range(len(scores)):
        stone = free & memory.masks[action]
        if not stone:
            scores[action] = ILLEGAL
        elif stone & wins:
            scores[action] = 1 if weak else (left + 1) // 2
        else:
            score = _score(board, memory, theirs, mine | stone, left - 1, weak)
            scores[action] = UNKNOWN if score == UNKNOWN else -score


@compiled
def _score(board: Board, memory: Memory, mine: int, theirs: int, left: int, weak: bool) -> int:
    """The score of a position without a winner for the player to move, by bisection with null windows."""
    taken = mine | theirs
    if winning_cells(board, mine, taken, count(taken) & 1) & playable(board, taken):
        return 1 if weak else (left + 1) // 2
    low, high = -(left // 2), max(left - 1, 0) // 2
    found = low
    if weak:
        low, high = max(low, -1), min(high, 1)
    while low < high:
        middle = low + (high - low) // 2
        # Scores near 0 are the likeliest.
        if middle <= 0 and -(-low // 2) < middle:
            middle = -(-low // 2)
        elif middle >= 0 and high // 2 > middle:
            middle = high // 2
        found = _search(board, memory, mine, theirs, left, middle, middle + 1)
        if memory.nodes[0] > memory.nodes[1]:
            return UNKNOWN
        if found <= middle:
            high = found
        else:
            low = found
    return min(max(found, -1), 1) if weak else found


@compiled
def _search(board: Board, memory: Memory, mine: int, theirs: int, left: int, alpha: int, beta: int) -> int:
    """A bound of the score of a position where no move wins at once, exact if it lies between alpha and beta."""
    memory.nodes[0] += 1
    if memory.nodes[0] > memory.nodes[1]:
        return 0
    taken = mine | theirs
    ply = len(memory.moves) - 1 - left
    player = ply & 1
    moves = _not_losing(board, theirs, taken, 1 - player)
    if not moves:
        return -(left // 2)
    if left <= 2:
        return 0
    low, high = -((left - 2) // 2), (left - 1) // 2
    key_mine, key_theirs = mine, theirs
    # Early positions are worth the time that their mirror image takes.
    if 2 * ply < len(memory.moves):
        other_mine, other_theirs = mirrored(board, mine), mirrored(board, theirs)
        if other_mine < mine or (other_mine == mine and other_theirs < theirs):
            key_mine, key_theirs = other_mine, other_theirs
    place = _place(key_mine, key_theirs, len(memory.entries))
    entry = memory.entries[place]
    if entry.mine == key_mine and entry.theirs == key_theirs:
        low, high = max(low, entry.low), min(high, entry.high)
    if low >= beta or low == high:
        return low
    if high <= alpha:
        return high
    alpha, beta = max(alpha, low), min(beta, high)
    number = _sort(board, memory, moves, mine, taken, player, ply)
    best, lower = -UNKNOWN, alpha
    for index in range(number):
        after = mine | memory.moves[ply, index]
        best = max(best, -_search(board, memory, theirs, after, left - 1, -beta, -lower))
        if memory.nodes[0] > memory.nodes[1]:
            return 0
        lower = max(lower, best)
        if best >= beta:
            break
    if best > alpha:
        low = max(low, best)
    if best < beta:
        high = min(high, best)
    entry.mine, entry.theirs, entry.low, entry.high = key_mine, key_theirs, low, high
    return best


@compiled
def _not_losing(board: Board, theirs: int, taken: int, other: int) -> int:
    """The moves after which the other player cannot win at once."""
    moves = playable(board, taken)
    threats = winning_cells(board, theirs, taken, other)
    forced = moves & threats
    if forced:
        if forced & (forced - 1):
            return 0
        moves = forced
    if board.family == CONNECT_FOUR:
        # Nor may a stone make the cell above it free for them.
        moves &= ~(threats >> 1)
    return moves


@compiled
def _sort(board: Board, memory: Memory, moves: int, mine: int, taken: int, player: int, ply: int) -> int:
    """Write the moves, those first that make most winning cells; give their number."""
    number = 0
    for action in range(len(memory.order)):
        move = moves & memory.order[action]
        if not move:
            continue
        key = count(winning_cells(board, mine | move, taken | move, player))
        index = number
        while index > 0 and memory.keys[ply, index - 1] < key:
            memory.moves[ply, index] = memory.moves[ply, index - 1]
            memory.keys[ply, index] = memory.keys[ply, index - 1]
            index -= 1
        memory.moves[ply, index], memory.keys[ply, index] = move, key
        number += 1
    return number


@compiled
def _place(mine: int, theirs: int, places: int) -> int:
    """Where a position lies in the table (multiplicative hashing by the golden ratio's and splitmix64's constants)."""
    mixed = (mine ^ (theirs * -4658895280553007687)) * -7046029254386353131
    return (mixed ^ (mixed >> 29)) >> 12 & (places - 1)
