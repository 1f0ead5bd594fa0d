"""Probes: what a layer knows, how sure that is, and what else would know it as well."""

from workbench.analyses.probing.kinds import KINDS, ProbeKind
from workbench.analyses.probing.knowledge import Knowledge, what_is_known
from workbench.analyses.probing.mistakes import Mistake, Mistakes, mistakes
from workbench.analyses.probing.probe import Probe, load_probe
from workbench.analyses.probing.probing import probe_layers
from workbench.analyses.probing.results import Baseline, ProbeResult
from workbench.analyses.probing.scores import Interval

__all__ = [
    "KINDS", "Baseline", "Interval", "Knowledge", "Mistake", "Mistakes", "Probe", "ProbeKind", "ProbeResult",
    "load_probe", "mistakes", "probe_layers", "what_is_known",
]  # fmt: skip
