"""Traces of others' searches: mctx, OpenSpiel, and a plain record that anyone can write."""

from workbench.search.imports.mctx import from_mctx
from workbench.search.imports.open_spiel import from_open_spiel
from workbench.search.imports.record import from_record, to_record

__all__ = ["from_mctx", "from_open_spiel", "from_record", "to_record"]
