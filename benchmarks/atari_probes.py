"""What the layers of an Atari agent know of the game's state, in the terms of AtariARI.

AtariARI (Anand and others 2019, "Unsupervised State Representation Learning in Atari", NeurIPS) reads each known byte
of the RAM from a representation by a linear classifier, and reports F1 (weighted by class) on held-out data, averaged
by category. Here it is the same of each layer of an agent's network, beside the same network with random weights (whose
memory, where it has one, is its own), the raw picture, and always saying the most frequent value.

What differs from theirs: probes are made and tested on whole episodes apart, by penalised discriminant analysis with
equal priors instead of a softmax; layers and pictures wider than 512 numbers are read through as many random
projections; a byte that is nearly always the same (entropy below 0.6 nat, their threshold) is left out; intervals are
by bootstrap over episodes.

    python -m benchmarks.atari_probes --policy my_agent:make_agent --game Pong-v4

Axis legend: T steps, E episodes, C classes.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

WIDEST = 20_000
"""Numbers of the widest layer that is read: what is wider is near the picture itself."""
PROJECTED = 512
"""Of wider layers, and of the picture, so many random projections are read."""
LEAST_ENTROPY = 0.6
UNTRAINED = "an untrained NatureCNN"
DRAWS = 500
PICTURE, MAJORITY, RANDOM = "the picture", "the most frequent value", ", random weights"
MEAN, LESS_PICTURE, LESS_RANDOM = "mean of categories", "less the picture", "less random weights"


def measure(
    policy: str | None = None,
    game: str = "Pong-v4",
    *,
    wrappers: Sequence[str] = (),
    episodes: int = 10,
    steps: int = 600,
    seed: int = 0,
    layers: Sequence[str] = (),
) -> dict[str, Any]:
    """F1 by category of each layer and baseline.

    Args:
        policy: As `workbench record` takes it; None for stable-baselines3's CNN with the weights it begins with.
        game: As gymnasium names it.
        wrappers: Put around it; None of them where the policy takes the game's own picture.
        episodes: E that are recorded; at least 3.
        steps: At most so many of each.
        seed: Of the first episode, of random weights, projections, the split and the bootstrap.
        layers: Names; none takes all that are not wider than `WIDEST`.
    """
    from workbench.analyses.probing.folds import split_episodes
    from workbench.analyses.random_weights import random_weights
    from workbench.recording import make_environment, record
    from workbench.recording.rollout import make_policy

    wrappers = tuple(wrappers) or (() if policy else ("atari", "frame_stack:4"))
    environment = make_environment(game, wrappers=wrappers)
    acting = make_policy(policy or _untrained(environment, seed), environment, None, "cpu", trust_pickle=False)
    with tempfile.TemporaryDirectory() as folder:
        recording = record(
            acting, game, out=Path(folder) / "atari.zarr", episodes=episodes, seed=seed, layers=[],
            wrappers=(*wrappers, f"time_limit:{steps}"), deterministic=False,
        )  # fmt: skip
        concepts = _labels(recording)
        folds = split_episodes(recording, seed=seed)
        found: dict[str, Any] = {PICTURE: _scores(_picture(recording, seed), concepts, folds)}
        for trained in (True, False):
            if trained and policy is None:
                continue
            if trained:
                run = _run(acting, recording, layers, seed)
            else:
                with random_weights(acting.module, seed):
                    run = _run(acting, recording, layers, seed)
            for name, features in run.items():
                found[name if trained else f"{name}{RANDOM}"] = _scores(features, concepts, folds)
        found[MAJORITY] = _majority(concepts, folds)
        return {
            "policy": policy or UNTRAINED, "agent": policy or UNTRAINED, "game": game,
            "steps": len(recording), "episodes": episodes,
            "labels": {concept.name: len(concept.classes or ()) for concept in concepts},
            "scores": _by_category(found, seed),
        }  # fmt: skip


def _picture(recording: Any, seed: int) -> Any:
    """The observation through as many projections as a layer."""
    from workbench.analyses.probing.features import observation_features

    features = observation_features(recording, seed=seed)
    return features if features.projection is None else replace(features, projection=features.projection[:, :PROJECTED])


def _untrained(environment: Any, seed: int) -> Any:
    from stable_baselines3 import PPO

    return PPO("CnnPolicy", environment, n_steps=8, batch_size=8, device="cpu", seed=seed)


def _labels(recording: Any) -> list[Any]:
    """Each known byte that is not nearly always the same, as one class a value."""
    from workbench.analyses.concepts import Concept

    found = []
    for column in recording.steps:
        if not column.startswith("truth/"):
            continue
        values = recording.steps[column][:].reshape(len(recording), -1)
        for place in range(values.shape[1]):
            name = column.removeprefix("truth/") + (f"[{place}]" if values.shape[1] > 1 else "")
            different, places, counts = np.unique(values[:, place], return_inverse=True, return_counts=True)
            shares = counts / counts.sum()
            if -(shares * np.log(shares)).sum() < LEAST_ENTROPY:
                continue
            found.append(
                Concept(name=name, words=name, values=places.astype(np.int16), classes=tuple(map(str, different)))
            )
    return found


def _run(policy: Any, recording: Any, layers: Sequence[str], seed: int) -> dict[str, Any]:
    """Each layer of the network at the recorded observations, its memory made by itself: one feature set a layer."""
    import torch

    from workbench.analyses.probing.features import Features
    from workbench.analyses.reading_decisions import read_observations

    episodes = [recording.episode(number).rows for number in range(recording.number_of_episodes)]
    made: dict[str, np.ndarray] = {}
    projections: dict[str, Any] = {}
    generator = torch.Generator().manual_seed(seed)
    state = policy.initial_state(len(episodes))
    names = {module: name for name, module in policy.module.named_modules() if name and not any(module.children())}
    seen: dict[str, Any] = {}
    hooks = [module.register_forward_hook(_keep(seen, name)) for module, name in names.items()]
    try:
        with torch.no_grad():
            for t in range(max(map(len, episodes))):
                going = [number for number, rows in enumerate(episodes) if t < len(rows)]
                rows = np.array([episodes[number][t] for number in going])
                order = np.argsort(rows)
                observations = read_observations(recording, rows[order])
                mine = torch.as_tensor(np.array(going)[order])
                before = None if state is None else {name: part[mine] for name, part in state.items()}
                seen.clear()
                output = policy.forward(policy.preprocess(observations), before, None, None)
                for name, part in (output.state or {}).items():
                    state[name][mine] = part
                for name, values in seen.items():
                    if (layers and name not in layers) or values[0].numel() > WIDEST:
                        continue
                    flat = values.flatten(1)
                    if flat.shape[1] > PROJECTED and name not in projections:
                        projections[name] = torch.randn(flat.shape[1], PROJECTED, generator=generator) / PROJECTED**0.5
                    flat = flat @ projections[name] if name in projections else flat
                    if name not in made:
                        made[name] = np.zeros((len(recording), flat.shape[1]), np.float32)
                    made[name][rows[order]] = flat.numpy()
    finally:
        for hook in hooks:
            hook.remove()

    def blocks(values: np.ndarray) -> Any:
        def read() -> Iterator[tuple[slice, Any]]:
            for start in range(0, len(values), 4_096):
                part = slice(start, min(len(values), start + 4_096))
                yield part, torch.as_tensor(values[part].astype(np.float64))

        return read

    return {name: Features(name=name, shape=values.shape[1:], blocks=blocks(values)) for name, values in made.items()}


def _keep(seen: dict[str, Any], name: str) -> Any:
    def hook(module: Any, arguments: Any, output: Any) -> None:
        if hasattr(output, "flatten") and output.ndim > 1:
            seen[name] = output

    return hook


def _scores(features: Any, concepts: Sequence[Any], folds: Any) -> dict[str, np.ndarray]:
    """By label what was taken for what, `[E, C, C]`."""
    from workbench.analyses.probing.fitting import Setting
    from workbench.analyses.probing.kinds import find_kind

    sys.stderr.write(f"{features.name}: {features.width} numbers\n")
    fitted = find_kind("linear").fit(features, concepts, folds, Setting(rows=np.zeros(0, np.int64), seed=0))
    return {name: one.tally.counts for name, one in fitted.items()}


def _majority(concepts: Sequence[Any], folds: Any) -> dict[str, np.ndarray]:
    """The same of a probe that always says the value that is most frequent in the other folds."""
    found = {}
    for concept in concepts:
        count = len(concept.classes)
        counts = np.zeros((folds.episodes, count, count))
        for fold in range(folds.count):
            mine = folds.of_step == fold
            said = np.bincount(concept.values[~mine], minlength=count).argmax()
            np.add.at(counts, (folds.episode_of_step[mine], concept.values[mine], said), 1)
        found[concept.name] = counts
    return found


def weighted_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of each class, averaged by how frequent it is, of confusions `[..., C, C]` (true, said)."""
    true, said = counts.sum(axis=-1), counts.sum(axis=-2)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    f1 = 2 * right / np.maximum(true + said, 1e-12)
    return np.asarray((f1 * true).sum(axis=-1) / np.maximum(true.sum(axis=-1), 1e-12))


