"""The page of saliency in its empty, normal and broken states."""

import shutil

import pytest

import workbench
from tests.views.conftest import run_page


@pytest.fixture
def full_root(root, shipped):
    """A dashboard's folder with one of them."""
    shutil.copytree(shipped / "cartpole.zarr", root / "cartpole.zarr")
    return root


@pytest.fixture
def pictures(shipped, full_root):
    """And the other."""
    shutil.copytree(shipped / "image.zarr", full_root / "image.zarr")


def texts(app) -> str:
    shown = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error, *app.subheader]
    tables = [" ".join(map(str, table.value.to_numpy().ravel())) for table in app.table]
    return " ".join([*(str(element.value) for element in shown), *tables]).replace("\\", "")


def test_an_empty_folder_says_what_to_do(root):
    assert "nothing to explain yet" in run_page("saliency").info[0].value


def test_a_step_is_explained_by_two_methods_with_their_evidence(full_root):
    app = run_page("saliency", recording="cartpole.zarr", episode="1", step="3")
    assert not app.error
    assert [head.value for head in app.subheader][:3] == ["What it saw", "Integrated gradients", "Feature ablation"]
    said = texts(app)
    assert said.count("causal check (rank correlation; all 4 regions; ") == 2
    assert "undecided: cannot be told from chance" in said
    assert said.count("better than ") == said.count("of all 24 orders") == 4
    assert "Integrated gradients and Feature ablation " in said
    assert "completeness gap" in said
    assert said.count("n = 1 step") == 3
    assert "AIM: decision" not in said
    assert app.selectbox("saliency.target").options[0] == "log-odds of the action taken"
    # Not the action that was taken here: it rather than itself is nothing.
    assert sum("the action taken rather than" in one for one in app.selectbox("saliency.target").options) == 1
    [seen] = [table for table in app.table if "number" in table.value]
    assert seen.value["number"].tolist()[0].replace("\\", "") == "cart position (m)"


@pytest.mark.torture
def test_choices_stand_in_the_address(full_root):
    app = run_page("saliency", recording="cartpole.zarr", episode="1", step="3")
    app.selectbox("saliency.target").set_value("value").run()
    app.multiselect("saliency.method").set_value(["kernel_shap"]).run()
    app.number_input("saliency.step").set_value(5).run()
    assert not app.exception
    assert app.query_params["target"] == "value"
    assert app.query_params["method"] == "kernel_shap"
    assert app.query_params["step"] == "5"
    assert [head.value for head in app.subheader][:2] == ["What it saw", "KernelSHAP"]


def test_the_address_leads_to_the_same_explanation(full_root):
    app = run_page(
        "saliency", recording="cartpole.zarr", episode="0", step="2", method="gradient,sarfa", target="value",
        baseline="zero", site="mlp_extractor.policy_net.1",
    )  # fmt: skip
    assert app.multiselect("saliency.method").value == ["gradient", "sarfa"]
    assert app.selectbox("saliency.target").value == "value"
    assert app.selectbox("saliency.baseline").value == "zero"
    # The value does not run through the policy's own layer: that is a box where the map would be, not a traceback.
    assert "has no gradient at the layer" in texts(app)


def test_methods_that_are_for_pictures_are_offered_for_pictures_only(full_root):
    app = run_page("saliency", recording="cartpole.zarr")
    assert "Grad-CAM" not in app.multiselect("saliency.method").options


def test_a_picture_is_explained_by_methods_for_pictures(pictures):
    app = run_page("saliency", recording="image.zarr", method="grad_cam,occlusion,blur")
    assert not app.error
    assert {"Grad-CAM", "SARFA"} <= set(app.multiselect("saliency.method").options)
    assert [head.value for head in app.subheader][:4] == ["What it saw", "Grad-CAM", "Occlusion", "Blur perturbation"]


@pytest.mark.torture
def test_the_evidence_over_many_steps_has_intervals(pictures):
    app = run_page("saliency", recording="image.zarr", method="gradient")
    app.toggle("saliency.evidence").set_value(True).run(timeout=120)
    assert not app.exception
    assert not app.error
    assert "episodes)" in texts(app)
    table = app.table[-1].value
    assert any("AIM" in what for what in table["evidence"])
    assert any("random weights" in what for what in table["evidence"])
    assert "[" in " ".join(table["this map"])
    app.slider("saliency.blend").set_value(50).run(timeout=60)
    assert not app.exception
    assert not app.error
    assert len(app.table) == 2


def test_a_film_strip_goes_through_the_episode(pictures):
    app = run_page("saliency", recording="image.zarr", method="gradient", episode="0", step="1")
    app.toggle("saliency.strip").set_value(True).run(timeout=120)
    assert not app.exception
    assert not app.error
    assert "One colour scale" in texts(app)


