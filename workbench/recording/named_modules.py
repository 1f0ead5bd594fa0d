"""Which modules may be used because a recording names them: none that the reader has not chosen to have."""

import importlib.util
import site
import sys
import sysconfig
from pathlib import Path

INSTALLED = ("ale_py", "minigrid")
"""Packages that are imported because a recording names them, where they are installed ones."""


def may_use(module: str) -> bool:
    """Whether a module that a recording names may be used.

    A recording may come from a stranger, with a folder of modules beside it that is on Python's path. So a name alone
    is worth nothing: somebody must have imported the top-level package before, or it is one of `INSTALLED` and lies
    where pip puts packages. The standard library is nobody's agent, and its functions have effects.

    Args:
        module: Dotted name.
    """
    package = module.partition(".")[0]
    if package in sys.stdlib_module_names:
        return False
    if module in sys.modules:
        return True
    # A package without a file of its own is spread over all folders of the path, this one included.
    if package in sys.modules:
        return getattr(sys.modules[package], "__file__", None) is not None
    return package in INSTALLED and _comes_from_a_distribution(package)


def how_to_allow(module: str) -> str:
    """What to tell somebody whose recording names a module that may not be used."""
    package = module.partition(".")[0]
    return (
        f"The module {module!r} is not imported because a recording names it: that would run its code, wherever it "
        f"comes from. If you trust it, import it yourself first: import {package} "
        f"(on the command line --imports {package}; for the dashboard, in the script given by --script)."
    )


def _comes_from_a_distribution(package: str) -> bool:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return False
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    origin = Path(found.origin).resolve()
    return any(origin.is_relative_to(Path(folder).resolve()) for folder in folders)
