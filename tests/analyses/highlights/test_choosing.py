"""The algorithm against a brute-force form of it, on random steps however they are cut into blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analyses.highlights.choosing import Block, State, choose


def steps(seed: int, episodes: int, longest: int, slots: int, *, twins: bool) -> Block:
    """Random steps of episodes whose rows interleave, as environments side by side record them."""
    generator = np.random.default_rng(seed)
    running = {slot: (slot, 0, int(generator.integers(1, longest + 1))) for slot in range(slots)}
    begun, rows = slots, []
    while running:
        for slot in list(running):
            episode, t, length = running[slot]
            rows.append((slot, episode, t))
            if t + 1 < length:
                running[slot] = (episode, t + 1, length)
            elif begun < episodes:
                running[slot], begun = (begun, 0, int(generator.integers(1, longest + 1))), begun + 1
            else:
                del running[slot]
    slot, episode, t = np.array(rows).T
    features = generator.normal(size=(len(rows), 2))
    if twins:
        features = features.round()
    importance = generator.normal(size=len(rows))
    importance[generator.random(len(rows)) < 0.1] = np.nan
    return Block(rows=np.arange(len(rows)), slots=slot, episodes=episode, t=t, importance=importance, features=features)


def cut(block: Block, size: int) -> list[Block]:
    parts = [slice(start, start + size) for start in range(0, len(block.rows), size)]
    return [Block(**{name: values[part] for name, values in vars(block).items()}) for part in parts]


def brute_paper(block: Block, k: int, i: int, *, diverse: bool) -> list[int]:
    """The paper's pseudocode, line by line, with c counted by episode; identical states compete from the start."""
    summary: list[State] = []
    c: dict[int, int] = {}
    for place in range(len(block.rows)):
        episode, state = int(block.episodes[place]), block.state(place)
        c[episode] = max(0, c.get(episode, 0) - 1)
        if np.isnan(state.importance):
            continue
        distances = [float(np.sum((state.features - other.features) ** 2)) for other in summary]
        if diverse:
            full = len(summary) == k or 0.0 in distances
            rival = int(np.argmin(distances)) if summary else None
        else:
            full = len(summary) == k
            rival = int(np.argmin([other.importance for other in summary])) if summary else None
        if c[episode] == 0 and (not full or state.importance > summary[rival].importance):
            if full:
                summary[rival] = state
            else:
                summary.append(state)
            c[episode] = i
    return sorted(state.row for state in summary)


def brute_peaks(block: Block, i: int) -> set[int]:
    """Per episode: the best step of each stretch of i steps, and of two closer than i the better, from the left."""
    kept: set[int] = set()
    for episode in np.unique(block.episodes):
        mine = np.flatnonzero((block.episodes == episode) & ~np.isnan(block.importance))
        best = [
            max(mine[block.t[mine] // i == stretch], key=lambda place: (block.importance[place], -block.t[place]))
            for stretch in np.unique(block.t[mine] // i)
        ]
        left: list[int] = []
        for place in best:
            if left and block.t[place] - block.t[left[-1]] < i:
                if block.importance[place] > block.importance[left[-1]]:
                    left[-1] = place
            else:
                left.append(place)
        kept |= {int(place) for place in left}
    return kept


any_steps = st.builds(
    steps,
    st.integers(0, 2**31),
    st.integers(3, 9),
    st.integers(1, 40),
    st.integers(1, 3),
    twins=st.booleans(),
)


@given(any_steps, st.integers(1, 6), st.integers(1, 12), st.integers(1, 50))
def test_the_published_rule_is_the_papers(block: Block, k: int, i: int, size: int) -> None:
    diverse, important = choose(cut(block, size), count=k, interval=i, interval_rule="published")
    assert sorted(one.row for one in diverse) == brute_paper(block, k, i, diverse=True)
    assert sorted(one.row for one in important) == brute_paper(block, k, i, diverse=False)


@given(any_steps, st.integers(1, 6), st.integers(1, 12), st.integers(1, 50))
def test_peaks_are_the_best_candidates_however_the_steps_are_cut(block: Block, k: int, i: int, size: int) -> None:
    diverse, important = choose(cut(block, size), count=k, interval=i)
    peaks = sorted(brute_peaks(block, i), key=lambda row: -block.importance[row])
    assert [one.row for one in important] == peaks[:k], "HIGHLIGHTS keeps the k most important candidates"
    assert [one.row for one in diverse] == [one.row for one in choose([block], count=k, interval=i)[0]]
    assert {one.row for one in diverse} <= set(peaks)
    assert [one.importance for one in diverse] == sorted((one.importance for one in diverse), reverse=True)


@given(any_steps, st.integers(1, 12))
def test_candidates_do_not_overlap_and_no_local_summit_is_lost(block: Block, i: int) -> None:
    every, important = choose([block], count=10_000, interval=i)
    for one in important:
        for other in important:
            assert one is other or one.episode != other.episode or abs(one.t - other.t) >= i
    found = {one.row for one in important}
    for place in np.flatnonzero(~np.isnan(block.importance)):
        near = (block.episodes == block.episodes[place]) & (np.abs(block.t - block.t[place]) < i)
        near[place] = False
        if (block.importance[place] > np.nan_to_num(block.importance[near], nan=-np.inf)).all():
            assert int(place) in found
    # With room for all, HIGHLIGHTS-DIV leaves out nothing but what is there already.
    assert len(every) == len({tuple(one.features) for one in important})


@pytest.mark.parametrize("rule", ["peak", "published"])
def test_twins_are_shown_once_with_diversity_and_twice_without(rule: str) -> None:
    importance = np.zeros(60)
    importance[[10, 30, 50]] = 3, 3.5, 2
    features = np.arange(60.0)[:, None] * [1, 0]
    features[30] = features[10]
    block = Block(
        rows=np.arange(60), slots=np.zeros(60, np.int64), episodes=np.zeros(60, np.int64), t=np.arange(60),
        importance=importance, features=features,
    )  # fmt: skip
    diverse, important = choose([block], count=3, interval=5, interval_rule=rule)
    assert {10, 30} <= {one.row for one in important}
    assert 30 in {one.row for one in diverse}
    assert 10 not in {one.row for one in diverse}


def test_the_papers_rule_may_pass_over_the_very_moment_and_peaks_do_not() -> None:
    importance = np.ones(60)
    importance[3] = 100
    block = Block(
        rows=np.arange(60), slots=np.zeros(60, np.int64), episodes=np.zeros(60, np.int64), t=np.arange(60),
        importance=importance, features=np.arange(60.0)[:, None],
    )  # fmt: skip
    assert 3 not in {one.row for one in choose([block], count=2, interval=10, interval_rule="published")[1]}
    assert choose([block], count=2, interval=10)[1][0].row == 3
