"""Changing bytes and JSON at random, where it is likely to matter. Everything that is random is the generator given."""

import copy
import json
import struct
from collections.abc import Sequence
from random import Random
from typing import Any

NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 65535, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40,
           1 << 48, 1 << 53, 1 << 62, (1 << 63) - 1, (1 << 64) - 1)  # fmt: skip
"""Numbers at the edges of what fields hold."""
VALUES: Sequence[Any] = (
    None, True, False, 0, -0.0, 0.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), *NUMBERS,
    *(-number for number in NUMBERS[1:]), 10**30, "", "a", " ", "\0", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b",
    "\ud800", "\u202e", "é" * 50, "a" * 3000, "float32", "float64", "int64", "bool", "uint8", "object", "O", "|O",
    "<U8", "complex64", "array", "group", "inf", "nan", "varied", "discrete", "box", "Tuple", "1e999", [], {}, [[]],
    [{}], [0], [1, 2, 3], [-1], [None], ["a"], [1.5], [[1, 2], [3]], [0] * 40, [1 << 40, 1 << 40], {"a": 1}, {"": None},
    {"a": {"b": {"c": [1]}}}, [[[[[[[[[[1]]]]]]]]]],
)  # fmt: skip
"""JSON in the place of other JSON."""


def mutated(content: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """Bytes with one to some changes: bits, numbers, and blocks that go, come twice, move or come from another file."""
    changed = bytearray(content)
    for _ in range(1 + int(random.expovariate(0.7))):
        place = random.randrange(len(changed) + 1)
        length = min(len(changed) - place, 1 + int(random.expovariate(0.1)))
        match random.randrange(9):
            case 0 if changed:
                changed[place % len(changed)] ^= 1 << random.randrange(8)
            case 1 if changed:
                changed[place % len(changed)] = random.randrange(256)
            case 2:
                form = random.choice(("<B", "<H", "<I", "<Q", ">H", ">I", ">Q"))
                number = random.choice(NUMBERS) % (1 << 8 * struct.calcsize(form))
                if place + struct.calcsize(form) <= len(changed):
                    struct.pack_into(form, changed, place, number)
            case 3:
                del changed[place : place + length]
            case 4:
                changed[place:place] = changed[place : place + length] * random.choice((1, 1, 2, 20))
            case 5:
                changed[place:place] = random.randbytes(length)
            case 6:
                del changed[place:]
            case 7:
                other = random.choice(others) if others else content
                begin = random.randrange(len(other) + 1)
                changed[place : place + length] = other[begin : begin + 1 + int(random.expovariate(0.02))]
            case 8 if changed:
                elsewhere = random.randrange(len(changed))
                changed[place : place + length] = changed[elsewhere : elsewhere + length]
    return bytes(changed)


def mutated_json(value: Any, random: Random) -> Any:
    """JSON with one to some of its parts replaced, taken out, repeated, put elsewhere or called otherwise."""
    root = {"": copy.deepcopy(value)}
    for _ in range(1 + int(random.expovariate(0.9))):
        holder, key = _place(root, random)
        match random.randrange(7):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(random.choice(VALUES))
            case 3 if holder is not root:
                del holder[key]
            case 4:
                other, name = _place(root, random)
                # A copy, so that nothing holds itself.
                holder[key] = copy.deepcopy(other[name])
            case 5 if isinstance(holder, dict) and holder is not root:
                names = [*holder, *(part for part in VALUES if isinstance(part, str))]
                holder[random.choice(names)] = holder.pop(key)
            case 6:
                part = holder[key]
                if isinstance(part, bool) or not isinstance(part, int | float):
                    holder[key] = [part] if random.random() < 0.5 else {"": part}
                else:
                    holder[key] = part + random.choice((-1, 1, 0.5, 1 << 32)) if abs(part) < 1 << 60 else -part
    return root[""]


def _place(root: dict[str, Any], random: Random) -> tuple[Any, Any]:
    """A part of JSON, as what holds it and the key or index there; deep ones as likely as high ones."""
    holder: Any = root
    key: Any = ""
    while isinstance(holder[key], dict | list) and holder[key] and random.random() < 0.85:
        holder = holder[key]
        key = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    return holder, key


def json_bytes(value: Any, random: Random) -> bytes:
    """JSON as a file; now and then one that is none any more."""
    content = json.dumps(value, ensure_ascii=random.random() < 0.8).encode("utf-8", "surrogatepass")
    return mutated(content, random) if random.random() < 0.15 else content
