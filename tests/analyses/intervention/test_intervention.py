"""Changes of planted networks, whose effects are known by construction, and of agents of every kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from tests.analyses.saliency.cases import EVERY_KIND, Restricted, record_kind, record_policy
from workbench.analyses.intervention import (
    ChangedPolicy,
    Rectangle,
    ablate,
    behaviour_effect,
    change_observation,
    clamp,
    cover,
    decision_effect,
    direction_between,
    layer_values,
    mean_difference,
    patch,
    project_out,
    search_patches,
    set_number,
    steer,
    sweep_scales,
    target_toward,
)
from workbench.analyses.targets import find_target
from workbench.errors import WorkbenchError
from workbench.policies import ModulePolicy, Policy, PolicyOutput
from workbench.recording import Recording

pytest.importorskip("sb3_contrib")
torch.set_num_threads(1)


class TwoLayers(nn.Module):
    """Five numbers go through a layer of four units to three logits; unit 2 alone decides the first."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(5, 4), nn.Linear(4, 3, bias=False)
        with torch.no_grad():
            self.hidden.weight.copy_(
                torch.tensor([[1.0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 2, 0, 0], [0, 0, 0, 1, 1]])
            )
            self.hidden.bias.zero_()
            self.head.weight.copy_(torch.tensor([[0.0, 0, 3, 0], [1, 0, 0, 0], [0, 0, 0, 0]]))


def two_layers() -> Any:
    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        logits = module.head(module.hidden(inputs))
        return PolicyOutput(logits=logits, value=logits[:, 0])

    space = spaces.Box(-1.0, 1.0, (5,), np.float32)
    return ModulePolicy(TwoLayers(), space, spaces.Discrete(3), forward=forward)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, Any]:
    policy = two_layers()
    return record_policy(policy, tmp_path_factory.mktemp("planted") / "x.zarr", episodes=12), policy


def first_logit(policy: Any) -> Any:
    answer = policy.act(np.zeros((1, 5), np.float32), deterministic=True).output
    return find_target("logit:0", answer, policy.action_space)


def effect_of(planted: tuple[Recording, Any], change: Any, rows: Any = None) -> Any:
    recording, policy = planted
    rows = np.arange(60) if rows is None else rows
    return decision_effect(recording, policy, rows, [change], target=first_logit(policy))


