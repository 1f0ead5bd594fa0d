"""Probes where what a layer holds is known by construction."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import workbench
from tests.analyses.probing.planted import Repeating, knowing_policy, record_knowing
from workbench.analyses.concepts import Concept, offered_concepts, read_concept
from workbench.analyses.probing import Interval, Probe, load_probe, probe_layers
from workbench.analyses.probing.features import MOST_NUMBERS, layer_features
from workbench.analyses.probing.folds import split_episodes
from workbench.errors import WorkbenchError
from workbench.recording import Recording

torch.set_num_threads(1)
SIGN, PRODUCT = "observation[0] > 0", "observation[0] * observation[1] > 0"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_knowing(tmp_path_factory.mktemp("probing") / "x.zarr", episodes=40)


def results_of(recording: Recording, *concepts: Any, layers: Any = None, **options: Any) -> dict[tuple[str, str], Any]:
    found = probe_layers(recording, concepts, layers, policy=knowing_policy(), **options)
    return {(one.layer, one.concept): one for one in found}


def test_what_a_layer_holds_linearly_or_not_or_not_at_all_is_told_apart(recording: Recording) -> None:
    found = results_of(recording, SIGN, PRODUCT)
    verdicts = {key: one.verdict for key, one in found.items()}
    assert verdicts["product", PRODUCT] == "linearly decodable here, more than from the input"
    assert verdicts["mixed", SIGN] == "linearly decodable here, no more than from the input"
    for key in (("apart", PRODUCT), ("mixed", PRODUCT), ("other", SIGN), ("other", PRODUCT), ("product", SIGN)):
        assert verdicts[key] == "not linearly decodable here", key
    best = found["product", PRODUCT]
    assert best.score.value > 0.95
    assert (best.metric, best.chance, best.episodes, best.steps) == ("balanced accuracy", 0.5, 40, 1200)
    assert best.observation.difference.low > 0.3
    assert abs(best.control.score.value - 0.5) < 0.06


def test_a_difference_of_nothing_is_not_more_than_the_input(recording: Recording) -> None:
    """`mixed` is a linear map of the observation: what it holds beyond that is rounding, however sure."""
    found = results_of(recording, "observation[0]", "observation[1]", layers=["mixed"])
    for one in found.values():
        assert one.score.value > 0.999
        assert abs(one.observation.difference.value) < 1e-3
        assert not one.observation.surpassed
        assert one.verdict == "linearly decodable here, no more than from the input"


def test_a_number_is_scored_by_its_share_of_variance(recording: Recording) -> None:
    found = results_of(recording, "observation[2] + 2 * observation[3]", "observation[4]", layers=["product"])
    first, second = found.values()
    assert first.metric == "R²"
    assert first.score.value == pytest.approx(1, abs=1e-6)
    assert abs(second.score.value) < 0.02
    assert second.verdict == "not linearly decodable here"


def test_ridge_is_the_closed_form(recording: Recording) -> None:
    """The probe of all episodes, against the normal equations of standardised features with the penalty it chose."""
    from workbench.analyses.probing.linear import fit_linear
    from workbench.analyses.probing.moments import read_moments

    concept = read_concept(recording, "observation[0] + observation[2] * observation[3]")
    features, folds = layer_features(recording, "mixed"), split_episodes(recording)
    [group] = read_moments(features, [concept], folds)
    found = fit_linear(group, [0, 1, 2, 3], 4)[concept.name]
    x = recording.activations["mixed"][:].astype(np.float64)
    y = concept.values.astype(np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    z = (x - mean) / spread
    weights = np.linalg.solve(z.T @ z / len(z) + found.penalty * np.eye(6), z.T @ (y - y.mean()) / len(z)) / spread
    np.testing.assert_allclose(found.weight[:, 0], weights, rtol=1e-6)
    np.testing.assert_allclose(found.bias[0], y.mean() - mean @ weights, atol=1e-8)


def test_the_discriminant_without_penalty_is_fishers(recording: Recording) -> None:
    """With next to no penalty, decisions are those of S_w⁻¹ and the classes' means with equal priors."""
    from workbench.analyses.probing.linear import fit_linear
    from workbench.analyses.probing.moments import read_moments

    # Rare and common classes, of which one cuts the line of the other two.
    values = recording.steps["observation"][:, 0]
    classes = np.digitize(values, [-0.3, 1.3]).astype(np.int16)
    concept = Concept(name="third", words="third", values=classes, classes=("low", "middle", "high"))
    [group] = read_moments(layer_features(recording, "mixed"), [concept], split_episodes(recording))
    found = fit_linear(group, [0, 1, 2, 3], 4)["third"]
    x = recording.activations["mixed"][:].astype(np.float64)
    means = np.stack([x[classes == c].mean(axis=0) for c in range(3)])
    within = sum((x[classes == c] - means[c]).T @ (x[classes == c] - means[c]) for c in range(3)) / len(x)
    solved = np.linalg.solve(within, means.T)
    expected = (x @ solved - 0.5 * (means.T * solved).sum(axis=0)).argmax(axis=1)
    decided = found(torch.as_tensor(x)).argmax(dim=1).numpy()
    assert (decided == expected).mean() > 0.995


