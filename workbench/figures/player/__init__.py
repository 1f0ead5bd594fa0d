"""The episode player: its payload (JSON), its script and its style, for Streamlit and for static pages alike."""

from workbench.figures.player.contents import last_position
from workbench.figures.player.layers import default_layer
from workbench.figures.player.payload import episode_payload, window_steps, with_probes
from workbench.figures.player.source import PlayerSource, player_source, reel_source

__all__ = [
    "PlayerSource",
    "default_layer",
    "episode_payload",
    "last_position",
    "player_source",
    "reel_source",
    "window_steps",
    "with_probes",
]