def _by_category(found: Mapping[str, Mapping[str, np.ndarray]], seed: int) -> dict[str, dict[str, Any]]:
    """Mean F1 of the labels of each category and of all categories, with intervals over episodes.

    The draws of episodes are the same for all, so that differences are paired: `less the picture`, and of a layer
    `less random weights`.
    """
    from workbench.analyses.probing.scores import interval

    means = {name: _means(confusions, seed) for name, confusions in found.items()}
    scores: dict[str, dict[str, Any]] = {}
    for name, own in means.items():
        scores[name] = {category: interval(value, drawn) for category, (value, drawn) in own.items()}
        for words, other in ((LESS_PICTURE, PICTURE), (LESS_RANDOM, f"{name}{RANDOM}")):
            if other in means and other != name:
                value, drawn = (own[MEAN][part] - means[other][MEAN][part] for part in (0, 1))
                scores[name][words] = interval(float(value), np.asarray(drawn))
    return scores


def _means(confusions: Mapping[str, np.ndarray], seed: int) -> dict[str, tuple[float, np.ndarray]]:
    """By category, those with a label first, and `MEAN`: F1, and F1 of draws of episodes."""
    from workbench.analyses.probing.scores import bootstrap_weights
    from workbench.recording.labellers.atari import CATEGORIES, category_of

    grouped: dict[str, list[tuple[float, np.ndarray]]] = {}
    for label, counts in confusions.items():
        weights = bootstrap_weights(len(counts), draws=DRAWS, seed=seed)
        drawn = np.array([weighted_f1(np.tensordot(one, counts, axes=1)) for one in weights])
        grouped.setdefault(category_of(label) or "", []).append((float(weighted_f1(counts.sum(axis=0))), drawn))
    rows = {category: _mean(grouped[category]) for category in CATEGORIES if category in grouped}
    return {MEAN: _mean(list(rows.values())), **rows}


