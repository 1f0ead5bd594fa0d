"""Changes as plain data, so that they can be kept, taken back, cached and written into an address; and their words."""

from dataclasses import dataclass

UNITS_IN_WORDS = 6
"""As many units are named."""
WAYS = ("mean", "zero", "resample")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One change that somebody has put together."""

    kind: str
    """A key of `KINDS` of the page: `ablate`, `clamp`, `cover`, `patch`, `show` or `steer`."""
    words: str = ""
    layer: str | None = None
    units: tuple[int, ...] = ()
    """Empty for all."""
    how: str = "mean"
    name: str = ""
    """Of `show`: what that number is called."""
    place: int = 0
    """Of `show`: which number of the observation."""
    value: float = 0.0
    """Of `clamp` and `show` what is held or shown, of `steer` how much of the direction."""
    row: int | None = None
    """Of `patch` and `cover`: the row of the step that is taken from."""
    donor: str | None = None
    donor_stamp: int | str = 0
    """Of that recording: what was made from it as it was is not of it as it is."""
    """Of `patch`: the recording that holds that step, and the agent that is patched from; None for this one."""
    key: str = ""
    """Of `cover`: which picture of the observation."""
    rectangle: tuple[int, ...] = ()
    """Of `cover`: top, left, height, width."""
    toward: str = ""
    """Of `steer`: an expression that holds at the steps the direction leads to."""
    away: str = ""
    """And from; empty for all others."""


def words_of(one: Planned, *, source: str = "") -> str:
    """A change in words.

    Args:
        one: The change.
        source: Of `patch` and `cover` where it is taken from, of `steer` the direction, in words.
    """
    value = f"{one.value:.4g}".replace("-", "−")
    if one.kind == "show":
        return f"{one.name or f'number {one.place}'} shown as {value}"
    if one.kind == "cover":
        top, left, tall, wide = one.rectangle
        where = f"rows {top} to {top + tall - 1}, columns {left} to {left + wide - 1}"
        where += f" of {one.key}" if one.key else ""
        return f"{where} as in {source}" if one.row is not None else f"{where} shown as {value}"
    if one.kind == "steer":
        return f"{one.layer} + {value} × ({source})"
    some = ", ".join(map(str, one.units[:UNITS_IN_WORDS])) + (" …" if len(one.units) > UNITS_IN_WORDS else "")
    named = f"{f'units {some}' if one.units else 'all units'} of {one.layer}"
    if one.kind == "ablate":
        return f"{named} ablated ({one.how})"
    return f"{named} held at {value}" if one.kind == "clamp" else f"{named} patched from {source}"
