"""What a bit, a cut or a lost file costs is the rows of one chunk of one array, and they are named."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.faults.walker import Walk, Walker
from workbench.cli import main
from workbench.errors import WorkbenchError
from workbench.recording import LazyArray, Recording, open_recording, record

pytestmark = pytest.mark.sampled(2)

ARRAYS = {
    "activations/wide": 4,
    "activations/memory": 1,
    "steps/reward": 1,
    "steps/observation/inner/clock": 1,
    "steps/frame": 1,
    "steps/truth/cell": 1,
    "steps/terminated": 1,
    "state/hidden": 1,
    "episodes/return": 1,
    "episodes/final_observation/view": 1,
    "agent/normalisation/mean": 1,
}
"""An array of every kind, and how many chunks it has."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    out = tmp_path_factory.mktemp("whole") / "x.zarr"
    return record(
        Walker(recurrent=True, wide=True), lambda: Walk(render_mode="rgb_array"), out=out, frames=True, steps=800
    )


@pytest.fixture
def copy(whole: Recording, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole.path, tmp_path / "x.zarr"))


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)


def _random_bit(path: Path) -> None:
    flip(path, int(np.random.default_rng(5).integers(8 * path.stat().st_size)))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _exchange(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARM: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "a bit of the header": (lambda path: flip(path, 37), "checksum"),
    "a bit in the middle": (_random_bit, "checksum"),
    "a bit of the checksum": (lambda path: flip(path, 8 * path.stat().st_size - 3), "checksum"),
    "cut in half": (_truncate, "checksum"),
    "one byte too many": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "checksum"),
    "emptied": (lambda path: path.write_bytes(b""), "checksum"),
    "removed": (Path.unlink, "missing"),
    "a folder in its place": (_exchange, "not a regular file"),
}


def chunk(path: Path, array: str, number: int) -> Path:
    """The file of a chunk."""
    rest = open_recording(path).stored_arrays(array.partition("/")[0])[array.partition("/")[2]].ndim - 1
    return path.joinpath(*array.split("/"), "c", str(number), *["0"] * rest)


def read(path: Path) -> dict[str, LazyArray]:
    recording = open_recording(path)
    return {
        f"{group}/{name}": array
        for group in ("steps", "activations", "state", "episodes", "agent")
        for name, array in recording.stored_arrays(group).items()
    }


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("array", ARRAYS)
def test_damage_is_named_and_the_rest_is_read(whole: Recording, copy: Path, array: str, harm: str) -> None:
    number = ARRAYS[array] // 2
    do, why = HARM[harm]
    do(chunk(copy, array, number))
    arrays, intact = read(copy), read(Path(whole.path))
    height = arrays[array].chunks[0]
    first, last = number * height, min(len(arrays[array]), (number + 1) * height) - 1
    # All that it is.
    found = open_recording(copy).verify()
    assert [(bad.array, bad.first_row, bad.last_row) for bad in found.damage] == [(array, first, last)]
    assert why in found.damage[0].why
    # Reading says which array and which chunk.
    with pytest.raises(WorkbenchError, match=rf"(?s){re.escape(array)} cannot be read.*{why}"):
        arrays[array][last]
    # The rest of the array is there, and all the others.
    for rows in (slice(0, first), slice(last + 1, None)):
        assert arrays[array][rows].tobytes() == intact[array][rows].tobytes()
    if harm == "removed":
        for name in arrays.keys() - {array}:
            assert arrays[name][...].tobytes() == intact[name][...].tobytes(), name


def test_reading_says_which_rows_a_damaged_chunk_holds(copy: Path) -> None:
    flip(chunk(copy, "activations/wide", 1), 200)
    with pytest.raises(WorkbenchError, match=r"checksum of activations/wide/c/1/0 is wrong; it holds rows 238 to 475"):
        open_recording(copy).activations["wide"][:]


@pytest.mark.torture
@pytest.mark.timeout(1500)
def test_no_single_bit_of_a_chunk_goes_unnoticed(copy: Path, tell: Callable[[str], None]) -> None:
    """A thousand bits of each array at random, one after another."""
    generator = np.random.default_rng(9)
    for array in ARRAYS:
        path = chunk(copy, array, 0)
        content, stored = path.read_bytes(), read(copy)[array]
        for place in generator.integers(8 * len(content), size=1000).tolist():
            flip(path, place)
            assert len(list(stored.find_damage())) == 1, f"{array}, bit {place}"
            path.write_bytes(content)
        tell(f"bits of {array}")


def test_a_whole_recording_is_found_whole(whole: Recording) -> None:
    found = whole.verify()
    assert found.whole
    assert found.damage == ()
    assert found.arrays == len(read(Path(whole.path)))
    assert found.bytes_read == sum(array.nbytes for array in read(Path(whole.path)).values())


def test_arrays_that_are_gone_are_named(copy: Path) -> None:
    """Without the repetition of their metadata in the root's, as in a recording whose writer was killed."""
    root = json.loads((copy / "zarr.json").read_text())
    del root["consolidated_metadata"]
    (copy / "zarr.json").write_text(json.dumps(root))
    shutil.rmtree(copy / "activations" / "actor")
    (bad,) = open_recording(copy).verify().damage
    assert (bad.array, bad.first_row, bad.last_row, bad.why) == ("activations/actor", 0, 799, "the array is not there")
    shutil.rmtree(copy / "steps" / "reward")
    assert "lacks the column steps/reward" in open_recording(copy).verify().damage[0].why


def test_a_table_that_does_not_fit_the_steps_is_damage(copy: Path) -> None:
    import zarr

    zarr.open_group(copy, mode="r+", use_consolidated=False)["episodes/length"][0] = 10_000
    (bad,) = open_recording(copy).verify().damage
    assert bad.array == "episodes"
    assert "the table of episodes does not fit its 800 steps" in bad.why


def test_the_command_prints_what_is_damaged_and_fails(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(copy), "--verify"]) == 0
    assert capsys.readouterr().out.startswith("nothing is damaged in ")
    flip(chunk(copy, "activations/wide", 1), 200)
    chunk(copy, "steps/reward", 0).unlink()
    assert main(["info", str(copy), "--verify"]) == 1
    told = capsys.readouterr()
    assert re.search(r"steps/reward +0 +799 +steps/reward/c/0 is missing", told.out)
    assert re.search(r"activations/wide +238 +475 +the checksum of activations/wide/c/1/0 is wrong", told.out)
    assert told.err == f"{copy} is damaged in 2 places of 2 arrays; other arrays and rows can still be read.\n"
    assert main(["info", str(copy), "--verify", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["whole"] is False
    assert [bad["first_row"] for bad in facts["damage"]] == [0, 238]
