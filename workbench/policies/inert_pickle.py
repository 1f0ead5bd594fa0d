"""Read a pickle from a stranger without importing, calling or building anything that it names.

A pickle is a small program: it names functions and asks that they be called. Here nothing is looked up: a name becomes
an `InertGlobal`, a call an `InertObject` that only notes what would have been called with what. Every opcode that
could run code, or spend memory out of proportion to the file, is replaced; what remains builds plain Python data.
"""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

MAXIMUM_BYTES = 64 * 2**20
"""Longest pickle that is read."""
MAXIMUM_OPERATIONS = 200_000
"""Most opcodes that are followed in one pickle; a space or a set of statistics needs a few hundred. Each costs at most
some two hundred bytes."""
MAXIMUM_DEPTH = 500
"""Deepest nesting of open marks."""
MAXIMUM_ARGUMENTS = 64
"""Most arguments of one call: a tuple of many, called with again and again, would be copied each time."""
MAXIMUM_NAME = 256
"""Longest name of a class or function."""
_KEY_BITS = 64
_KEY_PARTS = 8


class InertPickleError(ValueError):
    """The bytes are not a pickle, or do what no pickled data of ours does."""


@dataclass(frozen=True, slots=True)
class InertGlobal:
    """A name that the pickle wanted imported, such as `gym.spaces.box.Box`; it is not imported."""

    name: str


@dataclass(frozen=True, slots=True)
class InertStorage:
    """The numbers that a tensor refers to, which are kept outside the pickle: what the pickle says of them."""

    facts: Any


@dataclass(eq=False, slots=True)
class InertObject:
    """What the pickle wanted built, as a record of the recipe."""

    name: str
    """Dotted name of the class or function that would have been called."""
    arguments: tuple[Any, ...] = ()
    state: Any = None
    """What would have been handed to `__setstate__` (usually the instance's `__dict__`)."""
    items: list[Any] = field(default_factory=list)
    """What would have been appended or added."""
    entries: dict[Any, Any] = field(default_factory=dict)
    """What would have been set by key."""

    def __repr__(self) -> str:
        """Name alone: contents may be deep, or refer to themselves."""
        return f"InertObject({self.name!r})"


def shown(value: Any) -> str:
    """What a value is, for a message: never longer than a line, whatever the file put there."""
    if isinstance(value, (InertGlobal, InertObject)):
        return f"'{value.name[:100]}'"
    if (
        value is None
        or isinstance(value, (bool, float))
        or (isinstance(value, int) and value.bit_length() <= _KEY_BITS)
    ):
        return str(value)
    if isinstance(value, (str, bytes)):
        return repr(value[:100])
    return f"a {type(value).__name__}"


_BUILDERS = frozenset(
    {"copyreg.__newobj__", "copyreg.__newobj_ex__", "copyreg._reconstructor", "copy_reg._reconstructor"}
)
"""Functions of the standard library whose first argument is the class to build."""


def _record(function: Any, arguments: Any) -> InertObject:
    """Note that `function` would have been called with `arguments`."""
    if not isinstance(arguments, tuple) or len(arguments) > MAXIMUM_ARGUMENTS:
        raise InertPickleError(f"a call whose arguments are not a tuple of at most {MAXIMUM_ARGUMENTS}")
    if isinstance(function, InertObject):
        # One pair of brackets, however long the chain of calls: names that grow with it would fill the memory.
        return InertObject(f"{function.name.removesuffix('()')}()", arguments)
    if not isinstance(function, InertGlobal):
        raise InertPickleError(f"a call of something that is not a name ({type(function).__name__})")
    if function.name in _BUILDERS and arguments and isinstance(arguments[0], InertGlobal):
        return InertObject(arguments[0].name, arguments[1:])
    return InertObject(function.name, arguments)


def _checked_key(key: Any) -> Any:
    """Let only plain keys through: hashing nested tuples can take time exponential in the pickle's length, and hashing
    a number of millions of digits takes as long each time.
    """
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) > _KEY_PARTS or not all(_is_plain_key(part) for part in parts):
        raise InertPickleError(f"a key that is {shown(key)}")
    return key


def _is_plain_key(part: Any) -> bool:
    if isinstance(part, int):
        return part.bit_length() <= _KEY_BITS
    return part is None or isinstance(part, (str, bytes, float, InertGlobal))


