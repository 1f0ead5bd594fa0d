"""What search makes of a network: decision by decision, by its budget, over a training run."""

from workbench.analyses.search.decisions import Decision, DecisionCourse, course_of, measure_decision, node_disagreement
from workbench.analyses.search.exact import VERDICTS, Verdict, judge
from workbench.analyses.search.recorded_decisions import MEASURES, RecordedDecisions, by_group, measure_recording

__all__ = [
    "MEASURES",
    "VERDICTS",
    "Decision",
    "DecisionCourse",
    "RecordedDecisions",
    "Verdict",
    "by_group",
    "course_of",
    "judge",
    "measure_decision",
    "measure_recording",
    "node_disagreement",
]
