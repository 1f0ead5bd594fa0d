"""The page of searches in a real browser: the slider, the lines, the tree, a game."""

import pytest

import tests.search.playing
import workbench
from tests.views.serving import serve
from workbench.search import rebuild
from workbench.views.search_frames import first_nodes

VIEWER = ".rlw-search[data-ready]"
assert tests.search.playing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recording of an agent that searches."""
    folder = tmp_path_factory.mktemp("searches")
    workbench.record(
        "tests.search.playing:planner", "tests.search.playing:Playing-v0", out=folder / "games.zarr", episodes=1, seed=2
    )
    agent = "tests.search.environments.planning_agents:planner"
    workbench.record(agent, "FrozenLake-v1", out=folder / "lake.zarr", steps=2, environments=1)
    return folder


@pytest.fixture(scope="module")
def server(folder):
    """A dashboard of it; its address."""
    with serve(folder) as running:
        yield running.address


def test_a_search_is_gone_through_and_walked(page, server, folder):
    trace = workbench.open_recording(folder / "games.zarr").search_trace(3)
    page.goto(f"{server}/search?recording=games.zarr&episode=0&step=3")
    viewer = page.locator(VIEWER)
    viewer.wait_for(timeout=60_000)
    assert viewer.get_attribute("data-simulation") == str(trace.simulations)

    def shown():
        cells = page.locator(".rlw-line").evaluate_all(
            "rows => rows.map(row => [Number(row.dataset.edge), Number(row.querySelector('td.rlw-col-n').textContent)])"
        )
        return [n for _, n in sorted(cells)]

    for k in (17, 0, trace.simulations):
        page.get_by_role("slider", name="Simulations").fill(str(k))
        page.wait_for_selector(f'.rlw-search[data-simulation="{k}"]')
        assert shown() == rebuild(trace, k).visits[trace.edges_of(0)].tolist()
    # The slider asks nobody: the address and the page are as they were.
    assert "step=3" in page.url
    page.get_by_role("button", name="P", exact=True).click()
    page.locator(".rlw-line").first.click()
    page.wait_for_selector('.rlw-search:not([data-node="0"])')
    page.get_by_role("button", name="To the root").first.click()
    page.wait_for_selector('.rlw-search[data-node="0"]')
    tree = page.locator("canvas.rlw-tree")
    tree.scroll_into_view_if_needed()
    child = int(rebuild(trace).child[trace.edges_of(0)][rebuild(trace).visits[trace.edges_of(0)].argmax()])
    place = viewer.evaluate(f"root => root.search.where({child})")
    tree.click(position=place)
    page.wait_for_selector(f'.rlw-search[data-node="{child}"]')
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('.rlw-search[data-node="0"]')
    # Whoever listens is told the node that one stays at, and not those that one passes.
    passed, stayed = int(trace.nodes - 1), child
    told = viewer.evaluate(
        """(root, [passed, stayed]) => new Promise((done) => {
          const heard = [];
          root.search.tell((node) => { heard.push(node); setTimeout(() => done(heard), 300); });
          root.search.pin(passed);
          setTimeout(() => root.search.pin(stayed), 50);
        })""",
        [passed, stayed],
    )
    assert told == [stayed]
    assert page.get_by_text("Traceback").count() == 0


def test_a_state_is_drawn_when_it_is_looked_at(page, server, folder):
    pytest.importorskip("pygame", reason="FrozenLake is drawn by pygame")
    trace = workbench.open_recording(folder / "lake.zarr").search_trace(1)
    unseen = sorted(set(range(trace.nodes)) - set(first_nodes(trace)))[-1]
    page.goto(f"{server}/search?recording=lake.zarr&episode=0&step=1")
    viewer = page.locator(VIEWER)
    viewer.wait_for(timeout=60_000)
    viewer.evaluate(f"root => root.search.pin({unseen})")
    page.wait_for_selector(f'.rlw-search[data-node="{unseen}"]')
    page.wait_for_selector('.rlw-framebox:not(.rlw-waiting) img[alt="the environment at this node"]')
    assert page.get_by_text("did not come").count() == 0
