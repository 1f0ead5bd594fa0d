"""Policies whose right explanation is known by construction, and formulas with published numbers."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.ndimage import gaussian_filter

from tests.analyses.saliency.cases import PATCH, WEIGHTS, linear, one_patch, planted, record_policy
from workbench.analyses.saliency import Case, possible_methods, prepare, saliency
from workbench.analyses.saliency.baselines import baseline_values
from workbench.analyses.saliency.blurring import gaussian_blur
from workbench.analyses.saliency.regions import default_regions
from workbench.analyses.saliency.sarfa import categorical_score, harmonic_mean
from workbench.errors import WorkbenchError
from workbench.policies import ModulePolicy, PolicyOutput

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def linear_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    policy = linear()
    recording = record_policy(policy, tmp_path_factory.mktemp("linear") / "x.zarr")
    return prepare(recording, [0, 4, 11], policy=policy, target="logit:0")


def effects(case: Case) -> np.ndarray:
    """What each number contributes to the first logit, against the baseline."""
    baseline = baseline_values(case.setting.baseline, case.question, case.setting.background)
    return ((case.question.values[""] - baseline[""]) * WEIGHTS[0]).numpy()


@pytest.mark.parametrize("method", ["integrated_gradients", "deep_lift", "feature_ablation", "kernel_shap"])
def test_of_a_linear_policy_every_attribution_is_the_weights_answer(linear_case: Case, method: str) -> None:
    maps = saliency(linear_case, method)
    np.testing.assert_allclose(maps.values[""], effects(linear_case), atol=1e-5)


def test_of_a_linear_policy_gradients_are_its_weights(linear_case: Case) -> None:
    for method in ("gradient", "smooth_grad"):
        np.testing.assert_allclose(saliency(linear_case, method).values[""], WEIGHTS[:1].expand(3, -1), atol=1e-5)
    times = saliency(linear_case, "gradient_times_input").values[""]
    np.testing.assert_allclose(times, linear_case.question.values[""] * WEIGHTS[0], atol=1e-6)


def test_expected_gradients_are_the_mean_over_the_background(linear_case: Case) -> None:
    maps = saliency(linear_case, "expected_gradients", draws=4000)
    others = linear_case.setting.background.draw(linear_case.question, 4000, linear_case.setting.seed)[""]
    expected = (linear_case.question.values[""] - others.mean(dim=1)) * WEIGHTS[0]
    np.testing.assert_allclose(maps.values[""], expected, atol=1e-4)


def test_rise_converges_to_the_linear_effects(linear_case: Case) -> None:
    """Its error falls with the root of the number of masks: five standard errors are allowed."""
    truth = effects(linear_case)
    for masks in (1_000, 16_000):
        found = saliency(linear_case, "rise", masks=masks).values[""]
        # A slope's variance: that of the other numbers' contributions, p(1 − p) Σ c², over N p(1 − p).
        error = np.sqrt((truth**2).sum(axis=1, keepdims=True) / masks)
        assert (np.abs(found - truth) <= 5 * error).all()


def test_shapley_values_are_those_of_all_orders(tmp_path: Path) -> None:
    """Against the definition: the mean over all 4! orders of what a number adds when it comes."""

    def formula(x: torch.Tensor) -> torch.Tensor:
        first = x[:, 0] * x[:, 1] + torch.relu(x[:, 2] - x[:, 0]) + x[:, 3] ** 2 * x[:, 1]
        return torch.stack([first, 0 * first, 0 * first], dim=1)

    policy = planted(spaces.Box(-1.0, 1.0, (4,), np.float32), formula)
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), [3, 6], policy=policy, target="logit:0")
    found = saliency(case, "kernel_shap")
    assert found.facts["exact"]
    x, b = case.question.values[""], baseline_values("mean", case.question, case.setting.background)[""]
    for place in range(2):
        truth = np.zeros(4)
        for order in itertools.permutations(range(4)):
            value = b[place].clone()
            for number in order:
                before = formula(value[None])[0, 0]
                value[number] = x[place, number]
                truth[number] += float(formula(value[None])[0, 0] - before) / math.factorial(4)
        np.testing.assert_allclose(found.values[""][place], truth, atol=1e-5)


def test_drawn_coalitions_come_near_the_exact_values(tmp_path: Path) -> None:
    """Twelve numbers are too many to ask for all coalitions; their pairs' products have known Shapley values."""

    def formula(x: torch.Tensor) -> torch.Tensor:
        first = (x[:, :6] * x[:, 6:]).sum(dim=1)
        return torch.stack([first, 0 * first, 0 * first], dim=1)

    policy = planted(spaces.Box(-1.0, 1.0, (12,), np.float32), formula)
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), [3], policy=policy, target="logit:0", baseline="zero")
    found = saliency(case, "kernel_shap", coalitions=4000)
    assert not found.facts["exact"]
    half = (case.question.values[""][:, :6] * case.question.values[""][:, 6:]) / 2
    np.testing.assert_allclose(found.values[""], torch.cat([half, half], dim=1), atol=0.05)
    np.testing.assert_allclose(found.regions.sum(axis=1), found.facts["difference"], atol=1e-6)


