"""Concepts: what a layer may know, from recorded truth, from the steps themselves, or as an expression."""

from workbench.analyses.concepts.derived import DERIVED
from workbench.analyses.concepts.finding import offered_concepts, read_concept, telling_concepts
from workbench.analyses.concepts.types import Concept

__all__ = ["DERIVED", "Concept", "offered_concepts", "read_concept", "telling_concepts"]
