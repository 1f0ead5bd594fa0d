"""Python expressions over what was recorded, to say which steps are meant: `action == 2 and truth.distance < 4`.

An expression is read as Python reads it, and only comparisons, arithmetic, `and`, `or`, `not`, places (`[0]`) and a few
functions are carried out; nothing else of the language is there, so that an expression from a stranger is harmless.

Names:
    every column of the steps          `action`, `reward`, `value`, `t`, `observation`, `logits` …
    what a column holds by a name      `truth.mouse`, `observation.image`
    the step's episode                 `episode` (its number), `episode_return`, `episode_length`, `episode_seed`

Axis legend: T steps of the recording.
"""

import ast
import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

MOST_BYTES = 1 << 30
"""Of one column as it is worked with (whole numbers as 64 bits), and of any part of an expression."""
LONGEST = 2_000
"""Characters of an expression."""
OF_EPISODES = {"episode_return": "return", "episode_length": "length", "episode_seed": "seed"}

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def _over_a_step(reduce: Callable[..., Any]) -> Callable[[Any], Any]:
    """Of all numbers of each step."""

    def function(values: Any) -> Any:
        array = np.asarray(values)
        return reduce(array.reshape(len(array), -1), axis=1) if array.ndim > 1 else array

    return function


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "all": _over_a_step(np.all),
    "any": _over_a_step(np.any),
    "sum": _over_a_step(np.sum),
    "min": _over_a_step(np.min),
    "max": _over_a_step(np.max),
    "argmax": _over_a_step(np.argmax),
}


