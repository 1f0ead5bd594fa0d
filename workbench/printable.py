"""Texts from strangers as a terminal may have them: nothing in them moves its cursor, colours or turns the writing."""

import unicodedata
from typing import Any

_UNPRINTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control characters, marks that turn the direction of writing, halves of characters, and ends of lines."""


def printable(text: str) -> str:
    r"""A text with every sign that is not printed written out: `\x1b`, `\u202e`, `\n`."""
    if text.isprintable():
        return text
    return "".join(
        sign.encode("unicode_escape").decode() if unicodedata.category(sign) in _UNPRINTED else sign for sign in text
    )


def spreadsheet_text(text: str) -> str:
    """A text as the cell of a table: a spreadsheet takes one that begins with certain signs for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def printable_parts(value: Any) -> Any:
    """Plain JSON with every text in it, names included, as `printable` has it."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_parts(key): printable_parts(part) for key, part in value.items()}
    if isinstance(value, list):
        return [printable_parts(part) for part in value]
    return value
