"""Highlights: the few moments of a recording that tell most about the agent, beside reels chosen otherwise."""

from workbench.analyses.highlights.importance import MEASURES, Measure, possible_measures
from workbench.analyses.highlights.reels import Highlight, Highlights, Reel
from workbench.analyses.highlights.summarising import highlights

__all__ = ["MEASURES", "Highlight", "Highlights", "Measure", "Reel", "highlights", "possible_measures"]
