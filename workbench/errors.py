"""The one exception that a user is meant to see."""

from workbench.printable import printable


class WorkbenchError(Exception):
    """Something a user can mend: the message says what was expected, what came, where, and what to do.

    The command line prints its message on standard error and exits with 1; the dashboard shows it in a box. Anything
    else that is raised is a defect of the workbench itself.
    """

    def __str__(self) -> str:
        """The message, as a terminal may have it: it quotes names and texts from strangers' files."""
        return "\n".join(printable(line) for line in super().__str__().split("\n"))


class NotImportedError(WorkbenchError):
    """A recording names a module that nobody imported: its code is not run for that."""


class UnnamedEnvironmentError(WorkbenchError):
    """A recording's environment was handed over as an object, and cannot be made by name."""


class MissingExtraError(WorkbenchError, ImportError):
    """An optional dependency is not installed; the message holds the exact install line."""

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package '{package}', which is not installed; "
            f'install it with: pip install "rl-workbench[{extra}]"'
        )