def test_a_concept_of_whole_episodes_is_at_chance_and_by_steps_would_not_be(recording: Recording) -> None:
    """The layer names the episode (its last number is constant within), the coin is one an episode."""
    found = results_of(recording, "truth.coin", layers=["other"])["other", "truth.coin"]
    assert found.verdict != "linearly decodable here, more than from the input"
    assert not found.decodable
    # Split by steps, the nearest neighbour in that number would know the coin of nearly every step.
    x, coin = recording.activations["other"][:, 3], recording.steps["truth/coin"][:]
    test = np.random.default_rng(0).random(len(x)) < 0.2
    nearest = np.abs(x[test][:, None] - x[~test][None]).argmin(axis=1)
    assert (coin[~test][nearest] == coin[test]).mean() > 0.99


@pytest.mark.parametrize("runs", [50, pytest.param(200, marks=pytest.mark.torture)])
def test_shuffled_concepts_are_decodable_at_most_as_often_as_they_may(recording: Recording, runs: int) -> None:
    generator = np.random.default_rng(0)
    concepts = []
    for run in range(runs):
        count = 2 + run % 3
        values = generator.integers(0, count, len(recording)).astype(np.int16)
        concepts.append(Concept(name=f"shuffled {run}", words="", values=values, classes=tuple("abcd"[:count])))
    found = probe_layers(recording, concepts, ["mixed"])
    assert sum(one.decodable for one in found) <= 0.05 * runs
    assert abs(np.mean([one.control.difference.value for one in found])) < 0.01
    covered = [one.score.low <= one.chance <= one.score.high for one in found]
    assert np.mean(covered) > 0.85


def test_a_probe_is_kept_without_pickle_and_applied_to_its_own_network_alone(
    recording: Recording, tmp_path: Path
) -> None:
    [found] = results_of(recording, PRODUCT, layers=["product"]).values()
    found.probe.save(tmp_path / "probe.npz")
    probe = load_probe(tmp_path / "probe.npz")
    said = probe.apply(recording)
    np.testing.assert_array_equal(said, found.probe.apply(recording))
    np.testing.assert_allclose(said.sum(axis=1), 1)
    true = recording.steps["observation"][:, 0] * recording.steps["observation"][:, 1] > 0
    assert (said.argmax(axis=1) == true).mean() > 0.95
    direction = probe.direction("yes", "no")
    assert float(direction[0]) > 10 * float(direction[1:].abs().max())
    elsewhere = Probe(**{**vars(probe), "fingerprint": "0" * 64})
    with pytest.raises(WorkbenchError, match="made from another network"):
        elsewhere.apply(recording)
    with pytest.raises(WorkbenchError, match="has no class 'maybe'; it has: no, yes"):
        probe.direction("maybe")
    with pytest.raises(WorkbenchError, match="these values are"):
        probe.of_values(np.zeros((2, 9)))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_probe_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(WorkbenchError, match="is no probe"):
        load_probe(tmp_path / "x.npz")


