"""What the page's parts about features and units keep between reruns, and the thread that makes features."""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import streamlit as st
from matplotlib.figure import Figure

from workbench.analyses.representation.feature_activity import FeatureReport, feature_report
from workbench.analyses.representation.feature_concepts import FeatureConcept, feature_concepts, usual_concepts
from workbench.analyses.representation.feature_effects import FeatureEffect, feature_effects
from workbench.analyses.representation.features import LayerFeatures
from workbench.analyses.representation.fitting import fit_features
from workbench.analyses.representation.substitution import Substitution, return_under_substitution
from workbench.analyses.representation.tuning import Tuning, unit_tuning
from workbench.analyses.representation.units import UnitReport, unit_report
from workbench.analyses.representation.visualisation import Visualisation, visualise_unit
from workbench.errors import WorkbenchError
from workbench.figures.png import png_bytes
from workbench.policies.types import Policy
from workbench.progress import Cancelled, Progress
from workbench.recording import Recording
from workbench.views.caching import cached_recording
from workbench.views.jobs import Job
from workbench.views.kept_results import once
from workbench.views.saliency_caching import cached_policy

EPISODES = 10
"""In which the agent acts through the features."""
MOST_JOBS = 16


@dataclass(frozen=True, kw_only=True)
class AskedFeatures:
    """Which features are asked for."""

    path: str
    stamp: int | str
    layer: str
    method: str
    count: int
    updates: int


@dataclass(frozen=True, kw_only=True)
class MadeFeatures:
    """Features with all that always stands beside them."""

    features: LayerFeatures
    report: FeatureReport
    concepts: tuple[FeatureConcept | None, ...]
    substitution: Substitution | None
    without_agent: str | None
    """Why the agent was not run; None where it was."""


FeaturesJob: TypeAlias = Job[AskedFeatures, MadeFeatures]
"""Features under way. What was trained when it is stopped is kept, and so is what of the rest is finished."""


def _make(job: FeaturesJob, recording: Recording, policy: Policy | None, why_not: str | None) -> MadeFeatures:
    """`why_not`: why there is no agent."""
    asked = job.asked
    job.stage = "making features"
    features = fit_features(
        recording, asked.layer, method=asked.method, count=asked.count, updates=asked.updates, progress=job
    )
    # What was trained is looked at, also where its training was stopped.
    job.stage = "reading features"
    report = feature_report(recording, features)
    job.stage, job.message = "concepts", ""
    concepts = feature_concepts(recording, features)
    substitution = None
    if policy is not None and not job.asked_to_stop:
        job.stage = "acting through the features"
        try:
            substitution = return_under_substitution(recording, features, policy, episodes=EPISODES, progress=job)
        except WorkbenchError as error:
            why_not = str(error)
        except Cancelled:
            why_not = "it was stopped"
    elif policy is not None:
        why_not = "it was stopped"
    return MadeFeatures(
        features=features, report=report, concepts=concepts, substitution=substitution, without_agent=why_not
    )


@dataclass
class FeaturesJobs:
    """The features that were asked for since the server's start, the last few; one is made at a time."""

    jobs: "OrderedDict[AskedFeatures, FeaturesJob]" = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, asked: AskedFeatures) -> FeaturesJob | None:
        """What was made, or is being made, of what is asked for."""
        with self.lock:
            return self.jobs.get(asked)

    def running(self) -> FeaturesJob | None:
        """What is being made now."""
        with self.lock:
            return next((job for job in self.jobs.values() if job.running), None)

    def start(self, asked: AskedFeatures) -> FeaturesJob:
        """Begin.

        Raises:
            WorkbenchError: Others are being made.
        """
        # Read here: the thread is none of Streamlit's.
        recording = cached_recording(asked.path, asked.stamp)
        policy, why_not = _policy_or_why_not(asked.path, asked.stamp)
        with self.lock:
            if any(job.running for job in self.jobs.values()):
                raise WorkbenchError("Other features are being made. Wait for their end, or cancel them.")
            job = Job(asked, lambda job: _make(job, recording, policy, why_not), name="features")
            self.jobs[asked] = job
            while len(self.jobs) > MOST_JOBS:
                self.jobs.popitem(last=False)
            job.start()
            return job

    def forget(self, asked: AskedFeatures) -> None:
        """Make room for another try."""
        with self.lock:
            self.jobs.pop(asked, None)


@st.cache_resource(show_spinner=False)
def features_jobs() -> FeaturesJobs:
    """Those of this server, seen by all its pages and sessions."""
    return FeaturesJobs()


def _policy_or_why_not(path: str, stamp: int | str) -> tuple[Policy | None, str | None]:
    try:
        return cached_policy(path, stamp), None
    except WorkbenchError as error:
        return None, str(error)


@st.cache_data(max_entries=64, show_spinner=False)
def cached_picture(key: tuple[object, ...], _draw: Callable[[], Figure]) -> bytes:
    """A figure as PNG, drawn once: what is on a page is drawn again whenever anything on it is touched.

    Args:
        key: All that it depends on.
    """
    return png_bytes(_draw(), dots_per_inch=110)


def features_file(features: LayerFeatures) -> bytes:
    """The features as the bytes of an `.npz` file."""
    buffer = io.BytesIO()
    features.save(buffer)
    return buffer.getvalue()


def cached_effect(
    asked: AskedFeatures, features: LayerFeatures, number: int, progress: Progress
) -> FeatureEffect | None:
    """What one feature does in the live agent."""
    return once(
        ("feature effect", asked, features.made, number),
        lambda: feature_effects(
            cached_recording(asked.path, asked.stamp), features, cached_policy(asked.path, asked.stamp), (number,),
            progress=progress,
        )[0],
    )  # fmt: skip


def cached_units(path: str, stamp: int | str, layer: str, progress: Progress) -> tuple[UnitReport, tuple[Tuning, ...]]:
    """A layer's units, and what they are tuned to."""

    def compute() -> tuple[UnitReport, tuple[Tuning, ...]]:
        recording = cached_recording(path, stamp)
        report = unit_report(recording, layer, progress=progress)
        return report, unit_tuning(recording, layer, usual_concepts(recording), progress=progress)

    return once(("units", path, stamp, layer), compute)


def cached_visualisation(
    path: str, stamp: int | str, layer: str, unit: int, objective: str, progress: Progress
) -> Visualisation:
    """The input that activates a unit most."""
    return once(
        ("visualisation", path, stamp, layer, unit, objective),
        lambda: visualise_unit(
            cached_recording(path, stamp), cached_policy(path, stamp), layer, unit, objective=objective,
            progress=progress,
        ),
    )  # fmt: skip
