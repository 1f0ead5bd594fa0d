"""The page that replays an episode: selectors, the player, and downloads of what it shows."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from workbench.figures.player import last_position, window_steps, with_probes
from workbench.recording import Recording
from workbench.views.addresses import find_recording, resolve
from workbench.views.caching import cached_listing, cached_opening, cached_payload, cached_recording, stamp
from workbench.views.choosing import choose_episode, choose_recording
from workbench.views.downloads import downloads
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.player import player
from workbench.views.progress_bar import ProgressBar
from workbench.views.root import name_below_root
from workbench.views.selection import Selection, change_selection, read_selection
from workbench.views.short_facts import short_options

if TYPE_CHECKING:
    from workbench.analyses.probing.readouts import ProbeReadout

ACTING = {"True": "mode of the policy", "False": "sampled"}


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        names = [name_below_root(entry["path"]) for entry in cached_listing() if isinstance(entry, dict)]
        selected = read_selection()
        if not names and selected.recording is None:
            st.title("Replay")
            st.info(
                "There is nothing to replay yet. Make a recording on the page *Recordings*.", icon=":material/info:"
            )
            return
        left, middle, right = st.columns([2, 2, 2.2])
        choose_recording("replay", left, names, selected.recording)
        name = read_selection().recording or names[0]
        path = find_recording(name, names)
        recording = cached_recording(path, stamp(path))
        if not recording.number_of_episodes:
            st.info("This recording holds no step: it ended before the first was committed.", icon=":material/info:")
            return
        asked = read_selection()
        # The opening episode takes reading: only where it is asked for.
        opening = cached_opening(path, stamp(path)).number if asked.episode is None else 0
        place = resolve(recording, asked, opening=opening)
        episode = choose_episode("replay", middle, recording, place.episode)
        layer = _choose_layer(right, recording, place.layer)
        _facts(recording, _why(path, recording, read_selection()))
        _show(path, episode, layer, _choose_probe(path, recording))
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _choose_layer(place: Any, recording: Recording, shown: str | None) -> str | None:
    layers = recording.layers
    if shown is None:
        place.selectbox("Layer", ["no layer was recorded"], disabled=True)
        return None
    st.session_state["replay.layer"] = shown

    def changed() -> None:
        change_selection(layer=st.session_state["replay.layer"])

    def label(name: str) -> str:
        shape = " × ".join(map(str, layers[name]["shape"])) or "1"
        return f"{name} ({layers[name]['module'] or 'module'}, {shape})"

    layer: str = place.selectbox("Layer", list(layers), format_func=label, key="replay.layer", on_change=changed)
    return layer


def _choose_probe(path: str, recording: Recording) -> tuple[str, str] | None:
    """The concept that a probe reads under the player, and the layer it reads; None where nobody asks for one."""
    if not recording.layers:
        return None
    with st.popover("Let a probe read along", icon=":material/psychology:"):
        # Concepts need torch, which whoever only looks at recordings does not wait for.
        if not st.toggle("A probe reads along", key=f"replay.probe.{path}"):
            return None
        from workbench.views.probes_caching import cached_concepts

        concept = st.selectbox("Concept", ["action", *cached_concepts(path, stamp(path))], key="replay.probe.concept")
        layers = list(recording.layers)
        layer = st.selectbox("Reads the layer", layers, index=max(0, len(layers) - 2), key="replay.probe.layer")
    return concept, layer


def _why(path: str, recording: Recording, asked: Selection) -> str:
    """Why the page shows the episode that it shows, where the address names none."""
    if asked.episode is not None or recording.number_of_episodes == 1:
        return ""
    opening = cached_opening(path, stamp(path))
    return f"opened on episode {opening.number}, {opening.reason}"


def _facts(recording: Recording, why: str) -> None:
    policy, environment = recording.attributes.get("policy") or {}, recording.attributes.get("environment") or {}
    acting = ACTING.get(str(recording.attributes.get("deterministic")), "unknown")
    options = short_options(environment.get("kwargs"), environment.get("wrappers"))
    count = recording.number_of_episodes
    name = plain(str(environment.get("id") or "an unnamed environment"))
    facts = [
        f"**{plain(str(policy.get('name') or 'Unknown agent'))}** in **{name}**"
        + f" ({plain(options)})" * bool(options),
        f"actions: {acting}",
        f"{recording.number_of_steps:,} steps in {count:,} episode{'s' if count != 1 else ''}",
        "" if recording.complete else plain(recording.ended),
        plain(why),
    ]
    st.caption(" · ".join(fact for fact in facts if fact))


@st.fragment
def _show(path: str, episode: int, layer: str | None, probe: tuple[str, str] | None) -> None:
    with errors_in_a_box():
        # Drawn again by itself, when the recording may have grown: all that is shown is of one moment.
        moment = stamp(path)
        recording = cached_recording(path, moment)
        # Of a recording that grows the opening episode may change, but not under the player.
        place = resolve(recording, read_selection(), opening=episode)
        # Always there, so that the player below it keeps its place on the page when a notice comes or goes.
        with st.container():
            if place.notices:
                st.warning("\n\n".join(map(plain, place.notices)), icon=":material/link_off:")
        shown, step = recording.episode(episode), place.step
        length = shown.length
        size = window_steps(recording, layer)
        start = min(step, max(0, length - 1)) // size * size
        payload = cached_payload(path, moment, episode, layer, start, min(start + size, length))
        if probe is not None:
            payload = with_probes(payload, [_read_along(path, moment, episode, *probe)])
        name = name_below_root(path)

        def moved(new: int) -> None:
            selected = read_selection()
            if selected.recording in (None, name) and resolve(recording, selected, opening=episode).episode == episode:
                step = min(new, last_position(recording, shown))
                change_selection(recording=name, episode=episode, step=step, layer=layer)

        player(payload, step, on_step=moved)
        downloads(path, recording, episode, layer, step)


def _read_along(path: str, moment: int | str, episode: int, concept: str, layer: str) -> "ProbeReadout":
    from workbench.views.probes_caching import cached_held_out, cached_readout

    bar = st.progress(0.0, "making the probe")
    try:
        probes = cached_held_out(path, moment, concept, layer, ProgressBar(bar, "making the probe"))
    finally:
        bar.empty()
    return cached_readout(probes, path, moment, concept, layer, episode)


HOW_TO_READ = """
- **What it did** shows what the policy said about its actions *in the very pass that chose the action*. Probabilities
  are the softmax of its logits; Q values are expected returns; for continuous actions the band is one standard
  deviation of the policy's Gaussian.
