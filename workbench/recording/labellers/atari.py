"""What is known of the RAM of Atari games, after AtariARI (Anand and others 2019, "Unsupervised State Representation
Learning in Atari", NeurIPS).

Labels are the bytes themselves, 0 to 255: a position is a count of pixels up to a constant, a score may be in
binary-coded decimal, and a game may use a byte otherwise while an object is not there.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.recording.labellers.atari_ram import GAMES, Addresses
from workbench.recording.labellers.types import Label, Labeller, Read

CATEGORIES: tuple[str, ...] = (
    "agent localisation",
    "small object localisation",
    "other localisation",
    "score, clock, lives and display",
    "miscellaneous",
)
"""AtariARI's groups of labels."""
_PLACES = ("_x", "_y", "_z", "_column")
_SMALL, _AGENT = ("ball", "missile"), ("agent", "player")
_SHOWN = ("score", "clock", "lives", "meter", "display")
_OTHER = ("count", "bit_map", "existence", "level", "room", "direction")


def category_of(label: str) -> str | None:
    """Which of AtariARI's groups a label belongs to, by the words in its name; None where it belongs to none."""
    if any(word in label for word in _PLACES):
        if any(word in label for word in _SMALL):
            return CATEGORIES[1]
        return CATEGORIES[0] if any(word in label for word in _AGENT) else CATEGORIES[2]
    if any(word in label for word in _SHOWN):
        return CATEGORIES[3]
    return CATEGORIES[4] if any(word in label for word in _OTHER) else None


def _reader(addresses: Mapping[str, Addresses]) -> Read:
    single = [(name, place) for name, place in addresses.items() if isinstance(place, int)]
    several = [(name, np.array(places)) for name, places in addresses.items() if not isinstance(places, int)]

    def read(environment: Any) -> Mapping[str, Any]:
        ram = environment.ale.getRAM()
        return {name: ram[place] for name, place in single} | {name: ram[places] for name, places in several}

    return read


def _labels(addresses: Mapping[str, Addresses]) -> tuple[Label, ...]:
    def words(name: str, places: Addresses) -> str:
        said = str(places) if isinstance(places, int) else ", ".join(map(str, places))
        return f"{name.replace('_', ' ')} (byte{'s' * (not isinstance(places, int))} {said} of the RAM, 0 to 255)"

    single = [name for name, place in addresses.items() if isinstance(place, int)]
    return tuple(
        Label(name=name, words=words(name, addresses[name]))
        for name in [*single, *(name for name in addresses if name not in single)]
    )


ATARI: tuple[Labeller, ...] = tuple(
    Labeller(
        name=f"AtariARI {game}",
        patterns=(f"ALE/{game}-v*", f"{game}-v*", f"{game}NoFrameskip-v*", f"{game}Deterministic-v*"),
        labels=_labels(addresses),
        read=_reader(addresses),
    )
    for game, addresses in GAMES.items()
)
"""A row a game, whatever its version."""
