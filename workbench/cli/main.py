"""Reading the command line, running the command, and turning what goes wrong into a line and an exit status."""

import contextlib
import importlib
import io
import itertools
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from workbench.cli import analysis_options as analyses
from workbench.cli import options as commands
from workbench.cli.checks import check_options
from workbench.cli.option_kinds import UsageError
from workbench.cli.search_options import SearchOptions
from workbench.cli.strength_options import StrengthOptions, TrainingRunOptions
from workbench.errors import NotImportedError, UnnamedEnvironmentError, WorkbenchError
from workbench.printable import printable

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

RULE = "─- "
"""What a line across tyro's boxes is made of, where the terminal takes Unicode and where not."""
REQUIRED_INDENTATION = 6
"""Deeper lines of tyro's box of missing options are help texts."""

RUNNERS: dict[type, str] = {
    commands.RecordOptions: "workbench.cli.record:run",
    commands.ListOptions: "workbench.cli.listing:run",
    commands.InfoOptions: "workbench.cli.info:run",
    commands.LabelOptions: "workbench.cli.label:run",
    commands.ExportOptions: "workbench.cli.export:run",
    analyses.SaliencyOptions: "workbench.cli.saliency:run",
    analyses.InterveneOptions: "workbench.cli.intervene:run",
    analyses.ProbeOptions: "workbench.cli.probe:run",
    analyses.AtlasOptions: "workbench.cli.atlas:run",
    analyses.FeaturesOptions: "workbench.cli.features:run",
    analyses.HighlightsOptions: "workbench.cli.highlights:run",
    SearchOptions: "workbench.cli.search:run",
    StrengthOptions: "workbench.cli.strength:run",
    TrainingRunOptions: "workbench.cli.training_run:run",
    commands.AppOptions: "workbench.cli.app:run",
}
"""Which function runs a command; it is imported when the command line has been read."""

COMMANDS = (
    "record",
    "list",
    "info",
    "label",
    "export",
    "saliency",
    "intervene",
    "probe",
    "atlas",
    "features",
    "highlights",
    "search",
    "strength",
    "training-run",
    "app",
)

DESCRIPTION = """Record what goes on inside a reinforcement-learning agent while it acts, and look at it.

workbench COMMAND --help lists a command's options; workbench --version says which version this is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after `workbench`; None takes the process's own.

    Returns:
        The exit status: 0 done, 1 failed, 2 the command line is wrong, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        from importlib.metadata import version

        return _say(f"workbench {version('rl-workbench')}")
    try:
        chosen = _parse(words)
    except SystemExit as error:
        return int(error.code or 0)
    debugging = bool(os.environ.get("WORKBENCH_DEBUG"))
    _prepare_process(quiet=not debugging, modules=_names_a_module(chosen))
    try:
        check_options(chosen)
        _runner(chosen)(chosen)
        sys.stdout.flush()
    except KeyboardInterrupt as error:
        _complain(str(error) or "Interrupted.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`workbench list | head`): there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except (NotImportedError, UnnamedEnvironmentError) as error:
        if debugging:
            raise
        _complain(_in_words_of_the_command_line(error, chosen))
        return EXIT_FAILED
    except WorkbenchError as error:
        if debugging:
            raise
        _complain(" ".join(str(error).split()))
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED
    except Exception as error:
        if debugging:
            raise
        text = printable(" ".join(str(error).split())[:300])
        _complain(
            f"A defect of the workbench: {type(error).__name__}: {text}\n"
            "Run the command again with WORKBENCH_DEBUG=1 for the traceback, and please report it."
        )
        return EXIT_FAILED
    return 0


def _parse(words: Sequence[str]) -> Any:
    """Read the command line; a wrong one is a `SystemExit` with two lines on standard error."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(commands.Options, prog="workbench", description=DESCRIPTION, args=words)
    except SystemExit as error:
        if error.code:
            command = words[0] if words and words[0] in COMMANDS else ""
            _complain(_condense(complaint.getvalue()))
            _complain(f"See: {' '.join(filter(None, ('workbench', command, '--help')))}")
        raise


def _condense(box: str) -> str:
    """One line of what tyro says in a box: its title and the text up to its first rule, without help texts."""
    lines = [line.strip("│╭╮╰╯─").rstrip() for line in box.splitlines()]
    title, *said = lines or ["Wrong command line"]
    title = title.strip(RULE)
    # Where the terminal takes no Unicode, a rule stands below the title as well.
    below = itertools.dropwhile(lambda line: not line.strip(RULE), said)
    body = list(itertools.takewhile(lambda line: line.strip(RULE), below))
    if title == "Required options":
        body = [line for line in body if len(line) - len(line.lstrip()) <= REQUIRED_INDENTATION]
    text = " ".join(" ".join(body).split())
    if suggestion := re.search(r"Perhaps you meant:.*?(--[\w-]+)", box, re.DOTALL):
        text += f". Perhaps you meant {suggestion[1]}?"
    return text if text.lower().startswith((title.lower(), "missing from")) else f"{title}: {text}"


def _in_words_of_the_command_line(error: WorkbenchError, chosen: Any) -> str:
    """What to add to the command, where the library says what to do in Python."""
    recording, imports = getattr(chosen, "recording", None), getattr(chosen, "imports", None)
    if recording is None or imports is None:
        return str(error)
    from workbench.cli.steps import how_to_import

    if isinstance(error, UnnamedEnvironmentError):
        return (
            "This recording's environment was handed over as an object and is not known by name, so that no command "
            "can make it; use Python: open_recording(…).policy(environment)."
        )
    return how_to_import(recording, imports) or str(error)


def _runner(chosen: Any) -> Callable[[Any], None]:
    module, _, function = RUNNERS[type(chosen)].partition(":")
    runner: Callable[[Any], None] = getattr(importlib.import_module(module), function)
    return runner


def _names_a_module(chosen: Any) -> bool:
    if isinstance(chosen, commands.RecordOptions | StrengthOptions | TrainingRunOptions):
        return ":" in chosen.environment
    return bool(getattr(chosen, "imports", ()))


def _prepare_process(*, quiet: bool, modules: bool) -> None:
    # An environment named `module:name` may lie in the working directory, as it does for `python -m`. It comes last, so
    # that nothing there takes the place of an installed package; and it comes only then: in a stranger's folder, a
    # module that has the name of a package that is not installed would be imported in its place.
    if modules and "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    # Environments draw into memory here, never into a window: without this SDL complains where there is no display.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    if quiet:
        # What Ctrl-C does to a write that is going on, Zarr's event loop would tell at length.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        if not sys.warnoptions:
            warnings.simplefilter("ignore")


def _complain(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(f"{text.rstrip()}\n")


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0
