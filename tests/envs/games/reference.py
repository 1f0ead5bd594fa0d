"""The rules of the games in plain Python on a dictionary of cells: slow, short, and apart from the compiled ones."""

from typing import Any

import numpy as np

Cell = tuple[int, int]


class Plain:
    """A game under way; rows count from the top. `stones` holds 0 for the first player, 1 for the second."""

    def __init__(self, kind: str, rows: int, columns: int) -> None:
        self.kind, self.rows, self.columns = kind, rows, columns
        self.stones: dict[Cell, int] = {}
        self.winner: int | None = None

    def after(self, action: int) -> "Plain":
        """The game one move on."""
        new = Plain(self.kind, self.rows, self.columns)
        new.stones = {**self.stones, self.target(action): self.player}
        new.winner = self.player if new._has_won(self.player) else None
        return new

    @property
    def player(self) -> int:
        return len(self.stones) % 2

    @property
    def ended(self) -> bool:
        return self.winner is not None or len(self.stones) == self.rows * self.columns

    @property
    def outcome(self) -> float:
        """For the player to move."""
        return 0.0 if self.winner is None else 1.0 if self.winner == self.player else -1.0

    @property
    def actions(self) -> int:
        return self.columns if self.kind == "connect_four" else self.rows * self.columns

    def target(self, action: int) -> Cell:
        """Where the stone of an action comes to lie."""
        if self.kind != "connect_four":
            return divmod(action, self.columns)
        return max(row for row in range(self.rows) if (row, action) not in self.stones), action

    def legal(self) -> list[int]:
        if self.ended:
            return []
        if self.kind == "connect_four":
            return [column for column in range(self.columns) if (0, column) not in self.stones]
        return [a for a in range(self.actions) if divmod(a, self.columns) not in self.stones]

    def cells(self) -> np.ndarray:
        board = np.zeros((self.rows, self.columns), np.int8)
        for cell, who in self.stones.items():
            board[cell] = 1 - 2 * who
        return board

    def planes(self) -> np.ndarray:
        """What the player to move sees."""
        board = self.cells() * (1 - 2 * self.player)
        return np.stack([board == 1, board == -1]).astype(np.float32)

    def _has_won(self, who: int) -> bool:
        mine = {cell for cell, other in self.stones.items() if other == who}
        if self.kind == "hex":
            return self._joined(mine, who)
        length = 4 if self.kind == "connect_four" else 3
        return any(
            all((row + k * down, column + k * right) in mine for k in range(length))
            for row, column in mine
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))
        )

    def _joined(self, mine: set[Cell], who: int) -> bool:
        """Depth first from the top row, or the left column, to the other side."""
        waiting = [cell for cell in mine if cell[who] == 0]
        seen = set(waiting)
        while waiting:
            row, column = waiting.pop()
            if (row, column)[who] == self.rows - 1:
                return True
            for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (-1, 1), (1, -1)):
                cell = (row + down, column + right)
                if cell in mine and cell not in seen:
                    seen.add(cell)
                    waiting.append(cell)
        return False


def plain(game: Any) -> Plain:
    """The plain rules that a game's name stands for."""
    kind = "tic_tac_toe" if game.name == "tic_tac_toe" else game.name.rpartition("_")[0]
    return Plain(kind, *game.observation_shape[1:])


def minimax(game: Plain, known: dict[frozenset[Any], int]) -> int:
    """The score by looking at everything: for a win one more than the stones that the winner has left, and so on."""
    key = frozenset(game.stones.items())
    if key not in known:
        size, made = game.rows * game.columns, len(game.stones)
        if game.winner is not None:
            owned = (size + 1) // 2 if game.winner == 0 else size // 2
            left = owned - sum(who == game.winner for who in game.stones.values())
            known[key] = int(game.outcome) * (left + 1)
        elif made == size:
            known[key] = 0
        else:
            known[key] = max(-minimax(game.after(action), known) for action in game.legal())
    return known[key]