- **Value** is the critic's estimate of the return from this step on. **One-step error** is reward + discount × next
  value − value: strongly negative means that the outcome was worse than the critic had expected.
- **Entropy** (nat; 1 nat = 1.44 bit) is how undecided the policy is: 0 when sure, and ln(number of actions), which is
  100 %, when it has no preference. For continuous actions it is that of the action's density in the action's own
  units, and can be negative; for SAC and TQC that is after squashing, and at most the sum of ln(highest − lowest
  action).
- **Moments** rank the steps of this episode by these numbers, at most five of a kind, and no two alike: steps that
  follow each other closely, or in which the agent saw and said nearly the same (within 5 % of each number's range over
  the episode), are one moment, with the number of *more like it*. They point at where to look; they explain nothing by
  themselves.
- **Inside** shows what the chosen layer put out at this step. Colours share one scale over all units and all steps
  loaded; the scale is symmetrical about zero where activations can be negative. Values are drawn in 255 levels; the
  CSV has them exactly.
- **A probe reads** (*Let a probe read along*) shows what a linear probe of the chosen layer says at each step, beside
  what is true; it was not made from this episode, and how good it is on such episodes stands above it. That it reads
  something does not say that the agent uses it: see the page *Probes*.
- **True state** is what the environment says is so. Places are rows and columns from the top left square; *true places*
  draws them over the pictures in which their grid was found. Labels that name an action are marked beside it.
- A link that names no episode opens a recording on the one whose outcome its critic had least expected: the largest
  difference between the value at the start and the discounted return (of a truncated episode, with the last value for
  what was cut off). Where no such value was recorded it is the episode of the most usual return.
- An episode is one sample (n = 1), so its numbers carry no interval. The mean return over episodes, with its
  interval, is on the page *Recordings*.
"""