def test_ablating_the_unit_that_decides_does_what_it_must(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    x2 = recording.steps["observation"][:60, 2]
    np.testing.assert_allclose(hidden[:, 2], 2 * x2, atol=1e-6)
    for how, expected in (("zero", -6 * x2), ("mean", 6 * (x2.mean() - x2))):
        found = effect_of(planted, ablate("hidden", [2], hidden, how=how))
        np.testing.assert_allclose(found.after - found.before, expected, atol=1e-5)
        assert found.above_controls.above(0)
        # The other units do not reach the first logit.
        assert np.abs(found.controls).max() < 1e-6
        # There are three other units to ablate, and drawing one of them again makes no new control.
        assert (len(found.controls), found.chance) == (3, 1 / 4)
        assert found.verdict.endswith("(p = 0.25; 3 controls, the smallest possible is 0.25)")
    drawn = effect_of(planted, ablate("hidden", [2], hidden, how="resample", seed=4))
    assert np.abs(drawn.after[:, None] / 6 - x2[None]).min(axis=1).max() < 1e-5


def test_ablating_what_does_not_matter_changes_nothing(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    found = effect_of(planted, ablate("hidden", [1], hidden))
    assert np.abs(found.after - found.before).max() < 1e-6
    assert not found.flipped.any()
    assert found.verdict.startswith("not shown to be larger than random changes of the same size (p = 1; ")


def test_patching_makes_the_donors_decision(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    found = effect_of(planted, patch("hidden", None, hidden[7], hidden), rows=[0, 3])
    np.testing.assert_allclose(found.after, recording.steps["logits"][7, 0], atol=1e-5)
    np.testing.assert_allclose(found.account_after[0], found.account_after[1])
    one = effect_of(planted, patch("hidden", [2], hidden[7], hidden), rows=[0, 3])
    np.testing.assert_allclose(one.after, found.after, atol=1e-5)


def test_steering_and_clamping_are_linear_here(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    direction = torch.tensor([0.5, 0.0, 1.0, 0.0])
    for scale in (-2.0, 0.0, 3.0):
        found = effect_of(planted, steer("hidden", direction, scale))
        np.testing.assert_allclose(found.after - found.before, 3 * scale, atol=1e-5)
    held = effect_of(planted, clamp("hidden", [2], -1.5, hidden))
    np.testing.assert_allclose(held.after, -4.5, atol=1e-6)
    assert held.words == "unit 2 of hidden clamped to −1.5"


def test_random_directions_of_the_same_length_are_the_control(planted: tuple[Recording, Any]) -> None:
    direction = torch.tensor([0.0, 0.0, 2.0, 0.0])
    found = effect_of(planted, steer("hidden", direction, 1.0))
    # A random direction of length 2 in four dimensions moves the logit by 6 times its third component.
    assert found.controls.shape == (20, 60)
    assert (found.controls.mean(axis=1) < 6).all()
    assert found.above_controls.mean > 1
    generator = np.random.default_rng(0)
    lengths = [
        float((change.edit(torch.zeros(1, 4))).norm())
        for change in (steer("hidden", direction, 1.0).control(generator) for _ in range(5))
    ]
    np.testing.assert_allclose(lengths, 2.0, rtol=1e-5)


def test_a_mean_difference_points_from_one_set_to_the_other(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    x2 = recording.steps["observation"][:60, 2]
    high, low = np.flatnonzero(x2 > 0.3), np.flatnonzero(x2 < -0.3)
    first, second = (layer_values(recording, policy, "hidden", rows) for rows in (high, low))
    direction = mean_difference(first, second)
    assert int(direction.abs().argmax()) == 2
    assert effect_of(planted, steer("hidden", direction, 1.0)).effect.mean > 2
    with pytest.raises(WorkbenchError, match="at least one step"):
        mean_difference(first[:0], second)


def test_observations_are_changed_before_all_else(planted: tuple[Recording, Any]) -> None:
    shown = effect_of(planted, set_number(2, 0.5, "speed"))
    np.testing.assert_allclose(shown.after, 3.0, atol=1e-5)
    assert shown.words == "speed shown as 0.5"
    assert shown.above_controls is None
    assert "no control" in shown.verdict
    flipped = effect_of(planted, change_observation("mirrored", lambda observations: -observations))
    np.testing.assert_allclose(flipped.after, -flipped.before, atol=1e-5)


def test_the_search_finds_the_unit_that_carries_the_difference(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    found = search_patches(recording, policy, 4, 31, target=first_logit(policy))
    assert [layer.layer for layer in found.layers] == ["hidden", "head"]
    layer, unit, effect = found.strongest(1)[0]
    x2 = recording.steps["observation"][:, 2]
    assert effect == pytest.approx(6 * (x2[4] - x2[31]), abs=1e-5)
    assert found.before == pytest.approx(6 * x2[31], abs=1e-5)
    assert found.at_donor == pytest.approx(6 * x2[4], abs=1e-5)
    assert (layer, unit) in {("hidden", "unit 2"), ("head", "unit 0")}
    hidden = found.layers[0]
    # Everything is linear, so that the gradient's estimate is exact.
    np.testing.assert_allclose(hidden.effects, hidden.estimates, atol=1e-5)
    assert hidden.whole == pytest.approx(effect, abs=1e-5)
    assert hidden.correlation == pytest.approx(1.0)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_any_policy_can_be_changed_and_acts(kind: str, tmp_path: Path) -> None:
    recording, policy = record_kind(kind, tmp_path)
    found = search_patches(recording, policy, 2, 9)
    assert found.layers
    assert not set(found.skipped) & {layer.layer for layer in found.layers}
    layer = found.layers[len(found.layers) // 2].layer
    values = layer_values(recording, policy, layer, np.arange(20))
    change = ablate(layer, None, values, how="mean")
    changed = ChangedPolicy(policy, [change])
    assert isinstance(changed, Policy)
    effect = decision_effect(recording, policy, np.arange(20), [change], controls=3)
    assert np.isfinite(effect.after).all()
    behaviour = behaviour_effect(
        policy, [change], lambda: Restricted(policy.observation_space, policy.action_space), episodes=3
    )
    assert behaviour.estimates["length"][0].mean == 5
    untouched = decision_effect(recording, policy, np.arange(20), [steer(layer, torch.zeros(values.shape[1:]), 1.0)])
    np.testing.assert_allclose(untouched.after, untouched.before, atol=1e-6)
    for part in policy.module.modules():
        assert not part._forward_hooks


class Corridor(Restricted):
    """Action 0 earns 1; an episode's observations are drawn from its seed."""

    def step(self, action: Any) -> Any:
        observation, _, terminated, truncated, info = super().step(action)
        return observation, float(action == 0), terminated, truncated, info


def test_behaviour_follows_the_change_and_is_paired_by_seed(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    found = behaviour_effect(
        policy, [clamp("hidden", [2], 50.0, hidden)],
        lambda: Corridor(policy.observation_space, policy.action_space), episodes=20, seed=5,
    )  # fmt: skip
    np.testing.assert_array_equal(found.with_change["return"], 5.0)
    without, with_change, difference = found.estimates["return"]
    assert with_change.mean == 5
    assert difference.above(0)
    assert difference.mean == pytest.approx(5 - without.mean)
    nothing = behaviour_effect(
        policy, [], lambda: Corridor(policy.observation_space, policy.action_space), episodes=6, deterministic=False
    )
    np.testing.assert_array_equal(nothing.without["return"], nothing.with_change["return"])
    assert nothing.words == "nothing"


def test_what_cannot_be_changed_is_said(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", [0, 1])
    for make, expected in (
        (lambda: ablate("hidden", [4], hidden), r"has 4 units.*came \[4\]"),
        (lambda: ablate("hidden", [], hidden), "came none"),
        (lambda: ablate("hidden", [1], hidden, how="hammer"), "'zero', 'mean' or 'resample'"),
        (lambda: patch("hidden", None, torch.zeros(3), hidden), "cannot be put in its place"),
        (lambda: ChangedPolicy(policy, [steer("attic", torch.ones(4), 1.0)]), "has no layer 'attic'"),
        (lambda: effect_of(planted, steer("hidden", torch.ones(3, 1), 1.0)), "a vector of shape"),
        (lambda: effect_of(planted, set_number(9, 0.0)), "A number 9 is set"),
        (lambda: search_patches(recording, policy, 0, 999), "There is no step 999"),
        (lambda: search_patches(recording, policy, 0, 1, layers=["attic"]), "has no layer 'attic'"),
    ):
        with pytest.raises(WorkbenchError, match=expected):
            make()


@pytest.mark.parametrize("kind", ["multi-discrete actions", "multi-binary actions"])
def test_each_component_of_an_action_has_its_own_probabilities(kind: str, tmp_path: Path) -> None:
    recording, policy = record_kind(kind, tmp_path)
    layer = "action_net"
    values = layer_values(recording, policy, layer, np.arange(20))
    direction = torch.zeros(values.shape[1])
    direction[-1] = 1.0
    found = decision_effect(recording, policy, np.arange(20), [steer(layer, direction, 100.0)])
    options = 5 if kind.startswith("multi-discrete") else 6
    assert found.account_after.shape == (20, options)
    # The last option of the last component (the last bit being set) is certain now; other components are as before.
    np.testing.assert_allclose(found.account_after[:, -1], 1.0, atol=1e-6)
    np.testing.assert_allclose(found.account_after[:, :-2], found.account_before[:, :-2], atol=1e-6)
    np.testing.assert_array_equal(found.flipped, found.account_before[:, -1] < 0.5)


def test_where_no_other_units_are_left_random_steps_are_the_control(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    for units in (None, [0, 1, 2]):
        for change in (ablate("hidden", units, hidden), clamp("hidden", units, 0.5, hidden)):
            found = effect_of(planted, change)
            assert len(found.controls) == 20
            moved = (change.edit(hidden) - hidden).norm(dim=1)
            assert change.control is not None
            other = change.control(np.random.default_rng(3))
            went = other.edit(hidden) - hidden
            toward = hidden[int(other.identity)] - hidden  # type: ignore[call-overload]
            if units is not None:
                toward[:, 3] = 0
            there = toward.norm(dim=1) > 0
            torch.testing.assert_close(went.norm(dim=1)[there], moved[there])
            cosine = torch.nn.functional.cosine_similarity(went[there], toward[there])
            torch.testing.assert_close(cosine, torch.ones_like(cosine))
    # Of two units of four there are two others, once.
    assert len(effect_of(planted, ablate("hidden", [0, 2], hidden)).controls) == 1
    two = decision_effect(
        recording,
        policy,
        np.arange(60),
        [patch("hidden", None, hidden[3], hidden), ablate("head", None, hidden[:, :3])],
    )
    assert len(two.controls) == 20


def test_what_is_not_finite_is_refused_and_passes_no_comparison(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    for number in (float("nan"), float("inf"), -float("inf")):
        for make in (
            lambda value: set_number(2, value),
            lambda value: clamp("hidden", [2], value, hidden),
            lambda value: steer("hidden", torch.ones(4), value),
            lambda value: steer("hidden", torch.full((4,), value), 1.0),
            lambda value: project_out("hidden", torch.ones(4), hidden, share=value),
            lambda value: patch("hidden", [2], torch.full((4,), value), hidden),
            lambda value: cover(Rectangle(top=0, left=0, height=1, width=1), value),
        ):
            with pytest.raises(WorkbenchError, match="finite"):
                make(number)
    with pytest.raises(WorkbenchError, match="more than speed can hold"):
        effect_of(planted, set_number(2, 1e39, "speed"))
    # Further than float32 goes: the logit is infinite.
    found = effect_of(planted, steer("hidden", torch.tensor([0.0, 0, 1e18, 0]), 1e21))
    assert (found.undefined, found.chance, found.larger) == (60, None, False)
    assert found.verdict == "undecided: the target is not finite at 60 of 60 steps"


def test_absence_of_evidence_is_said_as_that(planted: tuple[Recording, Any]) -> None:
    hidden = layer_values(*planted, "hidden", np.arange(60))
    change = steer("hidden", torch.tensor([0.0, 1.0, 0.05, 0.0]), 1.0)
    found = effect_of(planted, change)
    assert found.chance is not None
    assert found.chance > 0.05
    told = f"(p = {found.chance:.2g}; 20 controls, the smallest possible is 0.048)"
    assert found.verdict == f"not shown to be larger than random changes of the same size {told}"
    one = effect_of(planted, change, rows=[5])
    assert one.verdict.startswith("not shown to be larger")
    recording, policy = planted
    none = decision_effect(recording, policy, [1], [ablate("hidden", [1], hidden)], controls=0)
    assert none.verdict == "no control was asked for"


def test_intervals_stay_where_means_can_lie(planted: tuple[Recording, Any]) -> None:
    """Of an effect on one step of few, Student's t alone goes below 0, and of a probability beyond 1."""
    recording, policy = planted
    rows = [int(recording.episode(number).rows[0]) for number in range(6)]
    answer = policy.act(np.zeros((1, 5), np.float32), deterministic=True).output
    target = find_target("probability:0", answer, policy.action_space)
    only = change_observation("one", lambda seen: np.where(seen == seen[:1], 9.0, seen).astype(np.float32))
    found = decision_effect(recording, policy, rows, [only], target=target)
    for one, lowest in ((found.effect, -1), (found.size, 0)):
        assert one.low is not None
        assert one.high is not None
        assert lowest <= one.low < one.mean < one.high <= 1
    assert found.size.low == 0
    assert found.size.method.startswith("Student's t, cut off")


def test_resampling_gives_the_same_decision_the_same_donor(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    change = ablate("hidden", [2], hidden, how="resample", seed=1)
    first, second = (effect_of(planted, change).after for _ in range(2))
    np.testing.assert_array_equal(first, second)
    few = effect_of(planted, change, rows=[40, 3])
    np.testing.assert_allclose(few.after, first[[40, 3]], atol=1e-5)
    assert len(set(np.round(first, 3))) > 20


def test_a_direction_is_found_by_expressions_and_steers(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    found = direction_between(recording, policy, "hidden", "observation[2] > 0", "observation[2] < 0")
    x2 = recording.steps["observation"][:, 2]
    assert float(found.vector[2]) == pytest.approx(2 * (x2[x2 > 0].mean() - x2[x2 < 0].mean()), rel=1e-4)
    assert found.steps == (int((x2 > 0).sum()), int((x2 < 0).sum()))
    assert "where observation[2] > 0" in found.words
    assert "a sample of" not in found.words
    others = direction_between(recording, policy, "hidden", "observation[2] > 0")
    np.testing.assert_allclose(others.vector, found.vector, atol=1e-6)
    scales = (-2.0, 0.0, 1.0)
    effects = sweep_scales(
        recording, policy, np.arange(60), "hidden", found.vector, scales, target=first_logit(policy), controls=9
    )
    for scale, effect in zip(scales, effects, strict=True):
        np.testing.assert_allclose(effect.after - effect.before, 3 * scale * float(found.vector[2]), atol=1e-4)
    assert effects[0].chance == 0.1
    for toward, message in {"t >= 0": "at every step", "t < 0": "holds at none"}.items():
        with pytest.raises(WorkbenchError, match=message):
            direction_between(recording, policy, "hidden", toward)
    with pytest.raises(WorkbenchError, match="same mean over both sets"):
        direction_between(recording, policy, "hidden", "t == 0", "t == 0")
    with pytest.raises(WorkbenchError, match="at least one scale"):
        sweep_scales(recording, policy, [0], "hidden", found.vector, [])


def test_what_another_agent_gave_is_patched_in(planted: tuple[Recording, Any]) -> None:
    """The first logit is three times the other agent's unit, whatever this one saw."""
    recording, policy = planted
    other = two_layers()
    with torch.no_grad():
        other.module.hidden.weight[2, 2] = -5.0
    theirs = layer_values(recording, other, "hidden", [9])
    own = layer_values(recording, policy, "hidden", np.arange(60))
    found = effect_of(planted, patch("hidden", [2], theirs[0], own, source="step 9 of another agent"))
    np.testing.assert_allclose(found.after, 3 * -5 * recording.steps["observation"][9, 2], rtol=1e-5)
    assert found.words == "unit 2 of hidden patched from step 9 of another agent"


def test_a_number_shown_is_compared_with_the_same_number_elsewhere(planted: tuple[Recording, Any]) -> None:
    recording, _ = planted
    like = recording.steps["observation"][:60]
    change = set_number(2, 0.9, like=like)
    found = effect_of(planted, change)
    np.testing.assert_allclose(found.after, 5.4, atol=1e-5)
    present = like[:, 2].astype(np.float64)
    far = np.abs(0.9 - present).mean()
    # Each control is the number at a recorded value that is not near 0.9, and no value comes twice.
    assert change.control is not None
    generator = np.random.default_rng(0)
    shown = [change.control(generator) for _ in range(300)]
    values = {float(np.asarray(one.edit(like))[0, 2]) for one in shown if one is not None}
    assert values <= {float(value) for value in like[:, 2]}
    assert min(abs(value - 0.9) for value in values) >= far / 2
    left = [value for value in np.unique(present) if abs(value - 0.9) >= far / 2]
    distances = {value: abs(np.abs(value - present).mean() - far) for value in left}
    assert values == set(sorted(left, key=distances.__getitem__)[: max(20, (len(left) + 1) // 2)])
    everything = decision_effect(*planted, np.arange(60), [change], target=first_logit(planted[1]), controls=500)
    assert len(everything.controls) == len(values)


def test_a_number_of_two_values_has_one_control(planted: tuple[Recording, Any]) -> None:
    like = np.repeat(np.array([[0.0, 0, 0, 0, 0], [0, 0, 1, 0, 0]], np.float32), 30, axis=0)
    found = effect_of(planted, set_number(2, 1.0, like=like))
    assert len(found.controls) == 1
    assert found.chance is not None
    assert found.chance >= 0.5


def test_projecting_out_leaves_the_mean_and_mirroring_turns_it(planted: tuple[Recording, Any]) -> None:
    recording, policy = planted
    hidden = layer_values(recording, policy, "hidden", np.arange(60))
    x2 = recording.steps["observation"][:60, 2]
    direction = torch.tensor([0.0, 0.0, 7.0, 0.0])
    found = effect_of(planted, project_out("hidden", direction, hidden))
    np.testing.assert_allclose(found.after, 6 * x2.mean(), atol=1e-4)
    assert found.chance == 1 / 21
    mirrored = effect_of(planted, project_out("hidden", direction, hidden, share=2))
    np.testing.assert_allclose(mirrored.after, 6 * (2 * x2.mean() - x2), atol=1e-4)
    with pytest.raises(WorkbenchError, match="that shape and some length"):
        project_out("hidden", torch.zeros(4), hidden)


def test_controls_move_the_layer_as_far_as_what_they_stand_beside() -> None:
    """Of a layer whose numbers vary by very different amounts."""
    generator = np.random.default_rng(0)
    like = torch.as_tensor(generator.normal(size=(500, 64)) * (5 / (1 + np.arange(64))), dtype=torch.float32)
    change = project_out("x", torch.eye(64)[0], like)
    moved = float((change.edit(like) - like).norm(dim=1).mean())
    for _ in range(10):
        assert change.control is not None
        control = change.control(generator)
        assert float((control.edit(like) - like).norm(dim=1).mean()) == pytest.approx(moved, rel=1e-4)


def test_a_sample_of_steps_is_called_one(planted: tuple[Recording, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    recording, policy = planted
    monkeypatch.setattr("workbench.analyses.intervention.directions.MOST_STEPS", 5)
    found = direction_between(recording, policy, "hidden", "observation[2] > 0")
    count = int((recording.steps["observation"][:, 2] > 0).sum())
    assert found.there[0] == count
    assert f"(a sample of 5 of {count} steps, of " in found.words


def test_steering_toward_an_action_is_measured_by_that_action(planted: tuple[Recording, Any], tmp_path: Path) -> None:
    recording, policy = planted
    found = target_toward(recording, policy, " action == 2 ")
    assert found is not None
    assert found.name == "log_odds:2"
    for other in ("action == 7", "action != 2", "action == 2 and t > 3", "observation[2] == 1"):
        assert target_toward(recording, policy, other) is None
    parts = record_kind("multi-discrete actions", tmp_path)
    one = target_toward(*parts, "action[1] == 1")
    assert one is not None
    assert one.name == "log_odds:1.1"
    assert target_toward(*record_kind("gaussian", tmp_path / "c"), "action == 1") is None


class HandsOn(nn.Module):
    """Flattens, and has an activation behind its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.hidden, self.bent, self.head = nn.Flatten(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)


def test_a_search_names_units_once_and_leaves_out_the_observation(tmp_path: Path) -> None:
    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        logits = module.head(module.bent(module.hidden(module.flat(inputs))))
        return PolicyOutput(logits=logits, value=logits[:, 0])

    torch.manual_seed(0)
    policy = ModulePolicy(HandsOn(), spaces.Box(-1.0, 1.0, (5,), np.float32), spaces.Discrete(3), forward=forward)
    recording = record_policy(policy, tmp_path / "x.zarr", episodes=3)
    found = search_patches(recording, policy, 1, 9)
    assert [one.layer for one in found.layers] == ["hidden", "bent", "head"]
    assert "hands the observation on" in found.skipped["flat"]
    assert found.same == {"hidden": ("bent",), "head": ()}
    strongest = found.strongest(20)
    assert len(strongest) == 4 + 3
    assert {layer for layer, _, _ in strongest} == {"hidden and bent", "head"}
    assert [one.layer for one in search_patches(recording, policy, 1, 9, layers=["flat"]).layers] == ["flat"]


def test_what_a_continuous_agent_does_is_told(tmp_path: Path) -> None:
    recording, policy = record_kind("gaussian", tmp_path)
    found = decision_effect(recording, policy, [2, 5], [set_number(0, 0.7)])
    assert found.account == "mean"
    assert found.actions_before is not None
    assert found.actions_after is not None
    low, high = policy.action_space.low, policy.action_space.high
    np.testing.assert_allclose(found.actions_before, np.clip(recording.steps["mean"][[2, 5]], low, high), atol=1e-5)
    assert ((found.actions_after >= low) & (found.actions_after <= high)).all()
    assert found.log_odds_before is None
    assert found.options == tuple(f"component {place}" for place in range(found.account_before.shape[1]))
