"""One episode as a video: its frames where they were recorded, else its image observations, magnified.

Axis legend:
    T  pictures: one before each action, and the one after the last where it was kept
    H, W  pixels
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from workbench.errors import MissingExtraError, WorkbenchError
from workbench.exports.selection import select_episode
from workbench.progress import Progress

if TYPE_CHECKING:
    from workbench.recording import Episode, Recording

DEFAULT_FPS = 10.0
"""Frames a second where neither the caller nor the environment says."""
DEFAULT_SIZE = 256
"""Least length of the shorter side, in pixels."""
BLOCK_FRAMES = 64
"""How many pictures are read at a time."""
SMALLEST_IMAGE = 8
"""Side in pixels below which a three-axis observation is not taken for a picture (MiniGrid's 7×7×3 holds codes)."""


class PictureSequence(Protocol):
    """Pictures in order of time, `[T, H, W, 3]` uint8."""

    shape: tuple[int, int]
    """H and W, both even."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]: ...


def write_video(
    recording: "Recording",
    path: Path,
    *,
    episode: int = 0,
    fps: float | None = None,
    size: int | None = None,
    progress: Progress,
) -> None:
    """Write an episode as a video, encoded as the path's suffix says.

    Args:
        recording: A recording with frames or image observations.
        path: The file, ending in one of `ENCODERS`.
        episode: Number of the episode.
        fps: Frames a second; None for the environment's own.
        size: Least length of the shorter side, in pixels.
        progress: Told about frames.

    Raises:
        WorkbenchError: There are no pictures, or the encoder refuses them.
        MissingExtraError: The encoder needs a package that is absent.
    """
    ENCODERS[path.suffix.lower()](Pictures(recording, episode, size), frame_rate(recording, fps), path, progress)


def _encode_mp4(pictures: PictureSequence, fps: float, path: Path, progress: Progress) -> None:
    """H.264, as every browser plays it."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MissingExtraError("imageio-ffmpeg", "video", "Export to mp4") from error
    height, width = pictures.shape
    writer = imageio_ffmpeg.write_frames(
        str(path),
        (width, height),
        fps=fps,
        quality=None,
        codec="libx264",
        macro_block_size=1,
        pix_fmt_in="rgb24",
        pix_fmt_out="yuv420p",
        output_params=["-crf", "18", "-movflags", "+faststart"],
        ffmpeg_log_level="error",
    )
    try:
        writer.send(None)
        for done, picture in enumerate(pictures, 1):
            writer.send(np.ascontiguousarray(picture))
            progress.update(done, len(pictures), "frames")
    except (OSError, RuntimeError) as error:
        raise WorkbenchError(f"ffmpeg could not encode the video: {' '.join(str(error).split())[-300:]}") from error
    finally:
        writer.close()


def _encode_gif(pictures: PictureSequence, fps: float, path: Path, progress: Progress) -> None:
    """An animated GIF that repeats, of 50 frames a second at most: its clock ticks in hundredths of a second."""
    from PIL import Image

    # Browsers show a delay below 2 hundredths at their own slow pace.
    hundredths = max(2, round(100 / fps))

    def images() -> Iterator[Image.Image]:
        for done, picture in enumerate(pictures, 1):
            yield Image.fromarray(picture).quantize(256, dither=Image.Dither.NONE)
            progress.update(done, len(pictures), "frames")

    every = images()
    next(every).save(path, save_all=True, append_images=every, duration=10 * hundredths, loop=0, optimize=False)


ENCODERS: dict[str, Callable[[PictureSequence, float, Path, Progress], None]] = {
    ".mp4": _encode_mp4,
    ".gif": _encode_gif,
}
"""By a file's suffix, what writes the pictures of an episode at so many frames a second."""


class Pictures:
    """The pictures of one episode in order of time, `[T, H, W, 3]` uint8, read a few at a time.

    Args:
        recording: The recording.
        episode: Number of the episode.
        size: Least length of the shorter side; smaller pictures are magnified by a whole number.

    Raises:
        WorkbenchError: The recording has neither frames nor image observations.
    """

    def __init__(self, recording: "Recording", episode: int, size: int | None) -> None:
        if size is not None and size < 1:
            raise WorkbenchError(f"The size of a video must be at least 1 pixel; it is {size}.")
        self._episode: Episode = select_episode(recording, episode)
        self._column = recording.steps[picture_column(recording)]
        self._last = _final_picture(recording, episode, self._column.name)
        height, width, _ = as_pictures(self._column[self._episode.rows[:1]]).shape[1:]
        self._times = max(1, -(-(size or DEFAULT_SIZE) // min(height, width)))
        # H.264 with subsampled colours wants even sides.
        self.shape = (_even(height * self._times), _even(width * self._times))

    def __len__(self) -> int:
        return len(self._episode.rows) + (self._last is not None)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        rows = self._episode.rows
        for start in range(0, len(rows), BLOCK_FRAMES):
            yield from map(self._magnify, as_pictures(self._column[rows[start : start + BLOCK_FRAMES]]))
        if self._last is not None:
            yield self._magnify(as_pictures(self._last[None])[0])

    def _magnify(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        large = picture.repeat(self._times, axis=0).repeat(self._times, axis=1)
        height, width = self.shape
        return np.pad(large, ((0, height - large.shape[0]), (0, width - large.shape[1]), (0, 0)), mode="edge")


def picture_column(recording: "Recording") -> str:
    """The step column that holds pictures: `frame`, or an image observation.

    Raises:
        WorkbenchError: There is none; the message says how to record one.
    """
    if "frame" in recording.steps:
        return "frame"
    for name, array in recording.steps.items():
        if name.split("/")[0] == "observation" and is_image(array.shape[1:], array.dtype):
            return name
    shapes = ", ".join(
        f"{name} {list(array.shape[1:])} {array.dtype}"
        for name, array in recording.steps.items()
        if name.split("/")[0] == "observation"
    )
    raise WorkbenchError(
        f"The recording {recording.path!r} has no pictures to make a video of: no frames were recorded, and its "
        f"observations are not images ({shapes or 'none recorded'}). Record it with frames: --frames, frames=True."
    )


def is_image(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether an observation of this shape is a picture: uint8, `[H, W]`, `[H, W, C]` or `[C, H, W]`, at least 8×8."""
    if dtype != np.uint8 or len(shape) not in (2, 3):
        return False
    sides = shape if len(shape) == 2 else shape[1:] if _channels_first(shape) else shape[:2]
    return min(sides) >= SMALLEST_IMAGE


def as_pictures(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Images of any layout as RGB, `[T, H, W, 3]`; of a stack of pictures the newest, which is the last one.

    Args:
        images: `[T, H, W]`, `[T, H, W, C]` or `[T, C, H, W]`. C a multiple of 3 is a stack of RGB pictures, any other
            number a stack of grey ones.
    """
    if images.ndim == 3:
        images = images[..., None]
    elif _channels_first(images.shape[1:]):
        images = np.moveaxis(images, 1, -1)
    newest = images[..., -3:] if images.shape[-1] % 3 == 0 else images[..., -1:]
    return np.broadcast_to(newest, (*newest.shape[:3], 3))


def _channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[0] < min(shape[1:])


def _even(length: int) -> int:
    return length + length % 2


def _final_picture(recording: "Recording", episode: int, array_name: str) -> npt.NDArray[np.uint8] | None:
    name = array_name.removeprefix("steps/")
    if name == "frame":
        return recording.final_frame(episode)
    return recording.final_observation(episode, name.partition("/")[2] or None)


def frame_rate(recording: "Recording", fps: float | None) -> float:
    """Frames a second: as asked for, else as the environment says.

    Raises:
        WorkbenchError: They are not above 0.
    """
    if fps is not None and not fps > 0:
        raise WorkbenchError(f"The frames a second of a video must be more than 0; they are {fps}.")
    described = (recording.attributes.get("environment") or {}).get("render_fps")
    return float(fps or described or DEFAULT_FPS)
