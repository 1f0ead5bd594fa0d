"""The part of a page that takes a layer apart into features."""

import streamlit as st

from workbench.analyses.intervention.decision_effects import DecisionEffect
from workbench.analyses.representation.examples import examples_at
from workbench.analyses.representation.feature_samples import places_of
from workbench.analyses.representation.features import NMF, SPARSE_AUTOENCODER
from workbench.analyses.representation.fitting import MOST_FEATURES, UPDATES, usual_count
from workbench.errors import WorkbenchError
from workbench.figures.features import SheetRow, contact_sheet, evidence_figure, share_words, sheet_title
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.features_caching import (
    AskedFeatures,
    FeaturesJob,
    MadeFeatures,
    cached_effect,
    cached_picture,
    features_file,
    features_jobs,
)
from workbench.views.progress_bar import ProgressBar

METHODS = {SPARSE_AUTOENCODER: "sparse autoencoder", NMF: "non-negative factorisation"}
SHEET_FEATURES, SHEET_STEPS = 8, 6


def features_part(path: str, recording: Recording, layer: str) -> None:
    """Draw the features of a layer: how they are asked for, and all that came of it.

    Args:
        path: Of the recording.
        recording: The same, open.
        layer: One of its recorded layers.
    """
    with errors_in_a_box():
        asked = _ask(path, recording, layer)
        job = features_jobs().find(asked)
        if job is None:
            _begin(asked)
        elif job.running:
            _live(job)
        elif job.made is None:
            st.error(plain(job.error or "It ended without a result."), icon=":material/error:")
            st.button("Try again", key="features.again", on_click=features_jobs().forget, args=(asked,))
        else:
            _show(asked, recording, job.made)
        with st.expander("How to read features", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _ask(path: str, recording: Recording, layer: str) -> AskedFeatures:
    shape = tuple(recording.activations[layer].shape[1:])
    places = places_of(shape)
    width = 1
    for size in shape:
        width *= size
    width //= places
    how, many, long = st.columns([2, 1, 1])
    method = how.selectbox("Method", METHODS, format_func=METHODS.__getitem__, key="features.method")
    usual = usual_count(method, width, max(2, len(recording) * places // 2))
    count = many.number_input("Features", 1, MOST_FEATURES, usual, key=f"features.count.{path}.{layer}.{method}")
    updates = UPDATES
    if method == SPARSE_AUTOENCODER:
        updates = long.number_input("Updates", 100, 100_000, UPDATES, step=500, key="features.updates")
    return AskedFeatures(
        path=path, stamp=stamp(path), layer=layer, method=method, count=int(count), updates=int(updates)
    )


def _begin(asked: AskedFeatures) -> None:
    other = features_jobs().running()
    if other is not None:
        st.info(plain(f"Features of {other.asked.layer} are being made; one layer is taken apart at a time."))
        _live(other)
        return
    st.button(
        "Make features", key="features.make", icon=":material/account_tree:", on_click=_start, args=(asked,),
        help="From three to four fifths of the episodes; the others are held out. The agent then acts through them.",
    )  # fmt: skip
    if wrong := st.session_state.pop("features.wrong", None):
        st.error(plain(wrong), icon=":material/error:")


def _start(asked: AskedFeatures) -> None:
    try:
        features_jobs().start(asked)
    except WorkbenchError as error:
        st.session_state["features.wrong"] = str(error)


@st.fragment(run_every=0.5)
def _live(job: FeaturesJob) -> None:
    if not job.running:
        st.rerun()
    share = min(1.0, job.done / max(1, job.total))
    note = f": {plain(job.message)}" if job.message else ""
    st.progress(share, text=f"{'cancelling … ' if job.cancelling else ''}{job.stage}{note}")
    st.button(
        "Cancel", key="features.cancel", on_click=job.cancel, disabled=job.cancelling, icon=":material/stop:",
        help="What has been trained until then is kept.",
    )  # fmt: skip


def _show(asked: AskedFeatures, recording: Recording, made: MadeFeatures) -> None:
    report, features = made.report, made.features
    st.image(cached_picture((asked, features.made, "evidence"), lambda: evidence_figure(report, made.substitution)))
    what = "step" if features.places == 1 else "step and place"
    lines = [
        f"{features.made[0].upper()}{features.made[1:]}; {report.steps:,} steps of {report.episodes} episodes were "
        f"read. A {what} has {report.active_features:.3g} active features on average; {int(report.dead.sum())} of "
        f"{features.count} are dead (never active)."
    ]
    if made.substitution is not None:
        lines.append(f"Return under substitution: {made.substitution.verdict}.")
    elif made.without_agent:
        lines.append(f"The agent was not run: {made.without_agent}")
    lines += [f"{note[0].upper()}{note[1:]}." for note in report.notes]
    st.caption(plain(" ".join(lines)))
    living = [int(number) for number in report.order if not report.dead[number]]
    if not living:
        st.info("No feature is ever active.", icon=":material/info:")
        return
    _sheet(asked, recording, made, living)
    _one(asked, made, living)
    st.download_button(
        "Keep the features (.npz)", lambda: features_file(features), file_name="features.npz",
        icon=":material/download:", key="features.keep",
    )  # fmt: skip


def _sheet(asked: AskedFeatures, recording: Recording, made: MadeFeatures, living: list[int]) -> None:
    pages = -(-len(living) // SHEET_FEATURES)
    page = 1
    if pages > 1:
        page = int(
            st.number_input(f"Features, those that carry most first: page of {pages}", 1, pages, key="features.page")
        )
    chosen = living[(page - 1) * SHEET_FEATURES : page * SHEET_FEATURES]
    names = recording.observation_names or ()
    st.image(
        cached_picture(
            (asked, made.features.made, "sheet", page),
            lambda: contact_sheet(
                [_row(recording, made, number, SHEET_STEPS) for number in chosen], number_names=names
            ),
        )
    )
    st.caption(
        "The steps that activate each feature most, at most one of each ten steps of an episode; below each its "
        "activation, episode (ep) and step (t). r: correlation with the concept it goes together with most; chance: "
        "what 95 of 100 shuffles of the episodes stay below with any concept."
    )


def _row(recording: Recording, made: MadeFeatures, number: int, count: int) -> SheetRow:
    report = made.report
    return SheetRow(
        title=sheet_title(report, number, made.concepts[number]),
        examples=examples_at(recording, report.top_rows[number, :count], report.top_activations[number, :count]),
    )


def _one(asked: AskedFeatures, made: MadeFeatures, living: list[int]) -> None:
    """One feature in full."""
    report = made.report
    number = st.selectbox(
        "Feature", living, key=f"features.number.{asked.layer}.{asked.method}",
        format_func=lambda k: f"feature {k}: active at {share_words(float(report.density.mean[k]))}",
    )  # fmt: skip
    st.table(_facts(made, number))
    if made.without_agent is not None and made.substitution is None and made.without_agent != "it was stopped":
        return
    if not st.toggle(f"What feature {number} does in the live agent", key="features.effect"):
        return
    bar = st.progress(0.0, "changing the agent")
    try:
        effect = cached_effect(asked, made.features, number, ProgressBar(bar, "changing the agent"))
    finally:
        bar.empty()
    if effect is None:
        st.info("It is active at none of the steps that were looked at.", icon=":material/info:")
        return
    first = effect.ablated
    st.table(
        {
            "change": ["taken out", "doubled"],
            f"mean change of {first.target} ({first.unit or 'no unit'})": [
                str(one.effect) for one in (effect.ablated, effect.amplified)
            ],
            "size": [f"{one.size.mean:.3g}" for one in (effect.ablated, effect.amplified)],
            "size of random directions": [_random(one) for one in (effect.ablated, effect.amplified)],
            "other action": [
                f"{one.flipped.mean():.0%}".replace("%", " %") for one in (effect.ablated, effect.amplified)
            ],
        }
    )
    st.caption(plain(f"Taken out, it {first.verdict}. {len(first.rows)} decisions at which it is active."))


def _facts(made: MadeFeatures, number: int) -> dict[str, list[str]]:
    report, concept = made.report, made.concepts[number]
    density = report.density
    interval = ""
    if density.low[number] == density.low[number]:
        ends = [share_words(float(min(1.0, max(0.0, end[number])))) for end in (density.low, density.high)]
        interval = f" [{ends[0]}, {ends[1]}]"
    rows = [
        ("active at [95 % over episodes]", share_words(float(density.mean[number])) + interval),
        ("largest activation, in the layer's unit", f"{report.largest[number]:.3g}"),
    ]
    if concept is None:
        rows.append(("goes together with", "it is active too rarely to say"))
    else:
        named = f"{concept.concept} is {concept.which}" if concept.which else concept.concept
        rows += [
            ("goes together most with", named),
            ("correlation [95 %]", _with_interval(concept.correlation)),
            ("by chance, of any concept", f"{concept.control:.2f}"),
            ("share of shuffles in which any feature does so", f"{concept.chance_of_any:.2g}"),
            ("in words", concept.verdict),
        ]
    return {"": [name for name, _ in rows], f"feature {number}": [value for _, value in rows]}


def _with_interval(one: object) -> str:
    text = str(one)
    return text.split(" [")[0] + " (fewer than 5 episodes: no interval)" if "nan" in text else text


def _random(one: DecisionEffect) -> str:
    return f"{one.controls.mean():.3g} ({len(one.controls)} of them)" if len(one.controls) else "none"


HOW_TO_READ = """
- A **feature** is a direction in the layer; how far it is *active* at a step is how much of that direction the layer is
  taken to be made of there. Of a convolution's output every place is taken apart by itself.
- **Reconstruction**: how much of the layer's variance the features explain, on episodes that they were not made from,
  beside as many principal components, and as few as features are active at a time.
- **Return**: what little is left out may be all that matters. So the agent acts with the layer replaced by what its
  features make of it, in the same episodes as unchanged, and with the layer held at its mean.
- **Goes together with** is a correlation. What a feature *does* is found by taking it out of the live agent, beside
  random directions that move the layer as far.
"""
