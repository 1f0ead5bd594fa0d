"""The evidence beside a map says yes where the map is right by construction, and no where it is wrong."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.stats import spearmanr

from tests.analyses.saliency.cases import linear, planted, record_kind, record_policy
from workbench.analyses.intervals import estimate, rank_correlation, ranks
from workbench.analyses.saliency import Case, SaliencyMaps, prepare, saliency
from workbench.analyses.saliency.baselines import baseline_values
from workbench.analyses.saliency.causal import causal_check
from workbench.analyses.saliency.evidence import evidence
from workbench.analyses.saliency.fidelity import default_k, fidelity
from workbench.analyses.saliency.orders import order_of
from workbench.analyses.saliency.sanity import agreement, parametric_layers, sanity_check, stability
from workbench.errors import WorkbenchError
from workbench.policies import ModulePolicy, PolicyOutput

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    policy = linear()
    recording = record_policy(policy, tmp_path_factory.mktemp("evidence") / "x.zarr", episodes=12)
    return prepare(recording, np.arange(60), policy=policy, target="logit:0")


@pytest.fixture(scope="module")
def right(case: Case) -> SaliencyMaps:
    return saliency(case, "integrated_gradients")


def shuffled(maps: SaliencyMaps) -> SaliencyMaps:
    """A map that is wrong: the right one's numbers dealt at random."""
    return dataclasses.replace(maps, regions=np.random.default_rng(0).permuted(maps.regions, axis=1))


def test_fidelity_of_the_right_map_is_the_best_there_is(case: Case, right: SaliencyMaps) -> None:
    """Of a sum of independent contributions the best order is that of the contributions, whose curve is known."""
    found = fidelity(case, right)
    contributions = -np.sort(-right.regions, axis=1)
    expected = np.concatenate([np.zeros((60, 1)), -np.cumsum(contributions, axis=1)], axis=1)
    np.testing.assert_allclose(found.curves["map"].deletion, expected, atol=1e-4)
    np.testing.assert_allclose(found.curves["map"].insertion, expected[:, -1:] - expected, atol=1e-4)
    np.testing.assert_allclose(found.shares, np.linspace(0, 1, 6))
    assert found.deletion_below_random.above(0)
    assert found.insertion_above_random.above(0)
    assert found.verdict.startswith("finds what matters")
    for control in ("random", "input"):
        assert (found.curves["map"].deletion_area <= found.curves[control].deletion_area + 1e-6).all()
    assert found.deletion.steps == 60
    assert found.deletion.episodes == 12


def test_fidelity_of_a_wrong_map_is_that_of_chance(case: Case, right: SaliencyMaps) -> None:
    found = fidelity(case, shuffled(right))
    assert not found.deletion_below_random.above(0)
    assert found.verdict == "not shown to be better than chance"


def test_fidelity_of_magnitudes_asks_for_change_either_way(case: Case) -> None:
    maps = saliency(case, "gradient")
    found = fidelity(case, maps)
    assert (found.curves["map"].deletion <= 0).all()
    np.testing.assert_array_equal(order_of(maps)[:, 0], np.full(60, 4))


