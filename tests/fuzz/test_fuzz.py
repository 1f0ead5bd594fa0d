"""Files changed at random end in a result or in a sentence; they run nothing, and take neither long nor much memory.

A failure names its case; `make_case(name, seed, number, Corpus(folder))` makes it again.
"""

import time
from pathlib import Path

import pytest

from tests.fuzz.batch import TARGETS
from tests.fuzz.corpus import make_corpus
from tests.hostile.arena import LARGEST, Arena

SEED = 20_250_731
BATCH = 1000
"""Cases that one process reads."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound files."""
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder)
    return folder


def fuzz(name: str, seed: int, count: int, arena: Arena, corpus: Path, folder: Path) -> None:
    """Read so many cases, a batch after the other."""
    read, refused, peak, slowest, began = 0, 0, 0, 0.0, time.monotonic()
    for start in range(0, count, BATCH):
        some = min(BATCH, count - start)
        verdict = arena.run("fuzz", name, seed, start, some, corpus, folder, writes=folder, seconds=300)
        where = f"{name}, seed {seed}, cases {start} to {start + some - 1}"
        assert verdict.outcome == "done", f"{where}: {verdict}"
        assert not verdict.value["broken"], "\n".join(verdict.value["broken"])
        assert not verdict.alarms, f"{where}: {verdict.alarms}"
        assert verdict.peak < LARGEST, f"{where}: {verdict.peak:,} bytes"
        assert verdict.value["read"] + verdict.value["refused"] == some
        read, refused = read + verdict.value["read"], refused + verdict.value["refused"]
        peak, slowest = max(peak, verdict.peak), max(slowest, verdict.value["slowest"])
    assert read, "all were refused: they are not alike enough to sound ones"
    assert refused, "none was refused: they are too much like sound ones"
    print(
        f"\n{name}: {count:,} cases in {time.monotonic() - began:.0f} s, {read:,} read, {refused:,} refused, "
        f"slowest {slowest:.2f} s, peak {peak / 1e6:.0f} MB"
    )
    assert not list(folder.rglob("executed"))


@pytest.mark.parametrize("name", TARGETS)
def test_some_cases(name: str, arena: Arena, corpus: Path, tmp_path: Path) -> None:
    fuzz(name, SEED, TARGETS[name].short, arena, corpus, tmp_path)


@pytest.mark.torture
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", TARGETS)
def test_a_hundred_thousand_cases(name: str, arena: Arena, corpus: Path, tmp_path: Path) -> None:
    fuzz(name, SEED + 1, TARGETS[name].long, arena, corpus, tmp_path)


def test_the_long_form_is_long() -> None:
    assert sum(target.long for target in TARGETS.values()) >= 100_000