@pytest.mark.torture
def test_a_memory_is_followed_back_in_time(root, checkout):
    pytest.importorskip("sb3_contrib")
    agent = f"recurrent_ppo:{checkout / 'agents/cue_recall/weights.zip'}"
    workbench.record(agent, "envs:CueRecall-v0", out=root / "memory.zarr", episodes=2, seed=1)
    app = run_page("saliency", recording="memory.zarr", method="gradient", episode="0", step="5")
    app.number_input("saliency.window").set_value(6).run()
    app.toggle("saliency.back").set_value(True).run(timeout=60)
    assert not app.exception
    assert not app.error
    assert "*now* the decision's own" in texts(app)
    # This one's and that of the map above.
    assert texts(app).count("n = 1 step:") == 2
    # Of the six observations that are asked for all exist at step 5; with more, the others are left out.
    assert "all 36 regions" in texts(app)
    app.number_input("saliency.window").set_value(8).run(timeout=60)
    assert "all 36 regions" in texts(app)


def test_what_an_address_asks_for_in_vain_is_said(full_root):
    app = run_page("saliency", recording="cartpole.zarr", episode="99", step="x", method="astrology", target="taste")
    assert "asks for episode 99" in texts(app)
    assert "asks for method 'astrology', which there is not" in texts(app)
    assert "asks for target 'taste'. There is no target 'taste'" in texts(app)
    assert not app.error
    app = run_page("saliency", recording="cartpole.zarr", method="grad_cam", baseline="dust", site="attic")
    assert "Grad-CAM cannot be used here" in texts(app)
    assert "asks for baseline 'dust'" in texts(app)
    assert "asks for layer to attribute to 'attic'" in texts(app)
    assert not app.error
    app = run_page("saliency", recording="cartpole.zarr", target="probe:/etc/passwd.npz")
    assert "on the command line only" in texts(app)
    app = run_page("saliency", recording="../secret.zarr")
    assert "not below the folder" in texts(app)


def test_an_action_is_found_by_its_name(full_root):
    app = run_page("saliency", recording="cartpole.zarr", target="log_odds:push left", method="gradient")
    assert app.selectbox("saliency.target").value == "log_odds:0"
    assert not app.warning
    app = run_page("saliency", recording="cartpole.zarr", target="probability:push left", method="gradient")
    assert app.selectbox("saliency.target").value == "probability:push left"
    assert not app.warning
    assert not app.error


def test_captions_have_the_targets_unit(pictures):
    """Deletion is in the target's unit, whatever the map's own is."""
    app = run_page("saliency", recording="image.zarr", method="grad_cam,sarfa")
    what = [str(one) for table in app.table for one in table.value.get("evidence", [])]
    assert sum("deletion" in one for one in what) == 2
    assert not any("smoothed" in one or "score" in one for one in what)


def test_numbers_have_no_sliders_for_pictures_and_a_strip_of_their_own(full_root):
    app = run_page("saliency", recording="cartpole.zarr", episode="0", step="3", method="gradient")
    assert not app.slider
    app.toggle("saliency.strip").set_value(True).run(timeout=60)
    assert not app.exception
    assert not app.error
    assert "One colour scale" in texts(app)


def test_an_agent_that_cannot_be_built_is_a_box_that_says_so(full_root):
    [chunk] = [file for file in (full_root / "cartpole.zarr" / "agent" / "file").rglob("*") if file.name == "0"]
    chunk.write_bytes(chunk.read_bytes()[:-40])
    app = run_page("saliency", recording="cartpole.zarr")
    assert "damaged" in app.error[0].value
    assert "Traceback" not in app.error[0].value


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("unit:mlp_extractor.policy_net.1:3", "unit 3 of mlp_extractor.policy_net.1"),
        (
            "reads:observation[2] > 0@mlp_extractor.policy_net.1:yes",
            "observation[2] > 0 being yes, as a probe reads it in mlp_extractor.policy_net.1",
        ),
    ],
)
def test_a_unit_and_what_a_probe_reads_are_explained(full_root, target, words):
    for _ in range(2):
        app = run_page("saliency", recording="cartpole.zarr", episode="1", step="3", target=target)
        assert not app.error
        assert app.selectbox("saliency.target").value == target
        assert words in app.selectbox("saliency.target").options


@pytest.mark.torture
def test_what_is_not_inside_is_said(full_root):
    for target, words in [("reads:nothing", "CONCEPT@LAYER"), ("probe:../secret.npz", "on the command line only")]:
        app = run_page("saliency", recording="cartpole.zarr", episode="1", step="3", target=target)
        assert any(words in warning.value for warning in app.warning)
