"""What an address asks the page of saliency for: what there is of it, and a sentence for what there is not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.analyses.saliency import BASELINES, METHODS
from workbench.analyses.saliency.methods import find_method
from workbench.views.selection import Selection

MOST_METHODS = 4
DEFAULT_METHODS = ("integrated_gradients", "feature_ablation")
LONGEST_TEXT = 60


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the page shows."""

    targets: tuple[tuple[str, str], ...]
    """Names and words of all that can be chosen; one that the address alone names comes last."""
    target: str
    methods: tuple[str, ...]
    baselines: tuple[str, ...]
    baseline: str
    site: str
    """A layer, or nothing for the observation."""
    notices: tuple[str, ...]


def resolve_choice(
    asked: Selection,
    *,
    targets: Sequence[tuple[str, str]],
    methods: dict[str, str | None],
    layers: Sequence[str],
    sees_images: bool,
    pointless: str | None,
    find: Callable[[str], tuple[str, str] | str],
) -> Choice:
    """Find what an address asks for.

    Args:
        asked: What the address says.
        targets: Names and words of those on offer.
        methods: By method why it cannot be used; None where it can.
        layers: That can be attributed to.
        sees_images: Whether the observation is one.
        pointless: A target that says nothing at this step: the action taken rather than itself.
        find: From a target's name that is not on offer to its name and words, or to why there is none.
    """
    notices: list[str] = []
    offered = [(name, words) for name, words in targets if name != pointless]
    target, offered = _target(asked.target, offered, pointless, find, notices)
    baselines = tuple(row.name for row in BASELINES if row.name != "blurred" or sees_images)
    baseline = _one_of(asked.baseline, baselines, "mean", "baseline", notices)
    site = _one_of(asked.site, ("", *layers), "", "layer to attribute to", notices, instead="the observation")
    return Choice(
        targets=tuple(offered),
        target=target,
        methods=_methods(asked.method, methods, notices),
        baselines=baselines,
        baseline=baseline,
        site=site,
        notices=tuple(notices),
    )


def _target(
    asked: str | None,
    offered: list[tuple[str, str]],
    pointless: str | None,
    find: Callable[[str], tuple[str, str] | str],
    notices: list[str],
) -> tuple[str, list[tuple[str, str]]]:
    default, words = offered[0]
    if asked is None or asked in dict(offered):
        return asked or default, offered
    found: tuple[str, str] | str
    found = f"It is the action that was taken at this step: {asked} is 0." if asked == pointless else find(asked)
    if isinstance(found, str):
        notices.append(f"The address asks for target {_quoted(asked)}. {found} The {words} is explained instead.")
        return default, offered
    # An action's name and its number are two spellings of one target.
    same = next((name for name, known in offered if known == found[1]), None)
    return (same, offered) if same is not None else (found[0], [*offered, found])


def _methods(asked: str | None, possible: dict[str, str | None], notices: list[str]) -> tuple[str, ...]:
    chosen = []
    for name in dict.fromkeys(filter(None, (asked or "").split(","))):
        if name not in possible:
            there = ", ".join(row.name for row in METHODS if possible[row.name] is None)
            notices.append(f"The address asks for method {_quoted(name)}, which there is not. There are: {there}.")
        elif possible[name] is not None:
            notices.append(f"The method {find_method(name).title} cannot be used here: {possible[name]}.")
        else:
            chosen.append(name)
    if len(chosen) > MOST_METHODS:
        left = ", ".join(chosen[MOST_METHODS:])
        notices.append(f"The address asks for {len(chosen)} methods; {MOST_METHODS} are shown, and not {left}.")
    usual = [name for name in DEFAULT_METHODS if possible[name] is None]
    return tuple(chosen[:MOST_METHODS] or usual)


def _one_of(
    asked: str | None, there: Sequence[str], default: str, what: str, notices: list[str], instead: str | None = None
) -> str:
    if asked is None or asked in there:
        return default if asked is None else asked
    names = ", ".join(filter(None, there)) or "none"
    notices.append(
        f"The address asks for {what} {_quoted(asked)}. There are: {names}; {instead or default} is taken instead."
    )
    return default


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…")
