"""How fast games are searched, what the trace costs, and how others' searches compare, with the same evaluations."""

import time
from collections.abc import Mapping
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.agents_measured import SEED
from benchmarks.pairs import middle, paired, ratios, seconds
from benchmarks.results import Figure, Row, row
from envs.games import connect_four
from workbench.search import OnnxEvaluator, SearchSettings, TorchEvaluator, UniformEvaluator, rebuild, search
from workbench.search.games import Game, observe

GAMES = 256
SIMULATIONS = 400
INTERACTIVE = 800
RUNS = 7


def network(kind: str) -> Any:
    """An untrained network of Connect Four: an MLP 84-128-128-8, or three convolutions of 32 channels."""
    import torch
    from torch import nn

    class Two(nn.Module):
        def __init__(self, body: nn.Module, width: int) -> None:
            super().__init__()
            self.body, self.head = body, nn.Linear(width, 8)

        def forward(self, seen: Any) -> Any:
            said = self.head(self.body(seen))
            return said[:, :7], torch.tanh(said[:, 7])

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    if kind == "mlp":
        layers = [nn.Flatten(), nn.Linear(84, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU()]
        return Two(nn.Sequential(*layers), 128)
    channels = (2, 32, 32, 32)
    blocks: list[nn.Module] = []
    for before, after in pairwise(channels):
        blocks += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
    return Two(nn.Sequential(*blocks, nn.Flatten()), 32 * 42)


def _rate(game: Game, evaluate: Any, games: int, simulations: int, *, threads: int) -> float:
    positions = np.stack([game.start()] * games)
    settings = SearchSettings(simulations=simulations)
    started = time.perf_counter()
    traces = search(game, positions, evaluate, settings, threads=threads)
    return sum(trace.simulations for trace in traces) / (time.perf_counter() - started)


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """All rows of `search/` that games have."""
    game = connect_four(6, 7)
    mlp = TorchEvaluator(network("mlp"))
    evaluators = {
        "mlp": mlp,
        "mlp_onnx": OnnxEvaluator.from_module(network("mlp"), game),
        "cnn": TorchEvaluator(network("cnn")),
        "cnn_onnx": OnnxEvaluator.from_module(network("cnn"), game),
    }
    games, runs = (8, 1) if quick else (GAMES, RUNS)
    simulations = 20 if quick else SIMULATIONS
    rows = []
    for name, evaluate in evaluators.items():
        seen = observe(game, np.stack([game.start()] * games))
        ours, bare = paired(
            lambda e=evaluate: _rate(game, e, 2 * games, simulations, threads=2),  # type: ignore[misc]
            lambda e=evaluate, s=seen: len(s) / seconds(lambda: e(s), 2 if quick else 200),  # type: ignore[misc]
            runs,
            warm_up=True,
        )
        against = f"its network alone in batches of {games} on one thread, {middle(bare)} positions/s"
        if name.endswith("onnx"):
            against += f" (onnxruntime {version('onnxruntime')})"
        rows.append(row(figures[f"search/{name}_sims_per_s"], ours, against))
    rows.append(_interactive(figures, game, mlp, evaluators["mlp_onnx"], quick=quick))
    rows.append(_beside_open_spiel(figures["search/vs_openspiel_python"], game, quick=quick))
    rows.append(_beside_mctx(figures["search/vs_mctx"], quick=quick))
    rows += _trace(figures, game, mlp, games, simulations, runs, quick=quick)
    return rows


def _interactive(figures: Mapping[str, Figure], game: Game, evaluate: Any, onnx: Any, *, quick: bool) -> Row:
    count = 40 if quick else INTERACTIVE
    seen = observe(game, game.start()[None])

    def ours(evaluator: Any) -> float:
        return 1000 * seconds(lambda: search(game, game.start()[None], evaluator, SearchSettings(simulations=count)))

    def alone() -> float:
        return 1000 * count * seconds(lambda: evaluate(seen), 100)

    spent, bare = paired(lambda: ours(evaluate), alone, 1 if quick else RUNS)
    with_onnx, _ = paired(lambda: ours(onnx), alone, 1 if quick else RUNS)
    against = (
        f"{count} evaluations of single positions alone, {middle(bare)} ms; the search with ONNX Runtime takes "
        f"{middle(with_onnx)} ms"
    )
    return row(figures["search/interactive_800_ms"], spent, against)


def _beside_open_spiel(figure: Figure, game: Game, *, quick: bool) -> Row:
    import pyspiel
    from open_spiel.python.algorithms import mcts

    class Even(mcts.Evaluator):  # type: ignore[misc]
        def evaluate(self, state: Any) -> Any:
            return np.zeros(2)

        def prior(self, state: Any) -> Any:
            legal = state.legal_actions()
            return [(action, 1 / len(legal)) for action in legal]

    there = pyspiel.load_game("connect_four")
    count = 50 if quick else 2_000

    def theirs() -> float:
        bot = mcts.MCTSBot(
            there, 1.25, count, Even(), solve=False, random_state=np.random.RandomState(0),
            child_selection_fn=mcts.SearchNode.puct_value,
        )  # fmt: skip
        return count / seconds(lambda: bot.mcts_search(there.new_initial_state()))

    evaluate = UniformEvaluator(7)
    settings = SearchSettings(simulations=count, exploration_base=None, first_play="zero", prove=False)

    games = 2 if quick else 64
    positions = np.stack([game.start()] * games)

    def ours() -> float:
        return games * count / seconds(lambda: search(game, positions, evaluate, settings))

    mine, yours = paired(ours, theirs, 1 if quick else RUNS)
    against = (
        f"the MCTSBot of OpenSpiel {version('open_spiel')} in Python, PUCT, the same even evaluations: "
        f"{middle(yours)} simulations/s; ours, {games} searches side by side on one thread, {middle(mine)}"
    )
    return row(figure, ratios(mine, yours), against)


def _beside_mctx(figure: Figure, *, quick: bool) -> Row:
    """Of a tree of six actions without end, whose evaluations are one product of matrices on both sides."""
    import jax
    import jax.numpy as jnp
    import mctx

    from benchmarks.endless import Endless, LinearEvaluator

    game = Endless()
    games, count = (4, 10) if quick else (64, 200)
    evaluate = LinearEvaluator(SEED)
    weights, worth = jnp.asarray(evaluate.weights), jnp.asarray(evaluate.worth)

    def recurrent(_parameters: Any, _key: Any, action: Any, state: Any) -> Any:
        after = jnp.roll(state, 1, axis=1) * 0.9 + jax.nn.one_hot(action, state.shape[1])
        ones = jnp.ones(len(action))
        return mctx.RecurrentFnOutput(
            reward=0 * ones, discount=-ones, prior_logits=after @ weights, value=jnp.tanh(after @ worth)
        ), after

    @jax.jit
    def run(key: Any, state: Any) -> Any:
        root = mctx.RootFnOutput(prior_logits=state @ weights, value=jnp.tanh(state @ worth), embedding=state)
        output = mctx.muzero_policy((), key, root, recurrent, count, dirichlet_fraction=0.0)
        return output.action_weights

    state, key = jnp.zeros((games, len(evaluate.weights))), jax.random.PRNGKey(0)

    def theirs() -> float:
        return games * count / seconds(lambda: run(key, state).block_until_ready())

    settings = SearchSettings(simulations=count, value_scale="siblings", prove=False)
    positions = np.stack([game.start()] * games)

    def ours() -> float:
        return games * count / seconds(lambda: search(game, positions, evaluate, settings))

    mine, yours = paired(ours, theirs, 1 if quick else RUNS)
    against = (
        f"mctx {version('mctx')} (jax {version('jax')}, CPU), muzero_policy, {games} trees of {count} simulations, six "
        f"actions, one product of matrices an evaluation: {middle(yours)} simulations/s; ours {middle(mine)}, with "
        f"the trace"
    )
    return row(figure, ratios(mine, yours), against)


def _trace(
    figures: Mapping[str, Figure], game: Game, evaluate: Any, games: int, simulations: int, runs: int, *, quick: bool
) -> list[Row]:
    from workbench.search.games import check_positions
    from workbench.search.searching import _Trees

    positions = np.stack([game.start()] * games)
    settings = SearchSettings(simulations=simulations)
    facts = check_positions(game, positions)
    spent: list[float] = []

    def whole() -> float:
        from workbench.progress import SilentProgress

        trees = _Trees(game, positions, facts, evaluate, settings, [((SEED, g), None) for g in range(games)])
        started = time.perf_counter()
        trees.run(SilentProgress())
        searched = time.perf_counter()
        trees.traces([SEED] * games)
        ended = time.perf_counter()
        spent.append(ended - searched)
        return (ended - searched) / (ended - started)

    whole()
    spent.clear()
    shares = [whole() for _ in range(runs)]
    cost = row(
        figures["search/trace_cost"], shares,
        f"the search of {games} games × {simulations} simulations with the MLP alone; the traces take "
        f"{middle([1e6 * one / games for one in spent])} µs each",
    )  # fmt: skip
    count = 40 if quick else INTERACTIVE
    trace = search(game, game.start()[None], evaluate, SearchSettings(simulations=count))[0]
    sizes = [stored_bytes(game, evaluate, count, seed) for seed in range(1 if quick else 5)]
    bytes_row = row(
        figures["search/trace_bytes"], [size for size, _ in sizes],
        f"the same arrays uncompressed, {sizes[0][1]:,.0f} bytes; each run the mean of a game's searches that took all "
        f"simulations",
    )  # fmt: skip
    replays = [1000 * seconds(lambda: rebuild(trace, count), 5 if quick else 50) for _ in range(runs)]
    searched = 1000 * seconds(lambda: search(game, game.start()[None], evaluate, SearchSettings(simulations=count)))
    replay = row(figures["search/replay_ms"], replays, f"the search itself, {searched:.0f} ms")
    return [cost, bytes_row, replay]


def stored_bytes(game: Game, evaluate: Any, simulations: int, seed: int, plies: int = 24) -> tuple[float, float]:
    """Bytes that a search takes in a recording, and those of its arrays as they are; means over the moves of a game."""
    from numcodecs.blosc import Blosc

    from workbench.search import choose_action, play_line
    from workbench.search.packing import TraceRoom, pack_trace

    room = TraceRoom(simulations=simulations, actions=game.actions, words=game.words, rewards=False)
    packed, position = [], game.start()
    for _ in range(plies):
        trace = search(game, position[None], evaluate, SearchSettings(simulations=simulations, noise=0.25), seed=seed)
        if trace[0].simulations == simulations:
            # Late in a game the root is proven before, and the trace is shorter.
            packed.append(pack_trace(trace[0], room))
        position = play_line(game, position, [choose_action(trace[0])])
        if game.facts(position)["ended"]:  # type: ignore[attr-defined]
            break
    codec = Blosc(cname="zstd", clevel=5, shuffle=Blosc.SHUFFLE)
    columns = {name: np.stack([one[name] for one in packed]) for name in packed[0]}
    stored = sum(len(codec.encode(np.ascontiguousarray(values))) for values in columns.values())
    used = sum(values.nbytes for values in columns.values())
    return stored / len(packed), used / len(packed)
