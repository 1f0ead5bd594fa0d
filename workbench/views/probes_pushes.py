"""The part of the page of probes that pushes a direction in the live agent: is what is known used, is it followed?"""

from typing import Any

import streamlit as st

from workbench.analyses.probing.following import Followed
from workbench.analyses.probing.use import Use
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.probes_caching import cached_actions, cached_classes
from workbench.views.probes_parts_caching import PushAsked, cached_following, cached_use
from workbench.views.short_facts import unbroken
from workbench.views.stoppable import stoppable

SCALES = (1.0, 2.0, 4.0)


def pushes_part(path: str, recording: Recording) -> None:
    """Draw the part."""
    with errors_in_a_box():
        classes = _concepts_with_classes(path)
        if not classes:
            st.info("This recording offers no concept with classes.", icon=":material/info:")
            return
        what, where, to, says = st.columns([2, 2, 1.2, 2])
        concept = what.selectbox("Concept", list(classes), key=f"pushes.concept.{path}")
        layers = list(recording.layers)
        layer = where.selectbox("Layer", layers, index=layers.index(_first_layer(layers)), key=f"pushes.layer.{path}")
        which = to.selectbox("Push to", classes[concept], key=f"pushes.class.{concept}")
        follows = says.text_input(
            "It follows if, at once", key="pushes.follows", placeholder=f"{concept} is {which}",
            help="An expression over recorded columns that the agent's next step fulfils, such as `action == 3`; one "
            "of what is there before it acts, such as `observation[2] > 0`, is asked one action later. Empty: the "
            "concept itself is of the class.",
        ).strip()  # fmt: skip
        asked = PushAsked(
            path=path, stamp=stamp(path), concept=concept, layer=layer, which=which, follows=follows or None
        )
        decisions, behaviour = st.columns(2)
        with decisions:
            st.markdown("**Are decisions changed?**")
            if st.toggle("Take it out, swap it, push it at 40 steps", key="pushes.use"):
                with errors_in_a_box(), st.spinner("changing decisions"):
                    _use(cached_use(asked))
        with behaviour:
            st.markdown("**Does behaviour follow?**")
            if st.toggle("Go on from 40 steps under the push", key="pushes.follow"):
                with errors_in_a_box(), stoppable("going on", "pushes.follow") as progress:
                    _followed(cached_following(asked, SCALES, progress))


def _concepts_with_classes(path: str) -> dict[str, tuple[str, ...]]:
    moment = stamp(path)
    every = {"action": cached_actions(path, moment), **cached_classes(path, moment)}
    return {name: classes for name, classes in every.items() if classes is not None}


def _first_layer(layers: list[str]) -> str:
    """The layer before the last one that is not the critic's own, by name: what the actor is near to knowing."""
    actors = [name for name in layers if "value" not in name and "critic" not in name] or layers
    return actors[max(0, len(actors) - 2)]


def _use(use: Use) -> None:
    effects = {"taken out": use.taken_out, "swapped": use.swapped, "pushed by 1 standard deviation": use.pushed}
    st.table(
        {
            "the direction": list(effects),
            "mean |change| [95 %]": [_estimate(one.size) for one in effects.values()],
            "of random directions": [
                f"{one.controls.mean():.3g}" if len(one.controls) else "–" for one in effects.values()
            ],
            "action changed": [f"{int(one.flipped.sum())} of {len(one.flipped)}" for one in effects.values()],
        }
    )
    st.caption(plain(f"{use.verdict}. Of {use.taken_out.target} [{use.taken_out.unit or 'no unit'}]."))


def _followed(found: tuple[Followed, ...]) -> None:
    st.table(
        {
            "push [sd]": [f"{one.scale:g}" for one in found],
            "without": [_estimate(one.without) for one in found],
            "pushed [95 %]": [_estimate(one.pushed) for one in found],
            "random directions": [f"{one.controls.mean():.2f}" if len(one.controls) else "–" for one in found],
            "pushed less random [95 %]": [_estimate(one.above_controls) for one in found],
        }
    )
    st.markdown("\n".join(f"- **{one.scale:g} sd**: {plain(one.verdict)}" for one in found))
    st.caption(
        plain(
            f"Share of {len(found[0].rows)} steps of {found[0].without.episodes} episodes, at which the concept was "
            f"another class, from which the agent goes on so that {found[0].follows}."
        )
    )


def _estimate(number: Any) -> str:
    if number.low is None:
        return f"{round(number.mean, 2) + 0.0:.2f} (no interval)".replace("-", "−")
    mean, low, high = (round(one, 2) + 0.0 for one in (number.mean, number.low, number.high))
    return unbroken(f"{mean:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−"))
