"""Highlights as files: a page whose reel plays offline, a video, a sheet of pictures; and what a page of the dashboard
needs of the recording for them.

Axis legend:
    T  pictures of the whole reel
    H, W  pixels
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.highlights import Highlight, Highlights
from workbench.errors import WorkbenchError
from workbench.exports.page import page, provenance
from workbench.exports.video import DEFAULT_SIZE, ENCODERS, as_pictures, frame_rate, picture_column
from workbench.figures.highlights import MomentView, contact_sheet
from workbench.figures.player import default_layer, episode_payload, reel_source, window_steps
from workbench.figures.png import png_bytes
from workbench.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from PIL import ImageFont

    from workbench.recording import Recording

LARGEST_PAGE = 6
"""How many of the dashboard's windows (about 8 MB each) one page holds at most."""
BAR = 34
"""Pixels of the bar below each picture of a video, which says what is shown."""
HELD_SECONDS, GAP_SECONDS = 0.7, 0.3
"""How long a video stands still at a moment, and is dark between two."""
FRAME_COLOUR, TEXT_COLOUR, BAR_COLOUR, TRACK_COLOUR = (225, 116, 20), (235, 240, 245), (18, 24, 31), (90, 102, 115)
_START = """
const reel = JSON.parse(document.getElementById("payload").textContent);
globalThis.reel = mountReel(document.getElementById("player"), reel);
"""


def write_reel(
    recording: "Recording", found: Highlights, path: Path, *, fps: float | None = None, progress: Progress | None = None
) -> None:
    """Write the highlights as a page, a video or a sheet of pictures, as the path's suffix says.

    Args:
        recording: In which they were found.
        found: The highlights.
        path: The file, ending in one of `REEL_FORMATS`.
        fps: Frames a second of a video; None for the environment's own.
        progress: Told about what has been written.

    Raises:
        WorkbenchError: The suffix is another, or the recording has no pictures for a video.
    """
    suffix = path.suffix.lower()
    if suffix not in REEL_FORMATS:
        raise WorkbenchError(f"A reel is written as {', '.join(REEL_FORMATS)}; {path.name!r} ends in none of them.")
    REEL_FORMATS[suffix](recording, found, path, fps, progress or SilentProgress())


def moment_views(recording: "Recording", found: Highlights) -> list[MomentView]:
    """What a sheet shows of each moment, from the most important on."""
    return [_view(recording, one) for one in found.moments]


def reel_payload(recording: "Recording", found: Highlights, *, layer: str | None = None) -> dict[str, Any]:
    """What the browser's reel plays: each moment's window as the player takes it; as many as a page can hold.

    Args:
        recording: In which they were found.
        found: The highlights.
        layer: The layer to show; None for the one that the dashboard shows first.
    """
    shown = layer if layer is not None or not recording.layers else default_layer(recording)
    room = LARGEST_PAGE * window_steps(recording, shown)
    moments: list[dict[str, Any]] = []
    for one in found.moments:
        if moments and len(one.rows) > room:
            break
        room -= len(one.rows)
        payload = episode_payload(recording, one.episode, layer=shown, start=one.start, stop=one.stop)
        # The recording's place on this machine is nobody else's business; and no two windows are one to the player.
        payload |= {"key": f"moment {one.rank}", "episode_key": f"moment {one.rank}"}
        label = f"{one.rank} · episode {one.episode}, step {one.step}"
        moments.append({"payload": payload, "step": one.step, "label": label, "text": moment_words(one, found)})
    return {"title": f"Highlights: {moments[0]['payload']['title'].rpartition(', ')[0]}", "moments": moments}


def moment_words(one: Highlight, found: Highlights) -> str:
    """One line of what a moment is and why it is shown."""
    unit = f" {found.unit}" if found.unit else ""
    importance = f"{one.importance:.4g}{unit}".replace("-", "−")
    return (
        f"episode {one.episode}, step {one.step}: {found.measure} {importance}, more than at {one.share_below:.1%} of "
        f"the steps; {one.why}"
    ).replace("%", " %")


def _view(recording: "Recording", one: Highlight) -> MomentView:
    before = np.linspace(0, one.step - one.start, 3).round().astype(int)
    after = np.linspace(one.step - one.start, len(one.rows) - 1, 3).round().astype(int)
    places = np.unique(np.concatenate([before, after]))
    pictures = None
    try:
        pictures = as_pictures(recording.steps[picture_column(recording)][one.rows[places]])
    except WorkbenchError:
        if "observation" in recording.steps:
            numbers = recording.steps["observation"][one.rows].reshape(len(one.rows), -1).astype(np.float64)
            return MomentView(
                moment=one, steps=np.arange(one.start, one.stop), numbers=numbers,
                names=tuple(recording.observation_names or ()),
            )  # fmt: skip
    return MomentView(moment=one, steps=places + one.start, pictures=pictures)


def _write_html(recording: "Recording", found: Highlights, path: Path, fps: float | None, progress: Progress) -> None:
    progress.update(0, 2, "reading")
    payload = reel_payload(recording, found)
    facts = provenance(recording, found.moments[0].episode, None) | _facts(found, len(payload["moments"]))
    progress.update(1, 2, "writing")
    path.write_text(page(payload, facts, source=reel_source(), start=_START), encoding="utf-8")
    progress.update(2, 2, "written")


