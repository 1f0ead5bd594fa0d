"""The table of the kinds of probes: what each fits, what it is for, and what it reads.

Each is honest in the same way: tested on whole episodes that it was not made from, with hyperparameters that were
chosen on a fold apart, beside the same four baselines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.codelength import fit_codelength
from workbench.analyses.probing.fitting import Fit, from_moments, from_steps
from workbench.analyses.probing.hidden import fit_hidden
from workbench.analyses.probing.linear import fit_linear
from workbench.analyses.probing.logistic import fit_logistic
from workbench.analyses.probing.mass_mean import fit_corrected_mass_mean, fit_mass_mean
from workbench.analyses.probing.sparse import fit_sparse
from workbench.errors import WorkbenchError


@dataclass(frozen=True, kw_only=True)
class ProbeKind:
    """A row of the table."""

    name: str
    words: str
    """For people."""
    of: Literal["classes", "both"]
    """What it is for: classes alone, or numbers as well."""
    reads: Literal["moments", "steps"]
    """Sums over any number of steps, or a bounded number of steps."""
    linear: bool
    """Whether it has a direction."""
    fit: Fit


KINDS: tuple[ProbeKind, ...] = (
    ProbeKind(name="linear", words="ridge regression; of classes, a discriminant of it", of="both", reads="moments",
              linear=True, fit=from_moments(fit_linear)),
    ProbeKind(name="logistic", words="logistic regression, each class counting alike", of="classes", reads="steps",
              linear=True, fit=from_steps(fit_logistic)),
    ProbeKind(name="sparse", words="few of the layer's numbers (the lasso)", of="both", reads="moments", linear=True,
              fit=from_moments(fit_sparse)),
    ProbeKind(name="mass-mean", words="the difference of the classes' means, nothing fitted", of="classes",
              reads="moments", linear=True, fit=from_moments(fit_mass_mean)),
    ProbeKind(name="mass-mean-corrected", words="the difference of the classes' means, corrected for covariance",
              of="classes", reads="moments", linear=True, fit=from_moments(fit_corrected_mass_mean)),
    ProbeKind(name="mlp", words="a network with one hidden layer", of="both", reads="steps", linear=False,
              fit=from_steps(fit_hidden)),
    ProbeKind(name="mdl", words="description length of the labels with a logistic probe that learns as they come",
              of="classes", reads="steps", linear=True, fit=fit_codelength),
)  # fmt: skip
"""What a probe can be."""


def find_kind(name: str) -> ProbeKind:
    """A row by its name.

    Raises:
        WorkbenchError: There is none.
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise WorkbenchError(f"There is no probe of kind {name!r}; the kinds are: {', '.join(one.name for one in KINDS)}.")


def fitting_concepts(kind: ProbeKind, concepts: Sequence[Concept], *, asked: bool) -> list[Concept]:
    """The concepts that a kind of probe is for.

    Args:
        kind: The kind.
        concepts: What there is.
        asked: Whether they were asked for by name, so that one that does not fit is an error.

    Raises:
        WorkbenchError: One does not fit, or none does.
    """
    fit = [concept for concept in concepts if kind.of == "both" or not concept.is_number]
    if (asked and len(fit) < len(concepts)) or not fit:
        wrong = next(concept for concept in concepts if concept not in fit)
        raise WorkbenchError(
            f"A probe of kind {kind.name!r} is for classes, and {wrong.name!r} is a number. Compare it with a value, "
            f'such as "{wrong.name} > 0", or take one of the kinds for numbers: '
            f"{', '.join(one.name for one in KINDS if one.of == 'both')}."
        )
    return fit
