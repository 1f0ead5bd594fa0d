"""The pages that explain a step, in a real browser: chosen, linked, changed, taken back."""

import re

import pytest


@pytest.mark.torture
def test_a_step_is_explained_and_linked(page, server):
    page.goto(f"{server}/saliency?recording=agent.zarr&episode=0&step=5")
    page.get_by_role("heading", name="Integrated gradients").wait_for()
    page.get_by_text("rank correlation with patching").first.wait_for()
    page.get_by_label(re.compile(r"Step \(0 to")).fill("7")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("step=7"))
    page.get_by_role("heading", name="Integrated gradients").wait_for()
    assert page.get_by_text("Traceback").count() == 0


@pytest.mark.torture
def test_a_change_is_added_and_taken_back(page, server):
    page.goto(f"{server}/what-if?recording=agent.zarr&episode=0&step=5")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("shown as 0").wait_for()
    page.get_by_text("over 24 steps drawn from the recording: |change|").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("shown as 0").wait_for(state="detached")
    page.get_by_text("Add a change first.").wait_for()
