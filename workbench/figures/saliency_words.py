"""The evidence for a map in words: what was measured, how much, beside which control, and what it says."""

from dataclasses import dataclass

import numpy as np

from workbench.analyses.intervals import Estimate
from workbench.analyses.saliency import SaliencyMaps
from workbench.analyses.saliency.causal import CausalCheck
from workbench.analyses.saliency.evidence import Evidence
from workbench.analyses.saliency.fidelity import Fidelity

CLOSED = 0.01
"""A completeness gap up to which a map adds up."""


@dataclass(frozen=True, kw_only=True)
class EvidenceRow:
    """One line of the evidence, in words."""

    what: str
    value: str
    """With its 95 % interval, where there is one."""
    control: str
    """What it is compared with."""
    says: str


def evidence_rows(evidence: Evidence) -> list[EvidenceRow]:
    """The evidence in words; of one step beside what chance does there, of several with intervals over episodes."""
    one = len(evidence.causal.correlations) == 1
    rows = _one_step(evidence) if one else _many_steps(evidence)
    if evidence.sanity is not None:
        signed = evidence.sanity.signed_similarity
        rows.append(
            _row(
                "likeness after random weights",
                _words(evidence.sanity.similarity),
                "" if signed is None else f"with signs: {_words(signed)}",
                evidence.sanity.verdict,
            )
        )
    if evidence.stability is not None:
        rows.append(
            _row(
                f"likeness under noise of {evidence.stability.noise:g} σ",
                _words(evidence.stability.similarity),
                "",
                "the higher, the steadier",
            )
        )
    return rows


def step_rows(maps: SaliencyMaps, evidence: Evidence) -> list[EvidenceRow]:
    """All that there is to say of one step: what is explained, and the evidence."""
    unit = f" [{evidence.fidelity.unit}]" if evidence.fidelity.unit else ""
    rows = [_row(f"target{unit}", f"{maps.target_values[0]:.4g}", "", ""), *evidence_rows(evidence)]
    if "completeness_gap" in maps.facts:
        gap = float(maps.facts["completeness_gap"][0])
        rows.append(
            _row("completeness gap", f"{100 * gap:.2g} %", "", "adds up" if gap <= CLOSED else "does not add up")
        )
    return rows


def _one_step(evidence: Evidence) -> list[EvidenceRow]:
    fidelity, causal = evidence.fidelity, evidence.causal
    rows = []
    for name in ("deletion", "insertion"):
        own = getattr(fidelity.curves["map"], f"{name}_area")[0]
        others = np.array([getattr(curves, f"{name}_area")[0] for curves in fidelity.orders])
        low, high = np.percentile(others, [5, 95])
        rows.append(
            _row(
                _with_unit(name, fidelity),
                f"{own:.3g}",
                f"{fidelity.orders_in_words}: {others.mean():.3g} (middle 90 %: {low:.3g} to {high:.3g})",
                f"better than {fidelity.beaten(name, 0)} of {fidelity.orders_in_words}",
            )
        )
    rho, (low, high) = causal.correlations[0], causal.spread[0]
    found = "undecided" if np.isnan(rho) else f"{rho:.2f}, with other donors {low:.2f} to {high:.2f}"
    return [*rows, _row(_causal(causal), found, _beside(causal), causal.verdict)]


def _many_steps(evidence: Evidence) -> list[EvidenceRow]:
    fidelity, causal = evidence.fidelity, evidence.causal
    orders = fidelity.orders_in_words
    rows = [
        _row(
            _with_unit("deletion", fidelity),
            _words(fidelity.deletion),
            f"{orders}: better by {_words(fidelity.deletion_below_random)}",
            fidelity.verdict,
        ),
        _row(
            _with_unit("insertion", fidelity),
            _words(fidelity.insertion),
            f"{orders}: better by {_words(fidelity.insertion_above_random)}",
            "",
        ),
    ]
    if fidelity.aim is not None and fidelity.aim_random is not None:
        rows.append(
            _row(
                f"AIM: decision kept without the first {fidelity.k}",
                _words(fidelity.aim),
                f"{orders}: {_words(fidelity.aim_random)}",
                "the lower, the better",
            )
        )
    if fidelity.aum is not None and fidelity.aum_random is not None:
        rows.append(
            _row(
                f"AUM: decision kept by the first {fidelity.k} alone",
                _words(fidelity.aum),
                f"{orders}: {_words(fidelity.aum_random)}",
                "the higher, the better",
            )
        )
    rows.append(_row(_causal(causal), _words(causal.correlation), _beside(causal), causal.verdict))
    return rows


def _causal(causal: CausalCheck) -> str:
    donors = f"{causal.donors} donor{'s' * (causal.donors != 1)}"
    return f"causal check (rank correlation; {causal.coverage}; {donors})"


def _beside(causal: CausalCheck) -> str:
    shuffled = f"{causal.shuffled.mean:.2f}" if causal.shuffled.steps else "undecided"
    return f"shuffled map: {shuffled}; plain input: {_words(causal.plain)}"


def _with_unit(name: str, fidelity: Fidelity) -> str:
    return f"{name} [{fidelity.unit}]" if fidelity.unit else name


def _row(what: str, value: str, control: str, says: str) -> EvidenceRow:
    return EvidenceRow(what=what, value=_minus(value), control=_minus(control), says=says)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _words(number: Estimate) -> str:
    if not number.steps:
        return "undecided"
    if number.low is None or number.high is None:
        return f"{number.mean:.3g}"
    return f"{number.mean:.3g} [{number.low:.3g}, {number.high:.3g}]"
