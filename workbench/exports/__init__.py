"""A recording in other people's formats, and other people's data as a recording."""

from workbench.exports.formats import FORMATS, Format, export
from workbench.exports.minari_import import import_minari

__all__ = ["FORMATS", "Format", "export", "import_minari"]
