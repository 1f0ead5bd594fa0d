"""What is explained may lie inside the network: a unit, or what a probe of the recording reads."""

from tests.views.conftest import run_page


def shown(app):
    return " ".join([text.value for text in (*app.caption, *app.markdown, *app.warning, *app.error)])


def test_a_unit_and_a_probe_are_explained_by_their_names_in_the_address(full_root):
    for target, words in [
        ("unit:mlp_extractor.policy_net.1:3", "unit 3 of mlp_extractor.policy_net.1"),
        ("reads:observation[2] > 0@mlp_extractor.policy_net.1:yes", "being yes, as a probe reads it"),
    ]:
        for _ in range(2):
            app = run_page("saliency", recording="cartpole.zarr", episode=0, step=1, target=target)
            assert not app.exception
            assert not app.error
            chosen = next(one for one in app.selectbox if one.label == "What is explained")
            assert chosen.value == target
            assert words in chosen.format_func(target)


def test_what_is_not_inside_is_said(full_root):
    app = run_page("saliency", recording="cartpole.zarr", episode=0, step=1, target="reads:nothing")
    assert not app.exception
    assert "CONCEPT@LAYER" in shown(app)
    app = run_page("saliency", recording="cartpole.zarr", episode=0, step=1, target="probe:../secret.npz")
    assert "on the command line only" in shown(app)
