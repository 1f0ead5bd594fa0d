"""The inert reader executes nothing, is bounded, and rebuilds arrays and spaces faithfully."""

import contextlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workbench.policies.inert_numpy import read_array, read_number
from workbench.policies.inert_pickle import InertGlobal, InertObject, InertPickleError, read_inert
from workbench.policies.inert_spaces import read_space

settings.register_profile("policies", deadline=None, max_examples=60)
quick = settings.get_profile("policies")
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@quick
@given(value=plain, protocol=st.integers(2, pickle.HIGHEST_PROTOCOL))
def test_plain_data_comes_back(value: Any, protocol: int) -> None:
    if protocol < 3:  # bytes have no opcode there, and come as a call
        value = repr(value)
    assert read_inert(pickle.dumps(value, protocol)) == value


@quick
@given(
    array=arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_, ">f8"]), arrays.array_shapes(min_dims=0)
    ),
    protocol=st.integers(3, pickle.HIGHEST_PROTOCOL),
    fortran=st.booleans(),
)
def test_arrays_come_back(array: np.ndarray, protocol: int, fortran: bool) -> None:
    if fortran:
        array = np.asfortranarray(array)
    np.testing.assert_array_equal(read_array(read_inert(pickle.dumps(array, protocol))), array)


@quick
@given(
    value=st.sampled_from([np.float32(1.5), np.int64(-3), np.bool_(True), np.float64(0.1)]), protocol=st.integers(3, 5)
)
def test_scalars_come_back(value: Any, protocol: int) -> None:
    assert read_number(read_inert(pickle.dumps(value, protocol))) == value


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(InertPickleError, match="plain numbers"):
        read_array(read_inert(pickle.dumps(np.array([{}, []], object))))


def test_an_array_must_fill_its_shape() -> None:
    record = InertObject("numpy._core.numeric._frombuffer", (bytes(4), "f4", (1_000_000_000,), "C"))
    with pytest.raises(InertPickleError, match="do not fill"):
        read_array(record)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1.0, 1.0, (3,), np.float32),
        spaces.Box(np.array([0.0, -np.inf]), np.array([2.0, np.inf]), dtype=np.float64),
        spaces.Box(0, 255, (8, 9, 3), np.uint8),
        spaces.Discrete(4),
        spaces.Discrete(4, start=-1),
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiDiscrete(np.array([[2, 3], [4, 5]])),
        spaces.MultiBinary(3),
        spaces.MultiBinary([2, 2]),
        spaces.Dict(z=spaces.Discrete(2), a=spaces.Box(0, 1, (2,))),
    ],
    ids=str,
)
def test_spaces_come_back(space: spaces.Space, protocol: int) -> None:
    space.sample()  # a generator within the space comes along, and is ignored
    restored = read_space(read_inert(cloudpickle.dumps(space, protocol)))
    assert restored == space
    if isinstance(space, spaces.Dict) and isinstance(restored, spaces.Dict):
        assert list(restored.spaces) == list(space.spaces)


class Attack:
    """Creates a file when it is unpickled, in one of several ways."""

    def __init__(self, path: Path, way: str) -> None:
        self.path, self.way = path, way

    def __reduce__(self) -> Any:
        ways = {
            "system": (os.system, (f"touch {self.path}",)),
            "eval": (eval, (f"open({str(self.path)!r}, 'w')",)),
            "state": (Path, (), {"a": (os.system, (f"touch {self.path}",))}),
            "open": (io.open, (str(self.path), "w")),
            "items": (list, (), None, iter([Attack(self.path, "system")])),
        }
        return ways[self.way]


@pytest.mark.parametrize("way", ["system", "eval", "state", "open", "items"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_executed(way: str, protocol: int, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    record = read_inert(pickle.dumps(Attack(target, way), protocol))
    assert isinstance(record, InertObject)
    assert not target.exists()


def test_names_are_not_imported() -> None:
    assert read_inert(b"cantigravity_never_imported\nThing\n.") == InertGlobal("antigravity_never_imported.Thing")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends"),
        (b"\x80\x04", "ends"),
        (b"not a pickle", "cannot be followed|unknown|ends"),
        (b"\x82\x01.", "no saved agent uses"),
        (b"Pid\n.", "no saved agent uses"),
        (b"\x97.", "no saved agent uses"),
        (b"I1\n)R.", "not a name"),
        (b"(" * 10_000 + b".", "nesting"),
        (b"N0" * 2_000_000 + b".", "operations"),
        (b"\x96" + (2**62).to_bytes(8, "little") + b".", "cannot be followed|ends"),
        (b"\x8e" + (2**62).to_bytes(8, "little") + b".", "cannot be followed|ends"),
        (b"}" + b")" + b"2\x86" * 60 + b"Ns.", "key"),
    ],
)
def test_malformed_or_greedy_bytes_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(InertPickleError, match=why):
        read_inert(data)


@quick
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(InertPickleError):
        read_inert(data)


@quick
@given(st.data())
def test_a_damaged_pickle_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(pickle.dumps({"space": spaces.Box(-1, 1, (2,)), "n": [1, 2.5, "x"]}, 4))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InertPickleError):
        read_inert(bytes(whole))
