"""Reading is exact, lazy and clear about what is not there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, BytesCodec, TransposeCodec, ZstdCodec

from tests.recording.toy import Counter, ToyPolicy
from workbench.errors import WorkbenchError
from workbench.recording import BrokenRecording, Recording, list_recordings, open_recording, record
from workbench.recording.layout import compressors
from workbench.recording.lazy import LazyArray
from workbench.recording.stored_array import parse_array
from workbench.recording.stored_files import LocalFiles, StoredFileError


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    out = tmp_path_factory.mktemp("recordings") / "x.zarr"
    return record(ToyPolicy(), Counter, out=out, episodes=12, environments=4)


VALUES = np.arange(60).reshape(20, 3)


def stored(folder: Path, values: np.ndarray, **how: Any) -> LazyArray:
    """An array `test` that plain Zarr has written into a folder, as the reader sees it."""
    array = zarr.create_array(str(folder), name="test", shape=values.shape, dtype=values.dtype, **how)
    array[...] = values
    document = json.loads((folder / "test" / "zarr.json").read_text())
    return LazyArray(parse_array("test", document), LocalFiles(folder), 20)


@pytest.fixture(scope="module")
def lazy(tmp_path_factory: pytest.TempPathFactory) -> LazyArray:
    values = np.concatenate([VALUES, np.full((5, 3), -999)])
    return stored(tmp_path_factory.mktemp("a"), values, chunks=(4, 3), compressors=compressors())


@settings(max_examples=150, deadline=None)
@given(
    key=st.one_of(
        st.integers(-20, 19),
        st.slices(20),
        st.lists(st.integers(-20, 19), max_size=30).map(lambda rows: np.array(rows, np.int64)),
        st.lists(st.booleans(), min_size=20, max_size=20).map(np.array),
        st.just(Ellipsis),
    ),
    column=st.one_of(st.none(), st.integers(-3, 2), st.slices(3)),
)
def test_indexing_is_numpys(lazy: LazyArray, key: object, column: object) -> None:
    index = key if column is None or key is Ellipsis else (key, column)
    expected = VALUES[index]  # type: ignore[index]
    np.testing.assert_array_equal(lazy[index], expected)
    assert lazy[index].shape == expected.shape


@pytest.mark.parametrize("key", [20, -21, np.array([3, 20]), np.array([True]), np.array([0.5])])
def test_rows_that_are_not_there(lazy: LazyArray, key: object) -> None:
    with pytest.raises(IndexError):
        lazy[key]


def test_blocks_cover_everything_once(lazy: LazyArray) -> None:
    blocks = list(lazy.blocks(size_bytes=200))
    assert len(blocks) > 1
    np.testing.assert_array_equal(np.concatenate([values for _, values in blocks]), VALUES)
    assert [block.start for block, _ in blocks] == [0, 8, 16]


def test_plain_zarr_and_xarray_read_it(recording: Recording) -> None:
    group = zarr.open_group(recording.path, mode="r")
    np.testing.assert_array_equal(group["steps/value"][:], recording.steps["value"][:])
    assert group["steps/value"].shape == (len(recording),)
    for name in ("steps", "activations", "episodes"):
        with xarray.open_zarr(recording.path, group=name, consolidated=False) as dataset:
            assert dataset.sizes["episode" if name == "episodes" else "step"] in (len(recording), 12)


def test_single_rows_are_those_of_plain_zarr(recording: Recording) -> None:
    group = zarr.open_group(recording.path, mode="r")
    for name in ("steps", "activations"):
        for path, array in getattr(recording, name).items():
            for row in (0, 3, len(recording) - 1):
                np.testing.assert_array_equal(array[row], group[f"{name}/{path}"][row], err_msg=path)
                assert array[row].dtype == array.dtype


@pytest.mark.parametrize("how", [{"compressors": None}, {"compressors": BloscCodec(cname="zstd")}])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "float16", "float64", "int64"])
def test_what_plain_zarr_writes_in_this_format_is_read(tmp_path: Path, how: dict[str, Any], dtype: str) -> None:
    values = np.arange(1, 61).reshape(20, 3).astype(dtype)
    array = stored(tmp_path, values, chunks=(6, 3), **how)
    np.testing.assert_array_equal(array[:], values)
    np.testing.assert_array_equal(array[1:19:7], values[1:19:7])
    assert array[4].dtype == values.dtype


@pytest.mark.filterwarnings("ignore:The data type")  # Zarr's own, on types that its specification does not have
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"chunks": (3, 1)}, "rows stay whole"),
        ({"compressors": ZstdCodec()}, r"the codecs \['bytes', 'zstd'\]"),
        ({"compressors": None, "serializer": BytesCodec(endian="big")}, "little-endian ones are read"),
        ({"filters": [TransposeCodec(order=(1, 0))]}, "the codecs"),
        ({"chunks": (5, 3), "shards": (20, 3)}, "the codecs"),
        ({"dtype": "complex64"}, "elements of type 'complex64'"),
        ({"dtype": "datetime64[s]"}, "plain numbers are read"),
        ({"dtype": "U4"}, "plain numbers are read"),
    ],
)
def test_what_is_stored_otherwise_is_refused_by_name(tmp_path: Path, how: dict[str, Any], why: str) -> None:
    settings = {"chunks": (4, 3), "dtype": "f8"} | how
    values = np.ones((20, 3)).astype(settings.pop("dtype"))
    with pytest.raises(StoredFileError, match=why):
        stored(tmp_path, values, **settings)


def test_xarray_tree_is_lazy_and_equal(recording: Recording) -> None:
    tree = recording.to_xarray()
    assert tree["steps/action"].dims == ("step",)
    np.testing.assert_array_equal(tree["activations/first"].values, recording.activations["first"][:])
    np.testing.assert_array_equal(tree["activations/first"][3:9, 2].values, recording.activations["first"][3:9, 2])
    np.testing.assert_array_equal(
        tree["activations/first"][[5, 1], 1:3].values, recording.activations["first"][:][[5, 1], 1:3]
    )
    np.testing.assert_array_equal(tree["episodes/return"].values, recording.episodes["return"])


def test_what_is_not_there_is_named(recording: Recording) -> None:
    with pytest.raises(WorkbenchError, match=r"has no steps\['q_values'\]; it has: action, episode"):
        recording.steps["q_values"]
    with pytest.raises(WorkbenchError, match="no episode 12: the recording has 12"):
        recording.episode(12)
    with pytest.raises(WorkbenchError, match="no observation/camera"):
        recording.episode(0).observations("camera")


def test_a_summary_is_plain_json_and_its_numbers_add_up(recording: Recording) -> None:
    facts = json.loads(json.dumps(recording.summary()))
    returns = recording.episodes["return"]
    assert facts["mean_return"] == pytest.approx(returns.mean())
    assert facts["std_return"] == pytest.approx(returns.std())
    low, high = facts["return_interval_95"]
    assert low < facts["mean_return"] < high
    assert facts["return_interval_method"] == "student_t"
    assert f"mean return {facts['return_in_words']}" in repr(recording)
    assert "Student's t, n = 12 episodes" in facts["return_in_words"]
    assert facts["steps"] == recording.episodes["length"].sum() == len(recording)
    assert facts["bytes_on_disk"] == sum(f.stat().st_size for f in Path(recording.path).rglob("*") if f.is_file())
    assert set(facts["layers"]) == set(recording.activations)
    assert "Recording" in repr(recording)
    assert "<table>" in recording._repr_html_()


def test_replay_is_exact(recording: Recording) -> None:
    for row in (0, 7, len(recording) - 1):
        replayed = recording.replay(row, environment=Counter())
        assert replayed.exact
        assert replayed.largest_difference == 0
        assert replayed.info["truth"]["t"] == recording.steps["t"][row]
    with pytest.raises(WorkbenchError, match="handed over as an object"):
        recording.replay(0)


def test_replay_notices_another_environment(recording: Recording) -> None:
    class Shifted(Counter):
        def _observe(self) -> tuple[np.ndarray, dict]:
            observation, info = super()._observe()
            return observation + 0.25, info

    replayed = recording.replay(3, environment=Shifted())
    assert not replayed.exact
    assert replayed.largest_difference == 0.25


def test_reading_waits_for_no_library_of_networks(recording: Recording) -> None:
    code = (
        "import sys, workbench; r = workbench.open_recording(sys.argv[1]);"
        "r.episode(0).column('value'); r.summary(); r.verify();"
        "assert not {'torch', 'stable_baselines3', 'streamlit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, recording.path], check=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "diary"}, "not a recording"),
        ({"format_version": 99}, "format version 99"),
        ({"committed_steps": "many"}, "damaged"),
        ({"committed_steps": -4}, "damaged"),
    ],
)
def test_other_formats_are_refused_by_name(tmp_path: Path, change: dict, message: str) -> None:
    out = tmp_path / "x.zarr"
    record(ToyPolicy(), Counter, out=out, episodes=1)
    root = json.loads((out / "zarr.json").read_text())
    root["attributes"] |= change
    (out / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(WorkbenchError, match=message):
        open_recording(out)


@pytest.mark.parametrize("url", ["memory://bucket/x.zarr", "file://{folder}/x.zarr"])
def test_recordings_live_at_urls_too(tmp_path: Path, recording: Recording, url: str) -> None:
    there = url.format(folder=tmp_path)
    written = record(ToyPolicy(), Counter, out=there, episodes=12, environments=4)
    for group in ("steps", "activations"):
        for name, array in getattr(open_recording(there), group).items():
            np.testing.assert_array_equal(array[:], getattr(recording, group)[name][:], err_msg=name)
    assert written.summary()["bytes_on_disk"] > 0
    with pytest.raises(WorkbenchError, match="exists already"):
        record(ToyPolicy(), Counter, out=there, episodes=1)
    assert record(ToyPolicy(), Counter, out=there, episodes=1, overwrite=True).number_of_episodes == 1


def test_a_url_that_holds_something_else_is_not_overwritten() -> None:
    import fsspec

    with fsspec.open("memory://precious/diary/monday.txt", "w") as file:
        file.write("dear diary")
    with pytest.raises(WorkbenchError, match="not a recording, so it is not overwritten"):
        record(ToyPolicy(), Counter, out="memory://precious/diary", episodes=1, overwrite=True)
    assert fsspec.filesystem("memory").cat_file("/precious/diary/monday.txt") == b"dear diary"


def test_listing_shows_the_broken_ones_too(tmp_path: Path) -> None:
    record(ToyPolicy(), Counter, out=tmp_path / "a" / "good.zarr", episodes=1)
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / "zarr.json").write_text("{")
    good, bad = sorted(list_recordings(tmp_path), key=lambda entry: isinstance(entry, BrokenRecording))
    assert isinstance(good, dict)
    assert good["episodes"] == 1
    assert isinstance(bad, BrokenRecording)
    assert "not a readable recording" in bad.reason
    with pytest.raises(WorkbenchError, match="no folder"):
        list_recordings(tmp_path / "nowhere")


def test_a_damaged_chunk_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    recording = record(ToyPolicy(), Counter, out=out, episodes=3)
    chunk = next((out / "steps" / "value" / "c").rglob("0"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 0xFF
    chunk.write_bytes(bytes(content))
    for rows in (slice(None), 0):
        with pytest.raises(WorkbenchError, match=r"steps/value cannot be read"):
            recording.steps["value"][rows]
    assert len(recording.steps["reward"][:]) == len(recording)


def test_xarray_opens_all_of_it_without_us(recording: Recording) -> None:
    """Every array has named axes, those of what is kept of the agent too."""
    with xarray.open_datatree(recording.path, engine="zarr") as tree:
        assert {"steps", "activations", "episodes", "agent"} <= set(tree.children)
        rows = len(recording)
        np.testing.assert_array_equal(tree["steps"]["reward"][:rows], recording.steps["reward"][:])


def test_damage_is_told_without_the_list_of_rows(tmp_path: Path) -> None:
    made = record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", episodes=40)
    [chunk] = (tmp_path / "x.zarr" / "steps" / "reward" / "c").iterdir()
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    count = len(made)
    for rows, told in (
        (np.arange(3, count, 2), f"{len(range(3, count, 2))} rows from 3 to {count - 1 - (count % 2 == 1)}"),
        (slice(2, 9), "rows 2 to 8"),
        (5, "row 5"),
        (slice(None), "its rows"),
    ):
        with pytest.raises(WorkbenchError, match=f"cannot be read at {told}: the checksum"):
            open_recording(tmp_path / "x.zarr").steps["reward"][rows]