def test_a_probe_file_with_other_facts_is_said(tmp_path: Path) -> None:
    facts = {"format": 1, "concept": "x", "layer": "y", "classes": None, "shape": [3], "fingerprint": None, "seed": 0}
    for change, message in (({"shape": [4]}, "do not fit"), ({"format": 99}, "format"), ({"more": 1}, "no probe")):
        np.savez(tmp_path / "x.npz", weight=np.zeros((3, 1)), bias=np.zeros(1), facts=json.dumps({**facts, **change}))
        with pytest.raises(WorkbenchError, match=message):
            load_probe(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", weight=np.array([object()]), bias=np.zeros(1), facts="{}")
    with pytest.raises(WorkbenchError, match="no probe"):
        load_probe(tmp_path / "x.npz")


def test_what_cannot_be_probed_is_said(recording: Recording, tmp_path: Path) -> None:
    for concept, message in {
        "t >= 0": r"the same everywhere \(yes\)",
        "observation": r"take one by its place, such as observation\[0\]",
        "action_in:0": "from 1 on",
        "phase:2": "takes nothing behind a colon",
        "action_in:99": "is defined at none",
        "mood": "was not recorded",
    }.items():
        with pytest.raises(WorkbenchError, match=message):
            probe_layers(recording, [concept], ["mixed"])
    with pytest.raises(WorkbenchError, match="attic"):
        probe_layers(recording, [SIGN], ["attic"])
    short = record_knowing(tmp_path / "short.zarr", episodes=2)
    with pytest.raises(WorkbenchError, match=r"takes 3 of them at least; .* holds 2"):
        probe_layers(short, [SIGN])


def test_a_class_that_some_folds_never_met_is_noted(recording: Recording) -> None:
    values = np.zeros(len(recording), np.int16)
    values[recording.episode(3).rows[:8]] = 1
    values[recording.episode(5).rows] = 2
    concept = Concept(name="rare", words="", values=values, classes=("usual", "once", "twice"))
    [found] = probe_layers(recording, [concept], ["mixed"])
    assert "met no step of" in found.notes[0]
    assert "once" in found.notes[0]
    assert not np.isnan(found.score.value)


def test_a_layer_that_is_not_finite_is_said(tmp_path: Path) -> None:
    made = record_knowing(tmp_path / "x.zarr", episodes=4)
    values = made.activations["mixed"][:]
    values[7, 2] = np.nan
    features = layer_features(made, "mixed")
    broken = type(features)(
        name=features.name, shape=features.shape,
        blocks=lambda: iter([(slice(0, len(values)), torch.as_tensor(values).double())]),
    )  # fmt: skip
    with pytest.raises(WorkbenchError, match=r"not finite .* first at row 7"):
        list(broken.read())


def test_concepts_that_follow_from_the_steps(recording: Recording) -> None:
    episode = recording.episode(2)
    actions = recording.steps["action"][:]
    soon = read_concept(recording, "action_in:2")
    np.testing.assert_array_equal(soon.values[episode.rows[:-2]], actions[episode.rows[2:]])
    assert (soon.values[episode.rows[-2:]] == -1).all()
    rewarded = read_concept(recording, "reward_within:3")
    expected = [int((episode.column("reward")[t : t + 3] > 0).any()) for t in range(30)]
    np.testing.assert_array_equal(rewarded.values[episode.rows], expected)
    left = read_concept(recording, "steps_to_end")
    np.testing.assert_array_equal(left.values[episode.rows], np.arange(30)[::-1])
    to_go = read_concept(recording, "return_to_go")
    np.testing.assert_allclose(to_go.values[episode.rows], np.cumsum(episode.column("reward")[::-1])[::-1])
    phase = read_concept(recording, "phase")
    assert phase.classes == ("first third", "middle third", "last third")
    np.testing.assert_array_equal(phase.values[episode.rows], np.repeat([0, 1, 2], 10))
    new = read_concept(recording, "t < 5")
    assert new.classes == ("no", "yes")
    assert {"truth.coin", "action_in:3", "steps_to_end", "phase"} <= set(offered_concepts(recording))


def test_a_wide_layer_is_read_through_random_projections(recording: Recording) -> None:
    wide = torch.randn(len(recording), 2 * MOST_NUMBERS, generator=torch.Generator().manual_seed(0))
    from workbench.analyses.probing.features import Features, _projection

    features = Features(
        name="wide", shape=(2 * MOST_NUMBERS,), projection=_projection(2 * MOST_NUMBERS, 0),
        blocks=lambda: iter([(slice(0, len(recording)), wide.double())]),
    )  # fmt: skip
    [(_, values)] = features.read()
    assert values.shape == (len(recording), MOST_NUMBERS)
    lengths = values.norm(dim=1) / wide.double().norm(dim=1)
    assert float((lengths - lengths.mean()).abs().max()) < 0.2


def test_a_memory_is_found_in_the_state_and_not_in_what_is_seen(tmp_path: Path, checkout: Path) -> None:
    pytest.importorskip("sb3_contrib")
    agent = f"recurrent_ppo:{checkout / 'agents/cue_recall/weights.zip'}"
    made = workbench.record(agent, "envs:CueRecall-v0", out=tmp_path / "memory.zarr", episodes=40, seed=1)
    layers = [layer for layer in made.layers if "lstm_actor" in layer]
    found = probe_layers(made, ["truth.cue"], layers, policy=made.policy())
    best = max(found, key=lambda one: one.score.value)
    assert best.verdict == "linearly decodable here, more than from the input"
    assert best.observation.score.value < best.score.value - 0.2
    assert best.random_network is None
    assert "no baseline with random weights: A policy with a memory" in best.notes[0]


def test_what_is_held_and_not_used_is_told_from_what_is_used(tmp_path: Path) -> None:
    """The head reads the first of two numbers that the layer holds alike."""
    from workbench.analyses.probing.use import use_of

    policy = knowing_policy()
    with torch.no_grad():
        policy.module.head.weight.copy_(torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]))
        policy.module.head.bias.zero_()
    from tests.analyses.probing.planted import RandomNumbers
    from workbench.recording import record

    made = record(policy, RandomNumbers, out=tmp_path / "x.zarr", episodes=12, seed=0, deterministic=False)
    found = probe_layers(made, ["observation[2] > 0", "observation[3] > 0"], ["product"], policy=policy)
    rows = np.arange(0, len(made), 6)
    read, unread = (use_of(made, policy, one.probe, rows) for one in found)
    assert all(one.verdict == "linearly decodable here, no more than from the input" for one in found)
    assert read.used
    assert read.verdict.startswith("used")
    assert not unread.used
    assert read.pushed.effect.mean != 0
    # Swapped, it goes twice as far as taken out, but for the distance of the mean from the middle of both classes.
    np.testing.assert_allclose(
        read.swapped.before - read.swapped.after,
        2 * (read.taken_out.before - read.taken_out.after),
        rtol=0.2,
        atol=0.3,
    )