def test_integrated_gradients_take_as_many_points_as_completeness_needs(tmp_path: Path) -> None:
    def formula(x: torch.Tensor) -> torch.Tensor:
        first = torch.relu(40 * x[:, 0] - 3) + 5 * torch.sigmoid(30 * x[:, 1]) + x[:, 2]
        return torch.stack([first, 0 * first, 0 * first], dim=1)

    policy = planted(spaces.Box(-1.0, 1.0, (3,), np.float32), formula)
    recording = record_policy(policy, tmp_path / "x.zarr", episodes=8)
    case = prepare(recording, np.arange(40), policy=policy, target="logit:0", baseline="zero")
    maps = saliency(case, "integrated_gradients")
    assert (maps.facts["completeness_gap"] <= 0.01).all()
    assert len(set(maps.facts["points"].tolist())) > 3
    x = case.question.values[""].numpy().astype(np.float64)
    # The formula is a sum of functions of one number each: each gets the whole of its own.
    truth = np.stack([np.maximum(40 * x[:, 0] - 3, 0), 5 / (1 + np.exp(-30 * x[:, 1])) - 2.5, x[:, 2]], axis=1)
    tight = saliency(case, "integrated_gradients", largest_gap=1e-4)
    assert (tight.facts["points"] >= maps.facts["points"]).all()
    assert np.abs(tight.values[""] - truth).max() < np.abs(maps.values[""] - truth).max()
    np.testing.assert_allclose(tight.values[""], truth, atol=0.02 * np.abs(truth).max())


PERTURBING = ("occlusion", "blur", "blur_policy", "sarfa", "feature_ablation", "rise", "kernel_shap")


@pytest.fixture(scope="module")
def patch_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    policy = one_patch()
    recording = record_policy(policy, tmp_path_factory.mktemp("patch") / "x.zarr")
    return prepare(
        recording, [0, 4, 11], policy=policy, target="logit:0", patch=8, options={"masks": 400, "coalitions": 400}
    )


def test_every_method_finds_the_patch_that_decides(patch_case: Case) -> None:
    """The region that is the patch comes first, and whatever lies outside it gets nothing but what smoothing spills."""
    place = patch_case.setting.regions.names.index("row 8, column 24")
    can = [method for method, why_not in possible_methods(patch_case).items() if why_not is None]
    assert set(PERTURBING) <= set(can)
    for method in can:
        maps = saliency(patch_case, method)
        strength = np.abs(maps.regions)
        found = strength.argmax(axis=1) == place
        # SARFA gives nothing where blurring happens to speak for the action.
        assert (found | (strength.max(axis=1) < 0.02)).all() if method == "sarfa" else found.all(), method
        if method not in ("blur", "blur_policy", "sarfa", "rise"):
            others = np.delete(strength, place, axis=1)
            assert others.max() <= 1e-5 * max(1.0, strength.max()), method