def test_aim_and_aum_count_decisions_that_stay(tmp_path: Path) -> None:
    """Only number 1 decides, by its sign: masked, the first action is taken always; alone, nothing changes."""

    def formula(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([0 * x[:, 1], x[:, 1], -1 + 0 * x[:, 1]], dim=1)

    policy = planted(spaces.Box(-1.0, 1.0, (6,), np.float32), formula)
    case = prepare(
        record_policy(policy, tmp_path / "x.zarr", 20), np.arange(100), policy=policy, target="difference:1-0"
    )
    maps = saliency(case, "gradient")
    found = fidelity(case, maps, k=1)
    stays = (case.question.values[""][:, 1] <= 0).double().mean()
    assert found.aim.mean == pytest.approx(float(stays))
    assert found.aum.mean == 1.0
    assert found.aum_random.mean < 0.8
    assert found.k == 1


def test_the_causal_check_confirms_the_right_map_and_not_a_wrong_one(case: Case, right: SaliencyMaps) -> None:
    found = causal_check(case, right, donors=40)
    # |w (x − b)| against E|w (x − x')|: the weights' ranks are shared, the place of x is not.
    assert found.correlation.above(0.5)
    assert found.above_shuffled.above(0)
    assert "with what intervening does" in found.verdict
    assert abs(found.shuffled.mean) < 0.1
    assert found.effects.shape == (60, 5)
    assert (found.effects[:, 2] == 0).all()
    wrong = causal_check(case, shuffled(right), donors=40)
    assert not wrong.above_shuffled.above(0.2)


def test_the_effects_are_those_of_patching(case: Case, right: SaliencyMaps) -> None:
    found = causal_check(case, right, donors=3)
    weights = torch.tensor([1.0, -2.0, 0.0, 0.5, 3.0])
    others = case.setting.background.draw(case.question, 3, case.setting.seed + 3)[""]
    expected = ((case.question.values[""][:, None] - others) * weights).abs().mean(dim=1)
    np.testing.assert_allclose(found.effects, expected, atol=1e-5)


def test_a_map_that_depends_on_the_weights_is_not_flagged(tmp_path: Path) -> None:
    """What was learned here is that the first inputs count more: gradients say so, and no longer when all is random."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(12, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
    with torch.no_grad():
        network[0].weight.mul_(10.0 ** (-torch.arange(12) / 3.0))
    policy = ModulePolicy(
        network,
        spaces.Box(-1.0, 1.0, (12,), np.float32),
        spaces.Discrete(3),
        forward=lambda module, inputs, state, starts: PolicyOutput(logits=module(inputs), value=inputs[:, 0]),
    )
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), [0, 6, 11, 18], policy=policy, target="logit:0")
    weights = {name: tensor.clone() for name, tensor in policy.module.state_dict().items()}
    found = sanity_check(case, saliency(case, "gradient"))
    assert found.stages == ("2", "0")
    assert np.nanmean(found.similarities[0]) > 0.9
    assert found.similarity.mean < 0.4
    assert not found.flagged
    assert found.verdict.startswith("depends on the weights")
    for name, tensor in policy.module.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_a_policy_whose_weights_do_not_matter_is_flagged(tmp_path: Path) -> None:
    """The only weight scales all logits alike: whatever it is, a gradient's order over the numbers stays."""
    policy = linear()
    scale = torch.nn.Linear(1, 1, bias=False)
    policy.module.all_alike = scale
    plain = policy._forward

    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        output = plain(module, inputs, state, starts)
        return PolicyOutput(logits=module.all_alike(output.logits.unsqueeze(-1))[..., 0], value=output.value)

    policy._forward = forward
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), [0, 6, 12], policy=policy, target="logit:0")
    found = sanity_check(case, saliency(case, "gradient"))
    assert found.stages == ("all_alike",)
    assert found.flagged
    assert found.similarity.mean == pytest.approx(1.0)


def test_layers_are_randomised_from_the_output_backwards(tmp_path: Path) -> None:
    recording, policy = record_kind("q-values", tmp_path)
    case = prepare(recording, [0], policy=policy)
    assert parametric_layers(case.question) == ["q_net.q_net.4", "q_net.q_net.2", "q_net.q_net.0"]


def test_a_linear_policy_is_perfectly_stable(case: Case) -> None:
    found = stability(case, saliency(case, "gradient"))
    assert found.similarity.mean == pytest.approx(1.0)
    noisy = stability(case, saliency(case, "gradient_times_input"), noise=3.0)
    assert noisy.similarity.mean < 0.9


def test_methods_agree_where_they_must(case: Case, right: SaliencyMaps) -> None:
    found = agreement([right, saliency(case, "feature_ablation"), saliency(case, "gradient")])
    assert found.methods == ("integrated_gradients", "feature_ablation", "gradient")
    np.testing.assert_allclose(found.correlations[:2, :2], 1.0)
    assert found.correlations[0, 2] < 1
    other = prepare_some(case)
    with pytest.raises(WorkbenchError, match="same decisions"):
        agreement([right, other])


def prepare_some(case: Case) -> SaliencyMaps:
    from workbench.analyses.saliency.maps import some_of

    return saliency(some_of(case, 5)[0], "integrated_gradients")


def test_everything_together_for_one_step(tmp_path: Path) -> None:
    """One step has numbers and no intervals, and says so."""
    recording, policy = record_kind("recurrent", tmp_path)
    case = prepare(recording, 7, policy=policy)
    found = evidence(case, saliency(case, "integrated_gradients"))
    assert found.fidelity.deletion.low is None
    assert "no interval" in found.fidelity.verdict
    assert "no interval" in str(found.causal.correlation)
    assert found.sanity is not None
    assert found.stability is not None


def test_ranks_and_their_correlation_are_scipys() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 6, (20, 9)), generator.normal(size=(20, 9))
    expected = [spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_correlation(first, second), expected, atol=1e-12)
    np.testing.assert_array_equal(ranks([3, 1, 3, 0]), [2.5, 1, 2.5, 0])
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


def test_intervals_cover_the_mean_of_episodes() -> None:
    """Of 400 samples some 95 % of the intervals hold the true mean, of 5 episodes as of 20: between 92 and 98 %."""
    generator = np.random.default_rng(0)
    for count in (5, 8, 20):
        episodes, held = np.repeat(np.arange(count), 5), 0
        for _ in range(400):
            # Steps of an episode share most of what they deviate by.
            found = estimate(
                np.repeat(generator.normal(size=count), 5) + 0.2 * generator.normal(size=5 * count), episodes
            )
            assert found.low is not None
            assert found.high is not None
            held += found.low <= 0 <= found.high
        assert 0.92 <= held / 400 <= 0.98


