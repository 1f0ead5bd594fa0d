"""One episode as a page that stands alone: it plays from a disk, without network, for papers and classes."""

import base64
import hashlib
import html
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.exports.selection import select_episode, select_layers
from workbench.figures.player import PlayerSource, default_layer, episode_payload, player_source, window_steps
from workbench.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.recording import Recording

LARGEST_PAGE = 6
"""How many of the dashboard's windows (about 8 MB each) one page holds at most."""

_START = """
const payload = JSON.parse(document.getElementById("payload").textContent);
globalThis.player = mountPlayer(document.getElementById("player"), payload, {});
"""

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body {
  margin: 0; background: #ffffff; color: #1c2733;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
}
main { max-width: 1240px; margin: 0 auto; padding: 16px; }
h1 { font-size: 22px; margin: 0 0 12px; }
details { margin-top: 16px; }
summary { cursor: pointer; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 16px; font-size: 13.5px; }
dt { color: #5b6775; }
dd { margin: 0; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { body { background: #12181f; color: #e8edf2; } dt { color: #9aa7b5; } }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="rl-workbench {version}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<noscript><p>This page plays a recorded episode, and needs JavaScript for it; it loads nothing.</p></noscript>
<div id="player" class="rlw-player"></div>
<details open>
<summary>Where this comes from</summary>
<dl>
{facts}
</dl>
</details>
</main>
<script type="application/json" id="payload">{payload}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def write_html(
    recording: "Recording",
    path: Path,
    *,
    episode: int = 0,
    layer: "str | Sequence[str] | None" = None,
    progress: Progress,
) -> None:
    """Write a page that shows one episode step by step.

    The page is a single file. Its Content-Security-Policy lets nothing in from outside and runs the player's script
    alone, so that a recording's texts cannot become code. Of an episode too long for a page the first steps are shown.

    Args:
        recording: An open recording.
        path: The file.
        episode: Number of the episode.
        layer: The layer to show; None for the one that the dashboard shows first.
        progress: Told about the two parts of the work.

    Raises:
        WorkbenchError: There is no such episode or layer, or several layers match.
    """
    chosen = select_episode(recording, episode)
    name = _one_layer(recording, layer)
    stop = min(chosen.length, LARGEST_PAGE * window_steps(recording, name))
    progress.update(0, 2, "reading")
    payload = episode_payload(recording, episode, layer=name, start=0, stop=stop)
    # The recording's place on this machine is nobody else's business.
    payload |= {"key": "page", "episode_key": "page"}
    if stop < chosen.length:
        payload["notes"] = [
            *payload["notes"],
            f"This page holds the first {stop} of the episode's {chosen.length} steps.",
        ]
    progress.update(1, 2, "writing")
    path.write_text(page(payload, provenance(recording, chosen.index, name)), encoding="utf-8")
    progress.update(2, 2, "written")


def page(
    payload: dict[str, Any], facts: dict[str, str], *, source: PlayerSource | None = None, start: str = _START
) -> str:
    """The page's text.

    Args:
        payload: What the player shows.
        facts: Where it comes from: term → description.
        source: Script and style; None for the player of one episode.
        start: The script's last lines, which begin to show what the element `payload` holds.
    """
    source = source or player_source()
    style = source.style + _PAGE_STYLE
    script = source.script + start
    for name, text, end in (("style", style, "</style"), ("script", script, "</script")):
        if end in text.lower():
            raise AssertionError(f"the player's {name} holds {end!r} and cannot stand in a page")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_hash(style)}; script-src {_hash(script)}"
    )
    return _PAGE.format(
        policy=html.escape(policy, quote=True),
        version=html.escape(facts.get("rl-workbench", "")),
        title=html.escape(str(payload["title"])),
        style=style,
        facts="\n".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in facts.items()),
        payload=embedded_json(payload),
        script=script,
    )


def embedded_json(value: Any) -> str:
    """JSON that can stand in a `<script>` element: no character in it can end the element or begin a comment."""
    text = json.dumps(_finite(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _finite(value: Any) -> Any:
    """The same with null for NaN and infinities, which JSON has no words for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


def provenance(recording: "Recording", episode: int, layer: str | None) -> dict[str, str]:
    """Where an episode comes from, in words: policy and fingerprint, environment, seed, versions."""
    attributes = recording.attributes
    policy = attributes.get("policy") or {}
    environment = attributes.get("environment") or {}
    shown = recording.episode(episode)
    wrappers = ", ".join(environment.get("wrappers") or [])
    kwargs = json.dumps(environment.get("kwargs") or {})
    facts = {
        "Policy": str(policy.get("name") or "unknown"),
        "Policy fingerprint (SHA-256)": str(policy.get("fingerprint") or "unknown"),
        "Environment": str(environment.get("id") or "given as an object"),
        "Options": kwargs if kwargs != "{}" else "",
        "Wrappers": wrappers,
        "Episode": f"{shown.index} (numbered from 0), {shown.length} steps, return {shown.total_reward:g}",
        "Environment seed": "unknown" if shown.seed is None else str(shown.seed),
        "Acting": _acting(attributes.get("deterministic")),
        "Layer": layer or "",
        "Recorded": str(attributes.get("created") or "unknown"),
    }
    facts |= {str(package): str(version) for package, version in (attributes.get("versions") or {}).items() if version}
    return {term: text for term, text in facts.items() if text}


def _acting(deterministic: bool | None) -> str:
    if deterministic is None:
        return "unknown"
    return "deterministic (the policy's mode)" if deterministic else "stochastic (sampled)"


def _one_layer(recording: "Recording", layer: "str | Sequence[str] | None") -> str | None:
    if layer is None:
        return default_layer(recording) if recording.layers else None
    names = select_layers(recording, layer)
    if len(names) > 1:
        raise WorkbenchError(f"A page shows one layer; {', '.join(names)} were asked for.")
    return names[0]


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