def test_the_picture_shows_where_it_is(patch_case: Case) -> None:
    picture = saliency(patch_case, "integrated_gradients").picture()
    assert picture.shape == (3, 40, 40)
    inside = np.zeros((40, 40), bool)
    inside[PATCH] = True
    assert np.abs(picture[:, inside]).min() > 0
    assert np.abs(picture[:, ~inside]).max() == 0


def test_windows_that_overlap_are_averaged(patch_case: Case) -> None:
    """Each pixel has the mean over the windows that cover it of their effect, shared by their 8 × 8 × 3 numbers."""
    picture = saliency(patch_case, "occlusion", window=8, stride=4).picture() / 3
    x = patch_case.question.values[""]
    baseline = baseline_values("mean", patch_case.question, patch_case.setting.background)[""]
    index = torch.arange(3)
    whole = patch_case.question({"": x}, index)
    for row, column in ((12, 28), (9, 25), (3, 3), (17, 30)):
        shares = []
        for top in range(0, 33, 4):
            for left in range(0, 33, 4):
                if top <= row < top + 8 and left <= column < left + 8:
                    changed = x.clone()
                    changed[:, :, top : top + 8, left : left + 8] = baseline[:, :, top : top + 8, left : left + 8]
                    shares.append((whole - patch_case.question({"": changed}, index)) / (8 * 8 * 3))
        expected = torch.stack(shares).mean(dim=0).detach()
        np.testing.assert_allclose(picture[:, row, column], expected, atol=1e-7)


def test_blurring_is_scipys(patch_case: Case) -> None:
    images = np.random.default_rng(0).random((2, 3, 17, 23)).astype(np.float32)
    for sigma in (0.8, 3.0, 6.0):
        expected = [[gaussian_filter(channel, sigma) for channel in image] for image in images]
        np.testing.assert_allclose(gaussian_blur(torch.as_tensor(images), sigma), expected, atol=1e-5)


def test_sarfa_gives_the_published_scores() -> None:
    specific = torch.tensor([0.2717232228, 0.1149698757, 0.8487425172], dtype=torch.float64)
    relevant = torch.tensor([0.3090562093, 0.8184014043, 0.3872760963], dtype=torch.float64)
    expected = [0.2891898183, 0.2016164623, 0.5318652733]
    np.testing.assert_allclose(harmonic_mean(specific, relevant), expected, atol=1e-9)


def test_sarfa_excludes_the_chosen_action_and_renormalises() -> None:
    before = torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    after = torch.tensor([[0.4, 0.36, 0.24], [0.4, 0.2, 0.4], [0.6, 0.2, 0.2]])
    found = categorical_score(before, after, torch.tensor([0, 0, 0]))
    # The first perturbation moves the others alike: KL is 0, K is 1. The last one speaks for the action: 0.
    divergence = 0.6 * math.log(0.6 / (1 / 3)) + 0.4 * math.log(0.4 / (2 / 3))
    relevance = 1 / (1 + divergence)
    np.testing.assert_allclose(found, [2 * 0.1 / 1.1, 2 * 0.1 * relevance / (0.1 + relevance), 0.0], atol=1e-6)


def test_a_number_that_never_matters_gets_nothing_from_sarfa(linear_case: Case) -> None:
    maps = saliency(linear_case, "sarfa")
    assert (maps.regions >= 0).all()
    assert (maps.regions <= 1).all()


def test_regions_share_and_gather_without_loss(linear_case: Case) -> None:
    regions = default_regions(linear_case.question)
    assert regions.names == tuple(f"number {i}" for i in range(5))
    ones = {"": torch.ones(3, 5)}
    np.testing.assert_array_equal(regions.sums(ones), np.ones((3, 5)))


