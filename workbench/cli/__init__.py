"""The workbench as commands: `workbench record`, `list`, `info`, `export` and `app`."""

from workbench.cli.main import main

__all__ = ["main"]
