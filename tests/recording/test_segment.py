"""Segments give back what was put, whatever is small or large, there or absent, changed or not."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.recording.segment import ArraySpecification, Segment

SHAPES: dict[str, tuple[tuple[int, ...], Any]] = {
    "steps/reward": ((), np.float64),
    "steps/observation": ((3,), np.float32),
    "steps/frame": ((40, 40, 3), np.uint8),
    "steps/value": ((), torch.float32),
    "activations/small": ((5,), torch.float32),
    "activations/map": ((2, 3, 4), torch.float32),
    "activations/counts": ((2,), torch.int64),
    "activations/large": ((30, 50), torch.float32),
    "activations/half": ((7,), torch.bfloat16),
}


def specifications(names: list[str]) -> dict[str, ArraySpecification]:
    found = {}
    for name in names:
        shape, dtype = SHAPES[name]
        tensor = isinstance(dtype, torch.dtype)
        stored = (
            {torch.float32: np.float32, torch.int64: np.int64, torch.bfloat16: np.float32}[dtype] if tensor else dtype
        )
        found[name] = ArraySpecification(
            row_shape=shape,
            dtype=np.dtype(stored),
            dimensions=("step", *(f"axis_{axis}" for axis in range(len(shape)))),
            tensor=tensor,
            float32=dtype == torch.float32,
        )
    return found


def rows_of(segment: Segment, specification: ArraySpecification, path: str) -> npt.NDArray[Any]:
    pieces = [rows for name, rows in segment.blocks() if name == path]
    return np.concatenate(pieces).reshape(-1, *specification.row_shape)


def draw(name: str, batch: int, random: np.random.Generator) -> Any:
    shape, dtype = SHAPES[name]
    values = random.integers(0, 200, (batch, *shape))
    return torch.from_numpy(values).to(dtype) if isinstance(dtype, torch.dtype) else values.astype(dtype)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, unique=True),
    batches=st.lists(st.integers(1, 4), min_size=1, max_size=80),
    seed=st.integers(0, 2**16),
)
def test_what_was_put_comes_back(names: list[str], batches: list[int], seed: int) -> None:
    names = sorted({*names, "steps/reward"}, key=list(SHAPES).index)
    specs = specifications(names)
    segment = Segment(specs, 400)
    random = np.random.default_rng(seed)
    for _ in range(2):
        expected: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in names}
        for batch in batches:
            values = {name: draw(name, batch, random) for name in names}
            tensors = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
            segment.take({name: tensor + 1 for name, tensor in tensors.items()}, batch)
            segment.take(tensors, batch)
            assert segment.put({name: value for name, value in values.items() if name not in tensors}, batch) == []
            for name, value in values.items():
                expected[name].append(value.float().numpy() if name.endswith("half") else np.asarray(value))
        segment.join()
        segment.join()
        for name in names:
            np.testing.assert_array_equal(rows_of(segment, specs[name], name), np.concatenate(expected[name]))
        segment.clear()


def test_what_is_not_given_is_absent_and_named() -> None:
    specs = specifications(list(SHAPES))
    segment = Segment(specs, 100)
    random = np.random.default_rng(0)
    for number in range(3):
        values = {name: draw(name, 2, random) for name in SHAPES}
        columns = {name: value for name, value in values.items() if not isinstance(value, torch.Tensor)}
        if number != 1:
            segment.take({name: value for name, value in values.items() if name not in columns}, 2)
        else:
            del columns["steps/observation"]
        absent = segment.put(columns, 2)
        assert set(absent) == ({name for name in SHAPES if name not in columns} if number == 1 else set())
    segment.join()
    for name in ("steps/observation", "steps/value", "activations/map", "activations/large", "activations/half"):
        rows = rows_of(segment, specs[name], name)
        assert np.isnan(rows[2:4]).all()
        assert np.isfinite(rows[:2]).all()
        assert np.isfinite(rows[4:]).all()
    assert (rows_of(segment, specs["activations/counts"], "activations/counts")[2:4] == 0).all()


def test_a_large_tensor_that_is_changed_before_it_is_joined_is_absent() -> None:
    specs = specifications(["steps/reward", "activations/small", "activations/large"])
    segment = Segment(specs, 100)
    kept = []
    for number in range(3):
        tensors = {
            "activations/small": torch.full((2, 5), float(number)),
            "activations/large": torch.full((2, 30, 50), float(number)),
        }
        segment.take(tensors, 2)
        segment.put({"steps/reward": np.zeros(2)}, 2)
        kept.append(tensors)
    kept[1]["activations/small"].add_(100)
    kept[1]["activations/large"].add_(100)
    segment.join()
    small = rows_of(segment, specs["activations/small"], "activations/small")
    large = rows_of(segment, specs["activations/large"], "activations/large")
    assert small[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert np.isnan(large[2:4]).all()
    assert large[[0, 1, 4, 5], 0, 0].tolist() == [0, 0, 2, 2]
    assert segment.overwritten == {"activations/large": 2}


def test_rows_that_were_not_counted_are_cut_off() -> None:
    """An interrupt may come between a put and its count: the segment is then cut to what was counted."""
    specs = specifications(["steps/reward", "steps/frame", "activations/large"])
    segment = Segment(specs, 100)
    random = np.random.default_rng(0)
    for _ in range(5):
        values = {name: draw(name, 3, random) for name in specs}
        segment.take({"activations/large": values.pop("activations/large")}, 3)
        segment.put(values, 3)
    segment.filled = 12
    segment.join()
    assert all(len(rows_of(segment, spec, name)) == 12 for name, spec in specs.items())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"steps/reward": np.zeros(3)}, r"steps/reward has shape \[3\], not \[2\]"),
        ({"steps/reward": np.zeros((2, 1))}, r"steps/reward has shape \[2, 1\], not \[2\]"),
    ],
)
def test_other_shapes_are_refused(columns: dict[str, npt.NDArray[Any]], message: str) -> None:
    segment = Segment(specifications(["steps/reward"]), 100)
    segment.put({"steps/reward": np.zeros(2)}, 2)
    with pytest.raises(ValueError, match=message):
        segment.put(columns, 2)
    assert segment.filled == 2


def test_unknown_names_are_refused() -> None:
    segment = Segment(specifications(["steps/reward", "activations/small"]), 100)
    with pytest.raises(KeyError, match="steps/other"):
        segment.put({"steps/reward": np.zeros(2), "steps/other": np.zeros(2)}, 2)
    with pytest.raises(KeyError, match="activations/other"):
        segment.take({"activations/other": torch.zeros(2, 5)}, 2)
    with pytest.raises(ValueError, match="activations/small has shape"):
        segment.take({"activations/small": torch.zeros(2, 6)}, 2)
