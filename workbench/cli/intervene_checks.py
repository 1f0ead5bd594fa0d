"""What `workbench intervene` refuses before anything is loaded: what excludes what, and what is not of its form."""

import math
import re

from workbench.cli.analysis_options import InterveneOptions
from workbench.cli.option_kinds import UsageError, parse_keyword_arguments
from workbench.cli.steps import parse_step

RECTANGLE = re.compile(r"(?:(?P<key>[^=]*):)?(?P<top>\d+),(?P<left>\d+),(?P<height>\d+),(?P<width>\d+)=(?P<fill>.+)")
LAYER_CHANGES = ("--ablate", "--clamp", "--patch-from", "--steer", "--steer-toward")
FIGURES = (".png", ".svg", ".pdf")


def check(options: InterveneOptions) -> None:
    """Hold the options against each other.

    Raises:
        UsageError: Nothing is changed, or too much; an option would be ignored; or one is not of its form.
    """
    _check_what_excludes_what(options)
    if options.search_from is not None:
        parse_step(options.search_from, "--search-from")
    elif options.edit:
        for text in options.edit:
            named_edit(text)
    else:
        _check_layer_change(options)
        if not changes_a_layer(options) and not options.set and not options.cover:
            raise UsageError(
                "Nothing is changed: give --ablate, --clamp, --patch-from, --steer, --steer-toward, --set or --cover "
                "(or --edit, or --search-from)."
            )
    for text in options.set:
        named_value(text)
    for text in options.cover:
        rectangle_of(text)
    if options.field is not None and options.field.suffix.lower() not in FIGURES:
        raise UsageError(f"--field writes .png, .svg or .pdf; came {str(options.field)!r}.")


def _check_what_excludes_what(options: InterveneOptions) -> None:
    one_step = {"--search-from": options.search_from is not None, "--edit": bool(options.edit)}
    one_step["--field"] = options.field is not None
    for name, given in one_step.items():
        if given and options.sample is not None:
            raise UsageError(f"{name} is about one step; give --episode and --step instead of --sample.")
    if options.search_from is not None and options.edit:
        raise UsageError("--search-from and --edit exclude each other; give one of them.")
    if options.visits is not None and options.rollouts is None:
        raise UsageError("--visits needs --rollouts: it counts where the agent is while it acts.")
    if options.rollouts is not None and options.rollouts < 1:
        raise UsageError(f"--rollouts must be at least 1; it is {options.rollouts}.")
    if options.controls < 0:
        raise UsageError(f"--controls must be at least 0; it is {options.controls}.")
    instead = [name for name, given in one_step.items() if given and name != "--field"]
    ignored = {
        "--units": options.units or None, "--ablate": options.ablate, "--clamp": options.clamp,
        "--patch-from": options.patch_from, "--donor": options.donor, "--steer": options.steer,
        "--steer-toward": options.steer_toward, "--steer-away": options.steer_away,
        "--scale": None if options.scale == (1.0,) else options.scale, "--set": options.set or None,
        "--cover": options.cover or None, "--rollouts": options.rollouts, "--field": options.field,
    }  # fmt: skip
    if options.edit:
        ignored |= {"--layer": options.layer, "--target": options.target}
    if instead and any(given is not None for given in ignored.values()):
        names = ", ".join(name for name, given in ignored.items() if given is not None)
        raise UsageError(f"{instead[0]} does something else instead of a change; leave out {names}.")
    if options.search_from is not None and options.controls != type(options).controls:
        raise UsageError("--search-from patches every unit, beside which no control stands; leave out --controls.")


def changes_a_layer(options: InterveneOptions) -> list[str]:
    """Which change of a layer is asked for: at most one."""
    given = (options.ablate, options.clamp, options.patch_from, options.steer, options.steer_toward)
    return [name for name, one in zip(LAYER_CHANGES, given, strict=True) if one is not None]


def _check_layer_change(options: InterveneOptions) -> None:
    asked = changes_a_layer(options)
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} exclude each other; give one of them.")
    if asked and options.layer is None:
        raise UsageError(f"{asked[0]} needs --layer, the name of a layer (workbench info lists them).")
    if options.donor is not None and options.patch_from is None:
        raise UsageError("--donor needs --patch-from: which step of that recording.")
    if options.steer_away is not None and options.steer_toward is None:
        raise UsageError("--steer-away needs --steer-toward: a direction leads from one to the other.")
    steers = bool({"--steer", "--steer-toward"} & set(asked))
    if not options.scale:
        raise UsageError("--scale takes at least one number.")
    if len(options.scale) > 1 and not steers:
        raise UsageError("Several values of --scale need a vector: --steer or --steer-toward.")
    if options.scale != (1.0,) and not steers:
        raise UsageError("--scale is how much of a vector is added; it needs --steer or --steer-toward.")
    if options.units and steers:
        raise UsageError("--units is of --ablate, --clamp and --patch-from; a vector is added to all of the layer.")
    if not asked and (options.layer is not None or options.units):
        name = "--layer" if options.layer is not None else "--units"
        raise UsageError(f"{name} needs to be told what is done there: one of {', '.join(LAYER_CHANGES)}.")
    if len(options.scale) > 1 and (options.set or options.cover):
        raise UsageError("Several values of --scale compare one vector alone; leave out --set and --cover.")
    if len(options.scale) > 1 and (options.rollouts is not None or options.field is not None):
        raise UsageError("--rollouts and --field are of one change; give one --scale.")
    for value in options.scale:
        _check_finite(value, "--scale")
    if options.clamp is not None:
        _check_finite(options.clamp, "--clamp")
    if options.patch_from is not None:
        parse_step(options.patch_from, "--patch-from")


def named_value(text: str) -> tuple[str, float]:
    """A number of the observation and its value, from `NAME=VALUE`.

    Raises:
        UsageError: It is not of that form.
    """
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        raise UsageError(f"--set takes NAME=VALUE, the value a number; came {text!r}.") from None
    _check_finite(number, "--set", text)
    return name, number


def rectangle_of(text: str) -> "tuple[str, dict[str, int], float | str]":
    """Key, sides and filling of `[KEY:]TOP,LEFT,HEIGHT,WIDTH=VALUE`; the filling is a number, or `K:T`.

    Raises:
        UsageError: It is not of that form.
    """
    found = RECTANGLE.fullmatch(text)
    if found is None:
        raise UsageError(f"--cover takes [KEY:]TOP,LEFT,HEIGHT,WIDTH=VALUE, or =EPISODE:STEP; came {text!r}.")
    sides = {name: int(found[name]) for name in ("top", "left", "height", "width")}
    key, fill = found["key"] or "", found["fill"]
    if ":" in fill:
        parse_step(fill, "--cover")
        return key, sides, fill
    try:
        number = float(fill)
    except ValueError:
        raise UsageError(f"--cover fills with a number, or with =EPISODE:STEP; came {text!r}.") from None
    _check_finite(number, "--cover", text)
    return key, sides, number


def named_edit(text: str) -> "tuple[str, dict[str, object]]":
    """An edit of the state and its arguments, from `NAME KEY=VALUE …`.

    Raises:
        UsageError: It is not of that form.
    """
    name, *arguments = text.split() or [""]
    try:
        return name, parse_keyword_arguments(tuple(arguments))
    except UsageError:
        wanted = "'NAME KEY=VALUE …', such as 'move_cheese row=3 column=5'"
        raise UsageError(f"--edit takes {wanted}; came {text!r}.") from None


def _check_finite(value: float, option: str, text: str = "") -> None:
    if not math.isfinite(value):
        raise UsageError(f"{option} takes a finite number; came {text or f'{value:g}'!r}.")