@pytest.mark.parametrize("baseline", ["blurred"])
def test_a_baseline_that_means_nothing_here_says_so(linear_case: Case, baseline: str, tmp_path: Path) -> None:
    policy = linear()
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), 0, policy=policy, baseline=baseline)
    with pytest.raises(WorkbenchError, match="is for images"):
        saliency(case, "integrated_gradients")


def test_wrong_names_say_what_there_is(tmp_path: Path) -> None:
    policy = linear()
    recording = record_policy(policy, tmp_path / "x.zarr")
    for wrong, expected in (
        ({"target": "q"}, "no q_values.*value"),
        ({"target": "taste"}, "expected one of"),
        ({"target": "logit:7"}, "numbered 0 to 2"),
        ({"layer": "attic"}, "has no layer 'attic'"),
        ({"baseline": "grey"}, "there are: zero"),
        ({"batch_size": 0}, "at least one row"),
    ):
        with pytest.raises(WorkbenchError, match=expected):
            prepare(recording, 0, policy=policy, **wrong)
    with pytest.raises(WorkbenchError, match="There is no step 99"):
        prepare(recording, 99, policy=policy)
    with pytest.raises(WorkbenchError, match="there are: gradient"):
        saliency(prepare(recording, 0, policy=policy), "astrology")
    with pytest.raises(WorkbenchError, match="not differentiable"):
        saliency(prepare(recording, 0, policy=policy, target=lambda output: output.logits.argmax(dim=1).float()))
    with pytest.raises(WorkbenchError, match="one number a row"):
        prepare(recording, 0, policy=policy, target=lambda output: output.logits).question.evaluate(
            prepare(recording, 0, policy=policy).question.values, torch.zeros(1, dtype=torch.int64)
        )


class Remembering(torch.nn.Module):
    """The first logit is the sum over the episode of `2 x₀ − x₁`: each observation counts alike, whenever it came."""

    def policy_output(self, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        total = state["total"] + (inputs @ torch.tensor([2.0, -1.0, 0.0]))[:, None]
        if starts is not None:
            total = torch.where(starts.bool()[:, None], total - state["total"], total)
        zeros = torch.zeros_like(total)
        return PolicyOutput(logits=torch.cat([total, zeros, zeros], dim=1), value=total[:, 0], state={"total": total})


def test_attribution_reaches_back_through_the_memory(tmp_path: Path) -> None:
    space = spaces.Box(-1.0, 1.0, (3,), np.float32)
    policy = ModulePolicy(
        Remembering(),
        space,
        spaces.Discrete(3),
        forward=lambda module, inputs, state, starts: module.policy_output(inputs, state, starts),
        initial_state=lambda count: {"total": torch.zeros(count, 1)},
    )
    recording = record_policy(policy, tmp_path / "x.zarr")
    rows = np.concatenate([recording.episode(1).rows[[0, 1, 4]], recording.episode(2).rows[[3]]])
    case = prepare(recording, rows, policy=policy, target="logit:0", baseline="zero", window=4)
    assert case.question.decisions.largest_disagreement() < 1e-6
    assert set(case.question.values) == {"", "@-1", "@-2", "@-3"}
    # Four observations, and those before them in the memory that the window starts with.
    numbers = case.question(case.question.values, torch.arange(4)).detach().numpy()
    np.testing.assert_allclose(numbers, recording.steps["logits"][:][rows, 0], atol=1e-6)
    weights = np.array([2.0, -1.0, 0.0])
    exists = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]])
    for method in ("gradient", "integrated_gradients", "feature_ablation", "kernel_shap"):
        maps = saliency(case, method, **({"coalitions": 4000} if method == "kernel_shap" else {}))
        for lag, key in enumerate(("", "@-1", "@-2", "@-3")):
            there = exists[:, lag : lag + 1]
            x = case.question.values[key].numpy()
            expected = weights * there if method == "gradient" else weights * x
            # KernelSHAP draws its coalitions here: of a sum, any enough of them give the exact values.
            np.testing.assert_allclose(maps.values[key], np.broadcast_to(expected, x.shape), atol=1e-4)
    film = saliency(case, "gradient").film()
    assert film.shape == (4, 4, 3)
    np.testing.assert_allclose(film[2, 0], np.abs(weights), atol=1e-6)
    assert case.setting.regions.names[3] == "1 step before: number 0"
    with pytest.raises(WorkbenchError, match="exclude each other"):
        prepare(recording, rows, policy=policy, window=2, layer="Remembering")
    with pytest.raises(WorkbenchError, match="at least the decision's own"):
        prepare(recording, rows, policy=policy, window=0)