@pytest.mark.parametrize("states", [2, 16])
def test_a_concept_that_is_exactly_linear_is_found_exactly(recording: Recording, states: int) -> None:
    """One-hot states and a class of them: nothing is left within a class, and rounding must not decide."""
    from workbench.analyses.probing.features import Features
    from workbench.analyses.probing.fitting import Setting
    from workbench.analyses.probing.kinds import find_kind

    for seed in range(15):
        drawn = np.random.default_rng(seed).integers(0, states, len(recording))
        values = torch.nn.functional.one_hot(torch.as_tensor(drawn), states).double()
        features = Features(
            name="one-hot", shape=(states,), blocks=lambda values=values: iter([(slice(0, len(values)), values)])
        )
        concept = Concept(name="low", words="", values=(drawn < states // 2).astype(np.int16), classes=("no", "yes"))
        rare = Concept(name="first", words="", values=(drawn == 0).astype(np.int16), classes=("no", "yes"))
        found = find_kind("linear").fit(
            features, [concept, rare], split_episodes(recording), Setting(rows=np.arange(0), seed=0)
        )
        assert found["low"].tally.score() == 1
        assert found["first"].tally.score() == 1


def test_every_class_of_a_concept_is_in_its_control_task(recording: Recording) -> None:
    from workbench.analyses.probing.control_tasks import control_concept

    for seed in range(60):
        generator = np.random.default_rng(seed)
        state = generator.integers(0, 16, len(recording))
        hashes = generator.integers(0, 2**63, 16).astype(np.uint64)[state]
        concept = Concept(name="third", words="", values=(state == 3).astype(np.int16), classes=("no", "yes"))
        control = control_concept(concept, hashes, seed=seed)
        assert set(np.unique(control.values)) == {0, 1}
        assert all(len(np.unique(control.values[hashes == one])) == 1 for one in np.unique(hashes))
    unique = control_concept(concept, np.arange(len(recording)).astype(np.uint64))
    np.testing.assert_allclose(unique.values.mean(), concept.values.mean(), atol=1e-9)


def test_copies_of_an_episode_count_as_one(tmp_path: Path) -> None:
    made = workbench.record(
        knowing_policy(), lambda: Repeating(), out=tmp_path / "x.zarr", episodes=12, seed=0, deterministic=True,
        environments=1,
    )  # fmt: skip
    [found] = probe_layers(made, ["t > 14"], ["mixed"])
    assert found.episodes == 4
    assert found.notes[-1] == "8 episodes repeat others step by step and count as one with them"
    one = workbench.record(
        knowing_policy(), lambda: Repeating(1), out=tmp_path / "y.zarr", episodes=5, seed=0, deterministic=True,
        environments=1,
    )  # fmt: skip
    with pytest.raises(WorkbenchError, match="holds 5, of which 1 differ"):
        probe_layers(one, ["t > 14"], ["mixed"])


def test_no_rounded_number_is_below_nothing() -> None:
    assert str(Interval(value=-0.001, low=-0.004, high=-0.0)) == "0.00 [0.00, 0.00]"
    assert str(Interval(value=-0.006, low=-1.0, high=0.126)) == "−0.01 [−1.00, 0.13]"
    assert str(Interval(value=0.5, low=float("nan"), high=float("nan"))) == "0.50 [nan, nan]"
