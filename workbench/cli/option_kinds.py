"""What the options of all commands are made of."""

import json
from typing import Annotated, Any

from tyro import conf

from workbench.errors import WorkbenchError

Switch = Annotated[conf.FlagCreatePairsOff[bool], conf.arg(help_behavior_hint="")]
"""An option that is there or not, without a `--no-` twin."""


def argument(metavar: str, default: str = "") -> Any:
    """How an option's value is called in the help, and what is taken where it is not given."""
    return conf.arg(metavar=metavar, help_behavior_hint=f"(default: {default})" if default else "")


class UsageError(WorkbenchError):
    """The command line itself is wrong: exit status 2."""


def parse_keyword_arguments(texts: tuple[str, ...]) -> dict[str, Any]:
    """Read `key=value` pairs, or one JSON object.

    Args:
        texts: The words after `--env-kwargs`. A value that is JSON (`3`, `true`, `[1, 2]`) is read as
            such, and is a string otherwise.

    Raises:
        UsageError: A word is neither.
    """
    arguments: dict[str, Any] = {}
    for text in texts:
        if text.lstrip().startswith("{"):
            try:
                arguments |= json.loads(text)
            except json.JSONDecodeError as error:
                raise UsageError(f"--env-kwargs is not the JSON object that it begins to be: {error}.") from error
            continue
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"--env-kwargs takes key=value pairs or one JSON object, not {text!r}.")
        try:
            arguments[key] = json.loads(value)
        except json.JSONDecodeError:
            arguments[key] = value
    return arguments