class _InertUnpickler(pickle._Unpickler):
    """The standard library's own reader in Python, with every opcode that acts on objects replaced."""

    dispatch: ClassVar[dict[int, Callable[..., Any]]] = dict(pickle._Unpickler.dispatch)

    storages = False
    """Whether persistent ids stand for the storages of tensors; else they are refused."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return the name, never the thing."""
        name = f"{module_name}.{global_name}"
        if len(name) > MAXIMUM_NAME:
            raise InertPickleError(f"a name of {len(name):,} letters")
        return InertGlobal(name)

    def persistent_load(self, pid: Any) -> Any:
        """Refuse: nothing of ours has persistent ids."""
        raise InertPickleError("a persistent id")

    def get_extension(self, code: int) -> NoReturn:
        """Refuse: the extension registry holds live classes."""
        raise InertPickleError("an extension code")

    def read_all(self, stream: io.BytesIO) -> Any:
        """Follow the opcodes to STOP and return what is then on top."""
        self._unframer = pickle._Unframer(stream.read, stream.readline)  # type: ignore[attr-defined]
        self.read = self._unframer.read
        self.readinto = self._unframer.readinto
        self.readline = self._unframer.readline
        self.metastack: list[Any] = []
        self.stack: list[Any] = []
        self.append = self.stack.append
        self.proto = 0
        try:
            for _ in range(MAXIMUM_OPERATIONS):
                key = self.read(1)
                if not key:
                    raise InertPickleError("it ends in the middle")
                handler = self.dispatch.get(key[0])
                if handler is None:
                    raise InertPickleError(f"an unknown opcode {key!r}")
                handler(self)
        except pickle._Stop as stop:  # type: ignore[attr-defined]
            return stop.value
        raise InertPickleError(f"more than {MAXIMUM_OPERATIONS:,} operations")

    def _mark(self) -> None:
        if len(self.metastack) >= MAXIMUM_DEPTH:
            raise InertPickleError(f"nesting deeper than {MAXIMUM_DEPTH}")
        self.metastack.append(self.stack)
        self.stack = []
        self.append = self.stack.append

    def _values_since_mark(self) -> list[Any]:
        values = self.stack
        self.stack = self.metastack.pop()
        self.append = self.stack.append
        return values

    def _call(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = _record(self.stack[-1], arguments)

    def _call_with_keywords(self) -> None:
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        if not isinstance(keywords, dict):
            raise InertPickleError("a call whose keywords are not a dict")
        self.stack[-1] = _record(self.stack[-1], arguments)
        self.stack[-1].entries = keywords

    def _instantiate(self, klass: Any, args: Any) -> None:
        self.append(_record(klass, tuple(args)))

    def _persistent(self) -> None:
        if not self.storages:
            self._refuse()
        self.stack[-1] = InertStorage(self.stack[-1])

    def _build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], InertObject):
            raise InertPickleError(f"a state for a {type(self.stack[-1]).__name__}")
        self.stack[-1].state = state

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, set):
            target.update(_checked_key(value) for value in values)
        elif isinstance(target, InertObject):
            target.items.extend(values)
        else:
            raise InertPickleError(f"values added to a {type(target).__name__}")

    def _update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        entries = target.entries if isinstance(target, InertObject) else target
        if not isinstance(entries, dict):
            raise InertPickleError(f"entries set in a {type(target).__name__}")
        entries.update((_checked_key(values[i]), values[i + 1]) for i in range(0, len(values) - 1, 2))

    def _append_one(self) -> None:
        self._extend([self.stack.pop()])

    def _append_many(self) -> None:
        self._extend(self._values_since_mark())

    def _set_one(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _set_many(self) -> None:
        self._update(self._values_since_mark())

    def _dict(self) -> None:
        values = self._values_since_mark()
        self.append({})
        self._update(values)

    def _frozenset(self) -> None:
        values = self._values_since_mark()
        self.append(frozenset(_checked_key(value) for value in values))

    def _bytearray(self) -> None:
        # The library's own reserves the stated length before it looks whether so much is there.
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def _refuse(self) -> NoReturn:
        raise InertPickleError("an opcode that no saved agent uses (persistent id, extension or outside buffer)")

    for _code, _handler in {
        pickle.MARK: _mark, pickle.REDUCE: _call, pickle.NEWOBJ: _call, pickle.NEWOBJ_EX: _call_with_keywords,
        pickle.BUILD: _build, pickle.APPEND: _append_one, pickle.APPENDS: _append_many, pickle.ADDITEMS: _append_many,
        pickle.SETITEM: _set_one, pickle.SETITEMS: _set_many, pickle.DICT: _dict, pickle.FROZENSET: _frozenset,
        pickle.BYTEARRAY8: _bytearray, pickle.PERSID: _refuse, pickle.BINPERSID: _persistent, pickle.EXT1: _refuse,
        pickle.EXT2: _refuse, pickle.EXT4: _refuse, pickle.NEXT_BUFFER: _refuse, pickle.READONLY_BUFFER: _refuse,
    }.items():  # fmt: skip
        dispatch[_code[0]] = _handler


def read_inert(data: bytes) -> Any:
    """Read a pickle as plain data and inert records.

    Args:
        data: The pickle's bytes, at most `MAXIMUM_BYTES`.

    Returns:
        Python's plain types (numbers, strings, tuples, lists, dicts, sets), `InertGlobal` and `InertObject`.

    Raises:
        InertPickleError: The bytes are no pickle, are cut short, or go past one of the limits.
    """
    if len(data) > MAXIMUM_BYTES:
        raise InertPickleError(f"{len(data):,} bytes, more than {MAXIMUM_BYTES:,}")
    return read_next(io.BytesIO(data))


def read_next(stream: io.BytesIO, *, storages: bool = False) -> Any:
    """Read the pickle that begins where a stream is, and leave the stream behind its end.

    Args:
        stream: The bytes.
        storages: Take persistent ids for the storages of tensors, as torch writes them: each becomes an `InertStorage`.

    Returns:
        As `read_inert`.

    Raises:
        InertPickleError: The bytes are no pickle, are cut short, or go past one of the limits.
    """
    reader = _InertUnpickler(io.BytesIO(b""))
    reader.storages = storages
    try:
        return reader.read_all(stream)
    except InertPickleError:
        raise
    except Exception as error:
        # A malformed pickle makes the standard reader fail in many ways (IndexError, KeyError, UnicodeDecodeError, …).
        raise InertPickleError(f"it cannot be followed ({type(error).__name__}: {str(error)[:200]})") from error
