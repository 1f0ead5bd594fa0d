"""The viewer of one search: its payload (JSON), the tree's layout, its script and its style."""

from workbench.figures.search_viewer.boards import board_kind, board_payload, place_payload
from workbench.figures.search_viewer.layout import TreeLayout, lay_out
from workbench.figures.search_viewer.payload import MOST_NODES, search_payload
from workbench.figures.search_viewer.source import SearchSource, board_source, search_source

__all__ = [
    "MOST_NODES",
    "SearchSource",
    "TreeLayout",
    "board_kind",
    "board_payload",
    "board_source",
    "lay_out",
    "place_payload",
    "search_payload",
    "search_source",
]
