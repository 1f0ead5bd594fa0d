"""The layout of a search tree: what is drawn, and that nothing lies upon anything else."""

import numpy as np
import pytest

from envs.games import TIC_TAC_TOE, connect_four
from workbench.figures.search_viewer import lay_out
from workbench.figures.search_viewer.layout import principal_variation
from workbench.search import SearchSettings, TableEvaluator, UniformEvaluator, rebuild, search

GAME = connect_four(6, 7)


def searched(simulations=400, game=GAME, **rules):
    evaluator = TableEvaluator(game.actions)
    trace = search(game, game.start()[None], evaluator, SearchSettings(simulations=simulations, **rules), seed=1)[0]
    return trace, rebuild(trace)


LAYOUTS = ({}, {"children": 1}, {"children": 9, "threshold": 0.0}, {"depth": 1}, {"most": 12}, {"depth": 0},
           {"children": 9, "threshold": 0.0, "depth": 99, "most": 300})  # fmt: skip


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
@pytest.mark.parametrize("rules", [{}, {"rule": "gumbel"}], ids=str)
def test_the_drawn_nodes_are_a_tree_without_overlap(options, rules):
    trace, state = searched(**rules)
    layout = lay_out(trace, state, **options)
    line = principal_variation(trace, state)
    assert len(layout.node) <= options.get("most", 300)
    assert set(layout.node.tolist()) >= set(line[: options.get("most", 300)])
    assert set(layout.node[layout.variation].tolist()) == set(line[: options.get("most", 300)])
    places = list(zip(layout.column.tolist(), layout.row.tolist(), strict=True))
    assert len(set(places)) == len(places)
    assert layout.above[0] == -1
    assert (layout.above[1:] < np.arange(1, len(layout.above))).all()
    assert (layout.column[1:] == layout.column[layout.above[1:]] + 1).all()
    # The principal variation is one straight line.
    assert (layout.row[layout.variation] == 0).all()
    for place, node in enumerate(layout.node.tolist()):
        if node > 0:
            assert trace.parent[node] == layout.node[layout.above[place]]


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
def test_what_is_left_out_is_counted_in_the_others(options):
    trace, state = searched()
    layout = lay_out(trace, state, **options)
    for place, node in enumerate(layout.node.tolist()):
        below = [k for k in range(len(layout.node)) if layout.above[k] == place]
        if node < 0 or not below:
            continue
        made = [one for one in range(trace.nodes) if trace.parent[one] == node]
        shown = [layout.node[k] for k in below if layout.node[k] >= 0]
        stood_for = [one for k in below for one in layout.others[k]]
        assert not set(shown) & set(stood_for)
        if len(layout.node) < options.get("most", 300):
            left = [one for one in made if one not in shown]
            few = (
                sum(int(state.node_visits[one]) for one in left) < options.get("threshold", 0.01) * state.node_visits[0]
            )
            assert sorted(stood_for) == ([] if few else left)
        limit = options.get("children", 3)
        assert len(shown) <= max(limit, 1)


def test_the_most_visited_moves_are_drawn_first():
    trace, state = searched()
    layout = lay_out(trace, state, children=3, threshold=0.0)
    shown = [int(layout.node[k]) for k in range(len(layout.node)) if layout.above[k] == 0 and layout.node[k] >= 0]
    visits = sorted((int(state.node_visits[one]) for one in range(trace.nodes) if trace.parent[one] == 0), reverse=True)
    assert [int(state.node_visits[one]) for one in shown] == visits[:3]


def test_moves_below_the_threshold_are_others():
    trace, state = searched()
    layout = lay_out(trace, state, threshold=0.05)
    least = 0.05 * state.node_visits[0]
    assert all(state.node_visits[node] >= least for node, on in zip(layout.node, layout.variation, strict=True)
               if node >= 0 and not on)  # fmt: skip


def test_the_principal_variation_takes_a_proven_win_before_more_visits():
    # The first player wins at once on the third square of the top row.
    position = np.array([[0b000000011, 0b000011000]], np.uint64)
    trace = search(TIC_TAC_TOE, position, UniformEvaluator(9), SearchSettings(simulations=60), seed=0)[0]
    line = principal_variation(trace, rebuild(trace))
    assert trace.moves(line[-1]) == [2]
