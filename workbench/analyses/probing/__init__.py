"""Probes: what a layer knows, how sure that is, and what else would know it as well."""

from workbench.analyses.probing.probe import Probe, load_probe
from workbench.analyses.probing.probing import probe_layers
from workbench.analyses.probing.results import Baseline, ProbeResult
from workbench.analyses.probing.scores import Interval

__all__ = ["Baseline", "Interval", "Probe", "ProbeResult", "load_probe", "probe_layers"]