def _mean(ones: Sequence[tuple[float, np.ndarray]]) -> tuple[float, np.ndarray]:
    return float(np.mean([value for value, _ in ones])), np.mean([drawn for _, drawn in ones], axis=0)


def table(found: Mapping[str, Any]) -> str:
    """The scores in Markdown."""
    from workbench.recording.labellers.atari import category_of

    scores = found["scores"]
    columns = list(dict.fromkeys(column for row in scores.values() for column in row))
    by_category: dict[str, list[str]] = {}
    for name, count in found["labels"].items():
        by_category.setdefault(category_of(name) or "of no category", []).append(f"`{name}` ({count} values)")
    counted = {category: f"{category} ({len(names)})" for category, names in by_category.items()}
    lines = [
        f"{found['agent']} in {found['game']}: {found['steps']:,} steps of {found['episodes']} episodes. F1 weighted "
        "by class [95 % by bootstrap over episodes]; in parentheses the number of labels. "
        + "; ".join(f"{category}: {', '.join(names)}" for category, names in by_category.items())
        + ".",
        "",
        "| read from | " + " | ".join(counted.get(column, column) for column in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    lines += [
        f"| {_cell(name)} | " + " | ".join(str(row.get(column, "")) for column in columns) + " |"
        for name, row in scores.items()
    ]
    return "\n".join(lines)


def _cell(name: str) -> str:
    layer, comma, rest = name.partition(RANDOM)
    return name if layer in (PICTURE, MAJORITY) else f"`{layer}`{comma}{rest}"


def page(found: Mapping[str, Any], command: str) -> str:
    """The table with what it is, as a page of the documentation."""
    return f"""# What an Atari agent's layers know of the game

Made by `{command}`.

[AtariARI](https://arxiv.org/abs/1906.08226) (Anand and others 2019) reads each byte of the console's RAM whose meaning
is known from a representation by a linear classifier, and reports F1 on held-out data by category. Here the same is
asked of every layer of an agent's network, beside the same network with random weights (whose memory, where it has one,
is its own), the raw picture, and always saying the most frequent value. Chance is that last row: F1 weighted by class
is high where one value is common.

What differs from the paper: probes are made and tested on whole episodes apart, by penalised discriminant analysis with
equal priors in place of a softmax; pictures and layers wider than {PROJECTED} numbers are read through as many random
projections, and layers wider than {WIDEST:,} not at all; a byte that is nearly always the same (entropy below
{LEAST_ENTROPY} nat, as there) is left out, and so is one of no category. So numbers compare within this table, and not
with the paper's.

{table(found)}

The last columns are paired differences of the mean of categories. A layer that is above its random twin has learned to
hold what the game is about; one below the picture has left some of it out, as an agent may that needs only a part.
The picture is the environment's own: what an agent's preprocessing cuts away, such as a score at the upper edge, none
of its layers can see.

**Every value of a byte is a class here**, as in the paper: a place has some 160 of them, and who is off by one is
wrong. That rewards what keeps every pixel, as the picture does and a network that was never trained, and a layer that
holds a place roughly, along a direction, scores low. `workbench probe` reads the same labels as numbers (R²).
"""


def main() -> int:
    """Measure, and print the table or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", help="as workbench record takes it; by default an untrained NatureCNN")
    parser.add_argument("--agent", help="what the agent is, in words; by default its name")
    parser.add_argument("--game", default="Pong-v4")
    parser.add_argument("--wrappers", nargs="*", default=())
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--steps", type=int, default=600, help="of each episode, at most")
    parser.add_argument("--layers", nargs="*", default=())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="write the page of the documentation here")
    asked = vars(parser.parse_args())
    as_json, agent, out = (asked.pop(name) for name in ("json", "agent", "out"))
    found = measure(asked.pop("policy"), asked.pop("game"), **asked)
    found["agent"] = agent or found["policy"]
    if out is not None:
        command = f"python -m benchmarks.atari_probes --policy {found['policy']} --game {found['game']}"
        options = (f"--{name} {asked[name]}" for name in ("episodes", "steps", "seed"))
        out.write_text(page(found, " ".join([command, *options])))
    if as_json:
        plain = {n: {c: vars(one) for c, one in row.items()} for n, row in found["scores"].items()}
        sys.stdout.write(f"{json.dumps({**found, 'scores': plain}, indent=2)}\n")
    else:
        sys.stdout.write(f"{table(found)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
