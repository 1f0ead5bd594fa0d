"""From what an address asks for to what there is: whatever does not exist is said, with what is shown in its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import WorkbenchError
from workbench.figures.player import default_layer, last_position
from workbench.recording import Recording
from workbench.views.root import below_root
from workbench.views.selection import Selection

MOST_NAMES = 8
"""How many of the names that exist a notice lists."""
LONGEST_TEXT = 60
LONGEST_NUMBER = 18
"""Digits; whatever is longer counts as text."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is shown of a recording."""

    episode: int
    step: int
    """0 to T − 1 for the T actions, and T for the observation after the last one where that was kept."""
    layer: str | None
    """None where no layer was recorded."""
    notices: tuple[str, ...] = ()
    """One for each part of the address that does not exist: what was asked for, what there is, what is shown."""


def find_recording(name: str, names: Sequence[str]) -> str:
    """The path of the recording that an address names.

    Args:
        name: As in the address.
        names: Of all recordings below the root.

    Raises:
        WorkbenchError: There is none, or it is not below the root; the message lists those that there are.
    """
    try:
        return str(below_root(name))
    except WorkbenchError as error:
        raise WorkbenchError(f"{error} Nothing is shown. {_there_are('recordings', names)}") from error


def resolve(recording: Recording, asked: Selection, *, opening: int = 0, decisions_only: bool = False) -> Place:
    """Find what an address asks for in a recording of at least one episode.

    A number beyond the last is brought back to the last, one below zero to 0; what is no number counts as not given.

    Args:
        recording: An open recording.
        asked: What the address says.
        opening: The episode where the address names none.
        decisions_only: What was observed after the last action counts as not there: nobody decided it.
    """
    notices: list[str] = []
    episode = _episode(recording, asked.episode, opening, notices)
    # A step belongs to its episode: of another one it says nothing.
    step = 0 if notices else _step(recording, episode, asked.step, notices, decisions_only=decisions_only)
    return Place(episode=episode, step=step, layer=_layer(recording, asked.layer, notices), notices=tuple(notices))


def _episode(recording: Recording, asked: str | None, opening: int, notices: list[str]) -> int:
    if asked is None:
        return opening
    count, number = recording.number_of_episodes, _whole_number(asked)
    if number is not None and 0 <= number < count:
        return number
    shown = opening if number is None else min(max(number, 0), count - 1)
    there = "one episode, number 0" if count == 1 else f"{count:,} episodes, 0 to {count - 1}"
    notices.append(
        f"The address asks for episode {_quoted(asked)}. The recording has {there}; "
        f"episode {shown} is shown instead, from its first step."
    )
    return shown


def _step(recording: Recording, episode: int, asked: str | None, notices: list[str], *, decisions_only: bool) -> int:
    if asked is None:
        return 0
    shown_episode = recording.episode(episode)
    length, number = shown_episode.length, _whole_number(asked)
    last = length - 1 if decisions_only else last_position(recording, shown_episode)
    if number is not None and 0 <= number <= last:
        return number
    shown = 0 if number is None else min(max(number, 0), last)
    there = "one step, number 0" if length == 1 else f"{length:,} steps, 0 to {length - 1}"
    after = f", and {last} for what was observed after the last action" if last == length else ""
    notices.append(
        f"The address asks for step {_quoted(asked)}. Episode {episode} has {there}{after}; "
        f"step {shown} is shown instead."
    )
    return shown


def _layer(recording: Recording, asked: str | None, notices: list[str]) -> str | None:
    layers = list(recording.layers)
    if asked in layers:
        return asked
    shown = default_layer(recording) if layers else None
    if asked is not None:
        instead = f"{shown} is shown instead." if shown is not None else "None is shown."
        notices.append(f"The address asks for layer {_quoted(asked)}. {_there_are('layers', layers)} {instead}")
    return shown


def _there_are(what: str, names: Sequence[str]) -> str:
    if not names:
        return f"There are no {what}."
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return f"The {what} are: {', '.join(names[:MOST_NAMES])}{more}."


def _whole_number(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER else None


def _quoted(text: str) -> str:
    if _whole_number(text) is not None:
        return text
    return repr(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…")