def test_an_estimate_leaves_out_what_is_not_defined() -> None:
    found = estimate([1.0, np.nan, 3.0], [0, 0, 1])
    assert (found.mean, found.steps, found.episodes) == (2.0, 2, 2)
    assert estimate([], []).steps == 0
    assert "no interval" in str(estimate([1.0], [0]))


def test_the_baseline_is_what_it_says(case: Case) -> None:
    zero = baseline_values("zero", case.question, case.setting.background)[""]
    assert not zero.any()
    mean = baseline_values("mean", case.question, case.setting.background)[""]
    np.testing.assert_allclose(mean[0], case.setting.background.decisions.inputs[""].mean(dim=0), atol=1e-7)
    drawn = baseline_values("random_step", case.question, case.setting.background, seed=1)[""]
    assert not (drawn == case.question.values[""]).all(dim=1).any()


def test_what_is_drawn_for_a_decision_does_not_depend_on_the_others(case: Case) -> None:
    from workbench.analyses.saliency.maps import some_of

    few, places = some_of(case, 7)
    for method in ("expected_gradients", "smooth_grad"):
        np.testing.assert_allclose(
            saliency(few, method).regions, saliency(case, method).regions[places], rtol=1e-4, atol=1e-6
        )


def test_without_noise_a_map_is_perfectly_stable(tmp_path: Path) -> None:
    policy = linear()
    recording = record_policy(policy, tmp_path / "x.zarr")
    case = prepare(recording, np.arange(20), policy=policy, target="logit:0", baseline="random_step")
    for method, options in (("feature_ablation", {}), ("rise", {"masks": 16})):
        assert stability(case, saliency(case, method, **options), noise=0.0).similarity.mean == pytest.approx(1.0)


def test_the_background_of_a_random_network_is_its_own(tmp_path: Path) -> None:
    """What the check read while the weights were random must not stay."""
    recording, policy = record_kind("q-values", tmp_path)
    case = prepare(recording, [0, 7], policy=policy, layer="q_net.q_net.1")
    before = saliency(case, "integrated_gradients").regions
    fresh = prepare(recording, [0, 7], policy=policy, layer="q_net.q_net.1")
    sanity_check(fresh, saliency(fresh, "integrated_gradients"))
    np.testing.assert_array_equal(saliency(fresh, "integrated_gradients").regions, before)


def test_aim_and_aum_are_left_out_where_they_say_nothing(case: Case) -> None:
    one = prepare_some_one(case)
    assert fidelity(one, saliency(one, "gradient")).aim is None
    value = dataclasses.replace(case, question=dataclasses.replace(case.question, target=lambda output: output.value))
    found = fidelity(value, saliency(value, "gradient"))
    assert (found.aim, found.aum, found.aim_random, found.aum_random) == (None, None, None, None)
    asked = fidelity(value, saliency(value, "gradient"), k=2)
    assert asked.aim is not None


def prepare_some_one(case: Case) -> Case:
    from workbench.analyses.saliency.maps import some_of

    return some_of(case, 1)[0]


def test_k_is_a_share_of_few_numbers_and_xrl_benchs_three_of_eight() -> None:
    assert [default_k(count) for count in (1, 2, 4, 8, 20, 100, 169)] == [1, 1, 1, 3, 3, 10, 17]


def test_of_four_regions_the_control_is_every_order(tmp_path: Path) -> None:
    """Of independent contributions the mean curve over all orders is a straight line: nothing in it is drawn."""
    weights = torch.tensor([5.0, -1.0, 0.5, 2.0])
    policy = planted(
        spaces.Box(-1.0, 1.0, (4,), np.float32), lambda x: torch.stack([x @ weights, 0 * x[:, 0], 0 * x[:, 0]], dim=1)
    )
    case = prepare(record_policy(policy, tmp_path / "x.zarr"), [2, 9], policy=policy, target="logit:0")
    maps = saliency(case, "integrated_gradients")
    found = fidelity(case, maps)
    assert found.every_order
    assert len(found.orders) == 24
    assert found.orders_in_words == "all 24 orders"
    straight = -maps.regions.sum(axis=1, keepdims=True) * found.shares
    np.testing.assert_allclose(found.curves["random"].deletion, straight, atol=1e-4)
    for place in range(2):
        low, high = found.random_band("deletion", place)
        assert (low <= found.curves["random"].deletion[place] + 1e-4).all()
        assert (high >= found.curves["random"].deletion[place] - 1e-4).all()
        # The order of the contributions is the best of all, and shared with none.
        assert found.beaten("deletion", place) == 23
    few = fidelity(case, maps, random_orders=3)
    assert not few.every_order
    assert len(few.orders) == 3


def test_intervals_stay_where_their_numbers_can_be(case: Case, right: SaliencyMaps) -> None:
    found = fidelity(case, right, k=1)
    for share in (found.aim, found.aum, found.aim_random, found.aum_random):
        assert share is not None
        assert share.low is None or (share.low >= 0 and share.high is not None and share.high <= 1)
    correlation = causal_check(case, right).correlation
    assert correlation.high is not None
    assert correlation.high <= 1
