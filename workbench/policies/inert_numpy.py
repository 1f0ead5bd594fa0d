"""Rebuild numpy arrays and scalars from inert records with our own code, from shape, type code and bytes."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.policies.inert_pickle import InertGlobal, InertObject, InertPickleError, shown

_KINDS = {f"{kind}{size}" for kind, sizes in {"i": "1248", "u": "1248", "f": "248"}.items() for size in sizes} | {"b1"}
"""The element types that are rebuilt: plain numbers of fixed size, never objects."""
_TYPE_NAMES = {
    "bool": "b1", "bool_": "b1", "float16": "f2", "float32": "f4", "float64": "f8", "int8": "i1", "int16": "i2",
    "int32": "i4", "int64": "i8", "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8", "int_": "i8",
    "float": "f8", "int": "i8",
}  # fmt: skip


def is_array(record: Any) -> bool:
    """Say whether `record` is a pickled numpy array."""
    return isinstance(record, InertObject) and record.name.rpartition(".")[2] in {"_reconstruct", "_frombuffer"}


def read_dtype(record: Any) -> np.dtype[Any]:
    """Read a pickled numpy type: a `dtype` object, a scalar class such as `numpy.float32`, or a type code."""
    order = "<"
    code: Any
    if isinstance(record, InertGlobal):
        code = _TYPE_NAMES.get(record.name.rpartition(".")[2], "")
    elif isinstance(record, InertObject) and record.name == "numpy.dtype" and record.arguments:
        code = record.arguments[0]
        if isinstance(record.state, tuple) and len(record.state) > 1 and record.state[1] in ("<", ">", "|", "="):
            order = record.state[1]
    elif isinstance(record, InertObject) and record.name.startswith("numpy.dtype"):
        code = _TYPE_NAMES.get(record.name.rpartition(".")[2].lower().removesuffix("dtype"), "")
    else:
        code = record
    if isinstance(code, str):
        code = _TYPE_NAMES.get(code, code)
    if not isinstance(code, str) or code not in _KINDS:
        raise InertPickleError(f"an array of elements {shown(code)}; plain numbers are read")
    return np.dtype(f"{order}{code}")


def _from_bytes(data: Any, dtype: np.dtype[Any], shape: Any, fortran: bool) -> npt.NDArray[Any]:
    if isinstance(shape, int):
        shape = (shape,)
    if not isinstance(shape, tuple) or len(shape) > 8 or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise InertPickleError("an array of a shape that is not up to eight sizes")
    if isinstance(data, str):
        try:
            data = data.encode("latin1")
        except UnicodeEncodeError as error:
            raise InertPickleError("an array whose bytes are text") from error
    if not isinstance(data, (bytes, bytearray)) or len(data) != math.prod(shape) * dtype.itemsize:
        raise InertPickleError(f"an array of shape {shape} whose bytes do not fill it")
    array = np.frombuffer(bytes(data), dtype=dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), order="C")


def read_array(record: Any) -> npt.NDArray[Any]:
    """Rebuild a pickled numpy array (or scalar, as an array without axes).

    Args:
        record: The inert record of the array, or a plain number.

    Returns:
        A new array in the machine's byte order.

    Raises:
        InertPickleError: Not an array, of objects, or with bytes that do not fill its shape.
    """
    if isinstance(record, (bool, int, float)):
        return np.asarray(read_number(record))
    if not isinstance(record, InertObject):
        raise InertPickleError(f"a {type(record).__name__} where an array belongs")
    kind = record.name.rpartition(".")[2]
    if kind == "_reconstruct" and isinstance(record.state, tuple) and len(record.state) == 5:
        _, shape, dtype, fortran, data = record.state
        return _from_bytes(data, read_dtype(dtype), shape, bool(fortran))
    if kind == "_frombuffer" and len(record.arguments) == 4:
        data, dtype, shape, order = record.arguments
        return _from_bytes(data, read_dtype(dtype), shape, order == "F")
    if kind == "scalar" and len(record.arguments) == 2:
        return _from_bytes(record.arguments[1], read_dtype(record.arguments[0]), (), False)
    raise InertPickleError(f"{shown(record)} where an array belongs")


def read_number(record: Any) -> Any:
    """Read a plain or numpy number as a plain Python one.

    Raises:
        InertPickleError: Not a number, or a whole one of more than 64 bits.
    """
    if isinstance(record, int) and record.bit_length() > 64:
        raise InertPickleError("a number of more than 64 bits")
    if isinstance(record, (bool, int, float)):
        return record
    array = read_array(record)
    if array.size != 1:
        raise InertPickleError(f"an array of shape {array.shape} where a number belongs")
    return array.item()
