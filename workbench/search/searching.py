"""Search many positions of a game at once, each with a tree of its own, and give a trace of each.

Leaves are evaluated together *across* trees: that costs no strength, since no tree waits for its own answers. With
`settings.wave` above 1 leaves of one tree are evaluated together as well, for a single search that somebody waits for.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.search.evaluators import Evaluator, ask, check_evaluation, fingerprint_of, takes_positions
from workbench.search.games import Game, check_positions
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace
from workbench.search.tree import allocate, considered_visits
from workbench.search.waves import FINISHED, Room, Wave, advance, copy_trees, plant, receive


def search(
    game: Game,
    positions: npt.NDArray[np.uint64],
    evaluate: Evaluator,
    settings: SearchSettings | None = None,
    *,
    seed: int | Sequence[int] = 0,
    root_noise: Sequence[npt.NDArray[np.float64]] | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> list[SearchTrace]:
    """Search from each position.

    Args:
        game: Whose rules.
        positions: `[G, W]` packed; none of them the end of a game.
        evaluate: Priors and values of positions; called from `threads` threads, with up to G × wave rows.
        settings: How; the defaults otherwise.
        seed: Of the noise at the roots, 0 or more; tree g draws from a generator of `[seed, g]`. Or one of each tree,
            which then draws from a generator of that alone.
        root_noise: The noise of each root instead of a drawn one, `[legal actions]` in the order of their numbers:
            Dirichlet noise (puct), or Gumbel noise (gumbel).
        threads: Into how many parts the trees are divided, that are searched side by side. A number of rows that is
            evaluated together can change the last bits of what a network gives, and so the search.
        progress: Told how many waves came back; one that raises `Cancelled` ends the search with that error.

    Returns:
        A trace for each position, in their order.

    Raises:
        WorkbenchError: A finished game, or positions of another shape; the evaluator gave no number or another shape.
    """
    settings = settings or SearchSettings()
    facts = check_positions(game, positions)
    if threads < 1:
        raise WorkbenchError(f"A search needs at least one thread; got {threads}.")
    parts = [part for part in np.array_split(np.arange(len(positions)), threads) if len(part)]
    if not parts:
        return []
    progress = progress or SilentProgress()
    seeds = [(int(seed), g) for g in range(len(positions))] if isinstance(seed, int) else [(int(one),) for one in seed]
    if len(seeds) != len(positions) or any(one[0] < 0 for one in seeds):
        raise WorkbenchError(
            f"A seed is 0 or more, one for all or one for each of {len(positions)} positions; got {seed}."
        )

    def run(part: npt.NDArray[np.intp]) -> list[SearchTrace]:
        chosen = {name: values[part] for name, values in facts.items()}
        noise = [root_noise[g] for g in part] if root_noise is not None else [None] * len(part)
        trees = _Trees(
            game, positions[part], chosen, evaluate, settings, list(zip([seeds[g] for g in part], noise, strict=True))
        )
        # One part tells for all: they are about as far.
        trees.run(progress if part[0] == 0 else SilentProgress())
        return trees.traces([seeds[g][0] for g in part])

    if len(parts) == 1:
        return run(parts[0])
    with ThreadPoolExecutor(len(parts)) as pool:
        return [trace for traces in pool.map(run, parts) for trace in traces]


class _Trees:
    """The trees of one thread, while they grow."""

    def __init__(
        self,
        game: Game,
        positions: npt.NDArray[np.uint64],
        facts: dict[str, npt.NDArray[Any]],
        evaluate: Evaluator,
        settings: SearchSettings,
        drawn: Sequence[tuple[tuple[int, ...], npt.NDArray[np.float64] | None]],
    ) -> None:
        self._game, self._evaluate, self._settings = game, evaluate, settings
        self._takes_positions = takes_positions(evaluate)
        G, S, A = len(positions), settings.simulations, game.actions
        nodes, edges = S + 1, (S + 1) * A
        if G * edges >= 2**31:
            raise WorkbenchError(
                f"{G} trees of {S} simulations with {A} actions each are more than fit into one search; search fewer "
                f"positions at a time."
            )
        table = considered_visits(min(settings.considered, A) if settings.rule == "gumbel" else 0, S)
        self._tree = allocate(G, nodes, edges, A, table, blank=False)
        self._room = Room(
            nodes=nodes,
            edges=edges,
            node_count=np.ones(G, np.int32),
            edge_count=np.zeros(G, np.int32),
            positions=np.zeros((G * nodes, game.words), np.uint64),
            done=np.zeros(G, np.int32),
            going=np.ones(G, np.bool_),
            leaf=np.zeros((G, S), np.int32),
            backed_up=np.zeros((G, S), np.float64),
            wave_of=np.zeros((G, S), np.int32),
            scores=np.zeros(A, np.float64),
        )
        M = G * settings.wave
        self._wave = Wave(
            leaf=np.full(M, -1, np.int32),
            edge=np.zeros(M, np.int32),
            node=np.zeros(M, np.int32),
            tree_of=np.zeros(M, np.int32),
            before=np.zeros((M, game.words), np.uint64),
            action=np.zeros(M, np.int16),
            after=np.zeros((M, game.words), np.uint64),
            legal=np.zeros((M, A), np.bool_),
            ended=np.zeros(M, np.uint8),
            outcome=np.zeros(M, np.float32),
            player=np.zeros(M, np.int8),
            open=np.zeros((M, game.words), np.uint64),
            open_row=np.zeros(M, np.int32),
        )
        self._observations = np.zeros((max(M, G), *game.observation_shape), np.float32)
        self._plant(positions, facts, drawn)

    def _plant(
        self,
        positions: npt.NDArray[np.uint64],
        facts: dict[str, npt.NDArray[Any]],
        drawn: Sequence[tuple[tuple[int, ...], npt.NDArray[np.float64] | None]],
    ) -> None:
        """Evaluate the roots, and mix in their noise."""
        tree, room, settings = self._tree, self._room, self._settings
        logits, values = ask(self._evaluate, self._game, positions)
        wrong = plant(tree, room, positions, facts["player"], facts["legal"], logits, values)
        if wrong >= 0:
            raise self._no_number(positions[wrong])
        self._root_priors: list[npt.NDArray[np.float32]] = []
        self._noises: list[npt.NDArray[np.float64] | None] = []
        for g, count in enumerate(room.edge_count.tolist()):
            edges = tree.edges[g * room.edges : g * room.edges + count]
            prior = edges["prior"].copy()
            self._root_priors.append(prior)
            noise = self._noise(*drawn[g], len(prior))
            self._noises.append(noise)
            if noise is not None and settings.rule == "gumbel":
                tree.gumbel[g, : len(prior)] = noise
            elif noise is not None:
                edges["prior"] = (1 - settings.noise) * prior + settings.noise * noise

    def _noise(
        self, seed: tuple[int, ...], given: npt.NDArray[np.float64] | None, actions: int
    ) -> npt.NDArray[np.float64] | None:
        if given is not None:
            if np.shape(given) != (actions,):
                raise WorkbenchError(f"A root with {actions} legal actions needs as much noise; got {np.shape(given)}.")
            return np.asarray(given, np.float64)
        if self._settings.rule == "gumbel":
            return np.random.default_rng(seed).gumbel(size=actions)
        if self._settings.rule == "puct" and self._settings.noise > 0:
            concentration = self._settings.noise_concentration or 10 / actions
            return np.random.default_rng(seed).dirichlet(np.full(actions, concentration))
        return None

    def run(self, progress: Progress) -> None:
        """Search until every budget is spent or every root is proven."""
        game, tree, room, wave = self._game, self._tree, self._room, self._wave
        rules, size, budget = self._settings.rules, self._settings.wave, self._settings.simulations
        waves = -(-budget // size)
        nothing = np.zeros((0, game.actions), np.float32), np.zeros(0, np.float32)
        number, waiting, (logits, values) = 0, 0, nothing
        while True:
            if number % 64 == 0:
                progress.update(number, waves, f"{number * size} simulations")
            new = advance(tree, rules, room, wave, size, number, budget, waiting, logits, values)
            if new == FINISHED:
                break
            if new < 0:
                raise self._no_number(wave.open[-2 - new])
            waiting, (logits, values) = 0, nothing
            if new:
                game.play(
                    wave.before[:new],
                    wave.action[:new],
                    wave.after[:new],
                    wave.legal[:new],
                    wave.ended[:new],
                    wave.outcome[:new],
                    wave.player[:new],
                )
                waiting = receive(tree, room, wave, new)
            if waiting:
                logits, values = self._evaluate(self._asked_about(waiting))
                if number == 0 or not (_is_plain(logits) and _is_plain(values)):
                    logits, values = check_evaluation((logits, values), waiting, game.actions, self._evaluate)
            number += 1
        progress.update(waves, waves, f"{number * size} simulations")

    def _asked_about(self, waiting: int) -> npt.NDArray[Any]:
        """The new positions of a wave, as the evaluator takes them: what is seen of them, or they themselves."""
        positions, seen = self._wave.open[:waiting], self._observations[:waiting]
        if self._takes_positions:
            return positions
        self._game.observe(positions, seen)
        return seen

    def _no_number(self, position: npt.NDArray[np.uint64]) -> WorkbenchError:
        name = getattr(self._evaluate, "name", type(self._evaluate).__name__)
        words = " ".join(f"{int(word):#x}" for word in position)
        return WorkbenchError(
            f"The evaluator {name} gave something that is not a number for the position {words} of {self._game.name}; "
            f"look at its weights."
        )

    def traces(self, seeds: Sequence[int]) -> list[SearchTrace]:
        """Take the trees' own part out of the arrays."""
        fingerprint = fingerprint_of(self._evaluate)
        return [
            SearchTrace.made_here(
                game=self._game.name,
                settings=self._settings,
                seed=seed,
                fingerprint=fingerprint,
                root_prior=prior,
                noise=noise,
                **copied,
            )
            for seed, prior, noise, copied in zip(
                seeds, self._root_priors, self._noises, copy_trees(self._tree, self._room), strict=True
            )
        ]


def _is_plain(array: Any) -> bool:
    """Whether the compiled code takes an array as it is."""
    return type(array) is np.ndarray and array.dtype == np.float32 and array.flags.c_contiguous