def _facts(found: Highlights, held: int) -> dict[str, str]:
    """In place of one episode's facts, what the reel is."""
    own = next(one for one in found.reels if one.less_covered is None)
    more = f"; this page holds the first {held}" if held < len(found.moments) else ""
    return {
        "Episode": f"{len(found.moments)} moments of {own.episodes} episodes{more}",
        "Environment seed": "that of the recording's episodes",
        "Chosen by": f"{own.words} (Amir and Amir 2018), with {found.interval} steps between two at least",
        "Importance": f"{found.measure}: {found.measure_words}",
        "States compared by": found.states,
        "Mean importance of the moments": str(own.importance),
        "Mean importance of any step": str(found.any_step),
        "Seed": str(found.seed),
    }


def _write_video(recording: "Recording", found: Highlights, path: Path, fps: float | None, progress: Progress) -> None:
    rate = frame_rate(recording, fps)
    ENCODERS[path.suffix.lower()](ReelPictures(recording, found, rate), rate, path, progress)


def _write_sheet(recording: "Recording", found: Highlights, path: Path, fps: float | None, progress: Progress) -> None:
    path.write_bytes(png_bytes(contact_sheet(found, moment_views(recording, found))))
    progress.update(1, 1, "written")


REEL_FORMATS: Mapping[str, Callable[["Recording", Highlights, Path, float | None, Progress], None]] = {
    ".html": _write_html,
    ".mp4": _write_video,
    ".gif": _write_video,
    ".png": _write_sheet,
}
"""By a file's suffix, what writes the highlights."""


class ReelPictures:
    """The pictures of a reel in order of time, `[T, H, W, 3]` uint8, with a bar below that says what is shown.

    At its moment a video stands still, in a frame; between two moments it is dark.

    Args:
        recording: With frames or image observations.
        found: The highlights, shown from the most important on.
        fps: Frames a second, for how many pictures a pause takes.

    Raises:
        WorkbenchError: The recording has no pictures.
    """

    def __init__(self, recording: "Recording", found: Highlights, fps: float) -> None:
        self._found = found
        self._column = recording.steps[picture_column(recording)]
        height, width, _ = as_pictures(self._column[found.moments[0].rows[:1]]).shape[1:]
        self._times = max(1, -(-DEFAULT_SIZE // min(height, width)))
        self._size = (height * self._times, width * self._times)
        high, wide = self._size[0] + BAR, self._size[1]
        self.shape = (high + high % 2, wide + wide % 2)
        self._held, self._gap = math.ceil(HELD_SECONDS * fps), math.ceil(GAP_SECONDS * fps)

    def __len__(self) -> int:
        gaps = self._gap * (len(self._found.moments) - 1)
        return gaps + sum(len(one.rows) + self._held for one in self._found.moments)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        for number, one in enumerate(self._found.moments):
            if number:
                yield from [np.zeros((*self.shape, 3), np.uint8)] * self._gap
            for place, picture in enumerate(as_pictures(self._column[one.rows])):
                here = one.start + place == one.step
                yield from [self._drawn(picture, one, place, here=here)] * (1 + self._held * here)

    @cached_property
    def _font(self) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
        from PIL import ImageFont

        return ImageFont.load_default(13)

    def _drawn(
        self, picture: npt.NDArray[np.uint8], one: Highlight, place: int, *, here: bool
    ) -> npt.NDArray[np.uint8]:
        from PIL import Image, ImageDraw

        large = picture.repeat(self._times, axis=0).repeat(self._times, axis=1)
        image = Image.new("RGB", self.shape[::-1], BAR_COLOUR)
        image.paste(Image.fromarray(large), (0, 0))
        draw = ImageDraw.Draw(image)
        height, width = self._size
        if here:
            draw.rectangle((0, 0, width - 1, height - 1), outline=FRAME_COLOUR, width=4)
        end = max(1, len(one.rows) - 1)
        reached, mark = (round((width - 1) * at / end) for at in (place, one.step - one.start))
        draw.rectangle((0, height, width, height + 4), fill=TRACK_COLOUR)
        draw.rectangle((0, height, reached, height + 4), fill=TEXT_COLOUR)
        draw.rectangle((mark - 2, height, mark + 2, height + 6), fill=FRAME_COLOUR)
        importance = f"{one.importance:.3g}".replace("-", "−")
        said = (
            f"{one.rank}/{len(self._found.moments)} · episode {one.episode} · step {one.start + place} · {importance}"
        )
        draw.text((6, height + 12), said, fill=FRAME_COLOUR if here else TEXT_COLOUR, font=self._font)
        return np.asarray(image)


def highlights_facts(found: Highlights) -> dict[str, Any]:
    """The highlights in plain JSON."""
    plain = asdict(found)
    plain["moments"] = [
        {**{name: value for name, value in asdict(one).items() if name != "rows"}, "rows": one.rows.tolist()}
        for one in found.moments
    ]
    return plain