def evaluate(recording: "Recording", text: str) -> npt.NDArray[Any]:
    """What an expression is at each step.

    Args:
        recording: Holds the columns.
        text: The expression. `and`, `or` and `not` are taken step by step; `x[0]` is the first number of each step's
            `x`; `all(…)`, `any`, `sum`, `min`, `max` and `argmax` are taken over the numbers of one step, `abs`,
            `sqrt`, `minimum(a, b)` and `maximum(a, b)` number by number.

    Returns:
        `[T, ...]`.

    Raises:
        WorkbenchError: It is no expression, names what was not recorded, or asks for more than it may.
    """
    if len(text) > LONGEST:
        raise WorkbenchError(f"An expression has at most {LONGEST:,} characters; this one has {len(text):,}.")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        with np.errstate(all="ignore"):
            found = np.asarray(_Reader(recording, text).value(tree.body))
    except (SyntaxError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "too deep"
        raise WorkbenchError(f"{text!r} is no expression ({reason}). {_there_are(recording)}") from error
    except (TypeError, ValueError, IndexError, ArithmeticError) as error:
        raise WorkbenchError(f"{text!r} cannot be worked out: {error}. {_there_are(recording)}") from error
    if found.ndim == 0:
        found = np.full(len(recording), found)
    return found


def rows_where(recording: "Recording", text: str) -> npt.NDArray[np.int64]:
    """The rows of the steps at which an expression holds.

    Args:
        recording: Holds the columns.
        text: An expression that is true or false at each step.

    Raises:
        WorkbenchError: It is no such expression, or holds at no step.
    """
    found = evaluate(recording, text)
    if found.shape != (len(recording),) or found.dtype != np.bool_:
        raise WorkbenchError(
            f"{text!r} must be true or false at each step, such as `action == 2`; it gives {found.dtype} "
            f"{list(found.shape)}. Numbers of several places are taken together by all(…) or any(…)."
        )
    rows = np.flatnonzero(found).astype(np.int64)
    if not len(rows):
        raise WorkbenchError(f"{text!r} holds at none of the {len(recording):,} recorded steps.")
    return rows


def columns_named(text: str) -> frozenset[str]:
    """The columns that an expression asks for, by the first part of their names; nothing of one that is none."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        return frozenset()
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)) - frozenset(_FUNCTIONS)


class _Reader:
    """Works out the parts of one expression."""

    def __init__(self, recording: "Recording", text: str) -> None:
        self._recording = recording
        self._text = text
        self._read: dict[str, npt.NDArray[Any]] = {}

    def value(self, node: ast.expr) -> Any:
        """What a part of it is."""
        match node:
            case ast.Constant(value=bool() | int() | float() as constant):
                return constant
            case ast.Name() | ast.Attribute():
                return self._column(_dotted(node))
            case ast.Subscript(value=value, slice=place):
                return self._placed(self.value(value), place)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return operator.neg(self.value(operand))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ~self._truths(operand)
            case ast.BoolOp(op=joined, values=parts):
                combine = np.logical_and if isinstance(joined, ast.And) else np.logical_or
                return functools.reduce(combine, map(self._truths, parts))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](*self._aligned(left, right))
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(one) in _COMPARISONS for one in ops):
                sides = [left, *others]
                compared = [
                    _COMPARISONS[type(one)](*self._aligned(first, second))
                    for one, first, second in zip(ops, sides[:-1], sides[1:], strict=True)
                ]
                return functools.reduce(np.logical_and, compared)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                if name in ("minimum", "maximum") and len(arguments) == 2:
                    return _FUNCTIONS[name](*self._aligned(*arguments))
                return _FUNCTIONS[name](*(self.value(argument) for argument in arguments))
        raise WorkbenchError(
            f"{ast.unparse(node)!r} in {self._text!r} is nothing that an expression may hold: comparisons, arithmetic, "
            f"and, or, not, places [0], and {', '.join(_FUNCTIONS)}. {_there_are(self._recording)}"
        )

    def _aligned(self, left: ast.expr, right: ast.expr) -> tuple[Any, Any]:
        """Two sides of which one may have one number a step and the other several; plain numbers stay plain, so that
        0.1 is what a column of single precision holds for it.
        """
        first, second = self.value(left), self.value(right)
        if np.ndim(first) and np.ndim(second):
            deeper = max(first.ndim, second.ndim)
            first, second = (x.reshape(*x.shape, *(1,) * (deeper - x.ndim)) for x in (first, second))
            shape = np.broadcast_shapes(first.shape, second.shape)
            if 8 * math.prod(shape) > MOST_BYTES:
                raise WorkbenchError(f"A part of {self._text!r} has {list(shape)} numbers, which is too many.")
        return first, second

    def _truths(self, node: ast.expr) -> npt.NDArray[np.bool_]:
        found = np.asarray(self.value(node))
        if found.dtype != np.bool_:
            raise WorkbenchError(f"{ast.unparse(node)!r} in {self._text!r} is neither true nor false; compare it.")
        return found

    def _placed(self, values: Any, place: ast.expr) -> Any:
        places = place.elts if isinstance(place, ast.Tuple) else [place]
        numbers: list[Any] = []
        for one in places:
            number = ast.literal_eval(one) if isinstance(one, ast.Constant | ast.UnaryOp) else None
            if not isinstance(number, int) or isinstance(number, bool):
                raise WorkbenchError(f"A place is a whole number, [0] or [2, 3]; came {ast.unparse(place)!r}.")
            numbers.append(number)
        index: tuple[Any, ...] = (slice(None), *numbers)
        return np.asarray(values)[index]

    def _column(self, name: str) -> npt.NDArray[Any]:
        if name not in self._read:
            found = self._read_column(name)
            # Whole numbers are wide enough for differences and sums.
            self._read[name] = found.astype(np.int64) if found.dtype.kind in "iu" else found
        return self._read[name]

    def _read_column(self, name: str) -> npt.NDArray[Any]:
        recording = self._recording
        if name in OF_EPISODES or name == "episode":
            ids = recording.steps["episode"][:]
            order = np.argsort(recording.episodes["id"], kind="stable")
            numbers = order[np.searchsorted(recording.episodes["id"][order], ids)]
            return numbers if name == "episode" else np.asarray(recording.episodes[OF_EPISODES[name]])[numbers]
        stored = name.replace(".", "/")
        if stored not in recording.steps:
            raise WorkbenchError(f"{name!r} in {self._text!r} was not recorded. {_there_are(recording)}")
        array = recording.steps[stored]
        size = math.prod(array.shape) * (8 if array.dtype.kind in "iu" else array.dtype.itemsize)
        if size > MOST_BYTES:
            raise WorkbenchError(
                f"{name!r} holds {size / 2**30:.1f} GiB, and an expression reads columns of at most "
                f"{MOST_BYTES / 2**30:.0f}; work that out in Python, and hand over the rows."
            )
        return np.asarray(array[:])


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ast.unparse(node)


def _there_are(recording: "Recording") -> str:
    columns = [name.replace("/", ".") for name in recording.steps]
    return f"There are: {', '.join([*columns, *OF_EPISODES])}."
