"""What the options of all commands are made of."""

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
