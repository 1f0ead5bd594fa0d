"""The viewer of a search in a page of its own: what its tree, priors and icicle show, and what stays."""

import json

import pytest

from envs.games import connect_four
from tests.analyses.search.hand_made import hand_made
from workbench.figures.search_viewer import search_payload, search_source
from workbench.search import SearchSettings, TableEvaluator, rebuild, search

GAME = connect_four(4, 5)
DEPTH = 14
"""Moves of the deep search's only line."""


@pytest.fixture
def show(page):
    """A function that mounts the viewer of a trace, and waits for it."""

    def mounted(trace, **given):
        source, payload = search_source(), json.dumps(search_payload(trace, key="one", **given))
        page.set_content(
            f"<style>{source.style}</style><div id=here></div><script type=module>{source.script}\n"
            f"mountSearch(document.getElementById('here'), {payload});</script>"
        )
        page.wait_for_selector('#here[data-ready="one"]')

    return mounted


@pytest.fixture(scope="module")
def trace():
    """A search of more rows than the tree's canvas has room for at their usual height."""
    return search(
        GAME, GAME.start()[None], TableEvaluator(GAME.actions), SearchSettings(simulations=250, prove=False), seed=2
    )[0]


def places_of(page, nodes):
    """Where the drawn nodes are on the canvas, and its size."""
    found = page.evaluate(
        """(nodes) => {
          const { search } = document.getElementById("here"), canvas = document.querySelector("canvas.rlw-tree");
          const places = [...Array(nodes).keys()].map(search.where).filter((one) => one !== null);
          return { places, width: canvas.clientWidth, height: canvas.clientHeight };
        }""",
        nodes,
    )
    return [(one["x"], one["y"]) for one in found["places"]], found["width"], found["height"]


def settle(page):
    """Let what was resized be drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def test_the_tree_fits_its_canvas_until_one_zooms(page, show, trace):
    show(trace, children=5, threshold=0.002)
    for width in (1440, 900, 500):
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        places, wide, tall = places_of(page, trace.nodes)
        assert wide < width
        assert len(places) > 60
        assert all(0 < x < wide and 0 < y < tall for x, y in places)
    page.get_by_role("button", name="Larger").click()
    zoomed = places_of(page, trace.nodes)[0]
    page.set_viewport_size({"width": 1200, "height": 900})
    settle(page)
    assert places_of(page, trace.nodes)[0] == zoomed
    page.get_by_role("button", name="All of it").click()
    places, wide, tall = places_of(page, trace.nodes)
    assert all(0 < x < wide and 0 < y < tall for x, y in places)


def test_priors_and_visits_are_on_one_scale_that_stays(page, show, trace):
    show(trace)
    read = """() => {
      const of = (node, ...names) => names.map((name) => Number(node.getAttribute(name)));
      const all = (name) => [...document.querySelectorAll(name)];
      return {
        prior: all(".rlw-tick-prior").map((node) => [node.textContent, ...of(node, "x")]),
        visits: all(".rlw-tick-visits").map((node) => [node.textContent, Number(node.getAttribute("y")) - 4]),
        points: all(".rlw-point").map((node) => of(node, "data-edge", "cx", "cy")),
        diagonal: of(document.querySelector(".rlw-diagonal"), "x1", "y1", "x2", "y2"),
      };
    }"""
    axes = set()
    for k in (1, 60, trace.simulations):
        page.get_by_role("slider", name="Simulations").fill(str(k))
        page.wait_for_selector(f'#here[data-simulation="{k}"]')
        found = page.evaluate(read)
        axes.add(json.dumps([found["prior"], found["visits"], found["diagonal"]]))
        (_, left), (_, right) = found["prior"][0], found["prior"][-1]
        (_, bottom), (_, top) = found["visits"][0], found["visits"][-1]
        edges = trace.edges_of(0)
        shares = rebuild(trace, k).visits[edges] / k
        for edge, x, y in found["points"]:
            assert (x - left) / (right - left) == pytest.approx(trace.root_prior[edge])
            assert (y - bottom) / (top - bottom) == pytest.approx(shares[edge])
    assert len(axes) == 1
    assert [text for text, _ in found["prior"]] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
    assert [text for text, _ in found["visits"]] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
    assert found["diagonal"] == [left, bottom, right, top]


def test_the_icicle_says_how_many_levels_are_below(page, show):
    show(hand_made((0.7, 0.3), [(0,) * depth for depth in range(1, DEPTH + 1)]))
    icicle = page.locator(".rlw-iciclebox")
    assert icicle.get_by_text("5 levels more below").is_visible()
    before = icicle.locator("canvas").bounding_box()["height"]
    icicle.get_by_role("button", name=f"Show all {DEPTH + 1} levels").click()
    assert icicle.locator("canvas").bounding_box()["height"] == pytest.approx(before * (DEPTH + 1) / 10)
    assert icicle.get_by_text("more below").count() == 0
    icicle.get_by_role("button", name="Show 10 levels").click()
    page.get_by_role("slider", name="Simulations").fill("10")
    page.wait_for_selector('#here[data-simulation="10"]')
    assert icicle.get_by_text("1 level more below").is_visible()