def test_a_frame_stack_is_a_film(tmp_path: Path) -> None:
    """Of four stacked frames, the second and the last decide."""

    def formula(x: torch.Tensor) -> torch.Tensor:
        first = x[:, 1].mean(dim=(1, 2)) + 3 * x[:, 3].mean(dim=(1, 2))
        return torch.stack([first, 0 * first, 0 * first], dim=1)

    policy = planted(spaces.Box(0, 255, (4, 20, 20), np.uint8), formula)
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), [0, 3], policy=policy, target="logit:0")
    film = saliency(case, "gradient").film(stack=4)
    assert film.shape == (2, 4, 20, 20)
    np.testing.assert_allclose(film.sum(axis=(2, 3)), np.tile([0, 1, 0, 3], (2, 1)), atol=1e-5)
    with pytest.raises(WorkbenchError, match="do not divide into 3"):
        saliency(case, "gradient").film(stack=3)


def test_errors_that_cancel_in_the_sum_are_found(tmp_path: Path) -> None:
    """σ(40(x₀ − ½)) − σ(40(x₁ − ½)) from (0, 0) to (1, 1): nothing in all, and ±1 for the two numbers."""

    def formula(x: torch.Tensor) -> torch.Tensor:
        first = torch.sigmoid(40 * (x[:, 0] - 0.5)) - torch.sigmoid(40 * (x[:, 1] - 0.5))
        return torch.stack([first, 0 * first, 0 * first], dim=1)

    policy = planted(spaces.Box(1.0, 1.0, (2,), np.float32), formula)
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), 0, policy=policy, target="logit:0", baseline="zero")
    maps = saliency(case, "integrated_gradients")
    np.testing.assert_allclose(maps.values[""], [[1.0, -1.0]], atol=0.06)
    assert maps.facts["change"][0] <= 0.05


def test_a_jump_ends_the_halving(tmp_path: Path) -> None:
    def formula(x: torch.Tensor) -> torch.Tensor:
        first = x[:, 0] + (x[:, 1] > 0.1).float()
        return torch.stack([first, 0 * first, 0 * first], dim=1)

    policy = planted(spaces.Box(0.5, 1.0, (2,), np.float32), formula)
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), 0, policy=policy, target="logit:0", baseline="zero")
    assert saliency(case, "integrated_gradients").facts["points"][0] < 100


def test_magnitudes_of_a_region_do_not_cancel(tmp_path: Path) -> None:
    """Two neighbouring pixels count with opposite signs: their patch matters most, whatever its gradients add up to."""

    def formula(x: torch.Tensor) -> torch.Tensor:
        first = 10 * (x[:, 0, 0, 0] - x[:, 0, 0, 1]) / 255 + 0.01 * x[:, 0, 30, 30] / 255
        return torch.stack([first, 0 * first, 0 * first], dim=1)

    policy = planted(spaces.Box(0, 255, (3, 40, 40), np.uint8), formula)
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), [0, 5], policy=policy, target="logit:0", patch=8)
    for method in ("gradient", "smooth_grad"):
        maps = saliency(case, method)
        assert (maps.regions.argmax(axis=1) == 0).all()
        assert maps.picture().min() >= 0


