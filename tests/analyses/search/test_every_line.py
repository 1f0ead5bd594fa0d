"""A player against every reply: perfect play cannot be beaten, and a bad player's losing line is one."""

import numpy as np
import pytest

from envs.games import TIC_TAC_TOE, solver_for
from workbench.analyses.search.every_line import every_line
from workbench.analyses.search.matches import raw_player, solver_player
from workbench.errors import WorkbenchError
from workbench.search.evaluators import UniformEvaluator
from workbench.search.games import describe, play_line


@pytest.mark.parametrize("first", [True, False])
def test_perfect_play_is_not_beaten(first: bool) -> None:
    line = every_line(TIC_TAC_TOE, solver_player(TIC_TAC_TOE, solver_for(TIC_TAC_TOE)), moves_first=first)
    assert (line.worst, line.losses, line.losing_line) == (0, 0, None)
    assert line.wins > 0
    assert line.draws > 0


@pytest.mark.parametrize("first", [True, False])
def test_whoever_takes_the_first_free_cell_is_beaten_by_the_line_that_is_named(first: bool) -> None:
    player = raw_player(TIC_TAC_TOE, UniformEvaluator(9))
    line = every_line(TIC_TAC_TOE, player, moves_first=first)
    assert line.worst == -1
    assert line.losing_line is not None
    end = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), line.losing_line)
    facts = describe(TIC_TAC_TOE, end[None])
    assert facts["ended"][0]
    mover = int(facts["player"][0])
    assert (facts["outcome"][0] if mover == (0 if first else 1) else -facts["outcome"][0]) == -1
    # Its own moves are its own: the smallest number that is free.
    free = set(range(9))
    for number, action in enumerate(line.losing_line):
        if (number % 2 == 0) == first:
            assert action == min(free)
        free.remove(action)


def test_positions_are_counted_by_hand() -> None:
    """Against a player that takes the first free cell and moves first, replies multiply the positions: 1, 8, …"""
    player = raw_player(TIC_TAC_TOE, UniformEvaluator(9))
    asked: list[np.ndarray] = []

    def choose(positions, seeds):  # type: ignore[no-untyped-def]
        asked.append(positions)
        return player.choose(positions, seeds)

    line = every_line(TIC_TAC_TOE, type(player)(name="counted", choose=choose), moves_first=True)
    assert [len(one) for one in asked[:2]] == [1, 8]
    assert line.positions == sum(len(one) for one in asked)
    assert len(np.unique(np.concatenate(asked), axis=0)) == line.positions


def test_too_many_positions_are_said() -> None:
    player = raw_player(TIC_TAC_TOE, UniformEvaluator(9))
    with pytest.raises(WorkbenchError, match="More than 5 positions of tic_tac_toe can come up against the network"):
        every_line(TIC_TAC_TOE, player, moves_first=True, most=5)
