"""Temporary."""

from workbench.analyses.probing.probing import _fit as fit_by_fold
from workbench.analyses.probing.probing import _Fitted as FittedProbe

__all__ = ["FittedProbe", "fit_by_fold"]