def test_a_module_that_works_in_place_changes_no_explanation(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(inplace=True), torch.nn.Linear(6, 3))
    policy = ModulePolicy(
        network,
        spaces.Box(-1.0, 1.0, (4,), np.float32),
        spaces.Discrete(3),
        forward=lambda module, inputs, state, starts: PolicyOutput(logits=module(inputs), value=inputs[:, 0]),
    )
    recording = record_policy(policy, tmp_path / "x.zarr")
    case = prepare(recording, [0, 5], policy=policy, layer="0")
    before = {name: tensor.clone() for name, tensor in case.question.values.items()}
    for method in ("feature_ablation", "integrated_gradients", "gradient"):
        saliency(case, method)
    assert torch.equal(case.question.values["0"], before["0"])


def test_a_forced_action_has_nothing_to_explain() -> None:
    """Options that a mask forbids count as absent; where one alone is left, the log-odds are 0."""
    from workbench.analyses.targets import find_target

    logits = torch.tensor([[0.3, -1e8, -1e8], [1.0, -1e8, 0.0], [1.0, 2.0, 3.0]])
    output = PolicyOutput(logits=logits, value=torch.zeros(3))
    target = find_target("log_odds", output, spaces.Discrete(3))
    found = target(output, torch.tensor([[0], [0], [0]]))
    expected = [0.0, 1.0, 1 - math.log(math.exp(2) + math.exp(3))]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_actions_are_found_by_number_name_and_place() -> None:
    from workbench.analyses.targets import find_target, offered_targets

    output = PolicyOutput(logits=torch.tensor([[0.0, 1.0, 2.0]]), value=torch.zeros(1))
    shifted = spaces.Discrete(3, start=-1)
    taken = torch.tensor([[-1]])
    for text, expected in (("logit:-1", 0.0), ("logit:1", 2.0), ("difference:1--1", 2.0), ("difference:--1", 0.0)):
        assert float(find_target(text, output, shifted)(output, taken)) == expected
    assert len(offered_targets(output, shifted)) > 5
    named = find_target("difference:go-left-stay", output, spaces.Discrete(3), ["go-left", "stay", "go-right"])
    assert float(named(output, torch.tensor([[0]]))) == -1.0
    assert named.words == '"go-left" rather than "stay"'


def test_unknown_or_impossible_options_are_said(linear_case: Case) -> None:
    for method, options, expected in (
        ("rise", {"maks": 3}, "There is no option 'maks'.*keep, masks"),
        ("rise", {"masks": 0}, "whole number of at least 1"),
        ("rise", {"keep": 1.0}, "between 0 and 1"),
        ("expected_gradients", {"draws": 0}, "whole number"),
        ("integrated_gradients", {"most_points": "x"}, "whole number"),
        ("gradient", {"copies": 2}, "there are: none"),
    ):
        with pytest.raises(WorkbenchError, match=expected):
            saliency(linear_case, method, **options)


def test_a_kink_that_no_halving_resolves_ends_the_refinement(tmp_path: Path) -> None:
    """The gradient jumps at one point of the path and is the same everywhere else; no gap can be asked for."""

    def formula(x: torch.Tensor) -> torch.Tensor:
        first = 1e3 * torch.relu(x[:, 0] - 0.3)
        return torch.stack([first, 0 * first, 0 * first], dim=1)

    policy = planted(spaces.Box(0.5, 1.0, (2,), np.float32), formula)
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), [0, 3], policy=policy, target="logit:0", baseline="zero")
    maps = saliency(case, "integrated_gradients", largest_gap=0, largest_change=0)
    x = case.question.values[""].numpy()
    np.testing.assert_allclose(maps.values[""][:, 0], 1e3 * (x[:, 0] - 0.3), rtol=1e-3)
    assert (maps.facts["points"] < 100).all()
