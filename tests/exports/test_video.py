from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from workbench.errors import WorkbenchError
from workbench.exports import FORMATS, export
from workbench.exports.video import ENCODERS, as_pictures, is_image


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the reader leaves its pipes open
def test_mp4_holds_every_frame_and_the_last_one(recordings: SimpleNamespace, tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = export(recordings.frames, "mp4", tmp_path / "episode", episode=1, size=70)
    reader = ffmpeg.read_frames(str(path))
    facts = next(reader)
    assert facts["codec"] == "h264"
    assert facts["fps"] == 5  # what the environment says
    assert facts["size"] == (70, 72)  # frames of 36 × 35, twice as large
    frames = [np.frombuffer(frame, np.uint8).reshape(72, 70, 3) for frame in reader]
    episode = recordings.frames.episode(1)
    assert len(frames) == episode.length + 1
    recorded = np.concatenate([episode.column("frame"), recordings.frames.final_frame(1)[None]])
    difference = np.abs(np.stack(frames)[:, ::2, ::2].astype(int) - recorded)
    assert difference.mean() < 4  # lossy, and its colours are subsampled


def test_gif_of_image_observations_is_exact(recordings: SimpleNamespace, tmp_path: Path) -> None:
    path = export(recordings.grid, "gif", tmp_path / "episode", episode=0, fps=20, size=24)
    observations = recordings.grid.episode(0).observations()
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        shown = []
        milliseconds = 0
        for frame in range(image.n_frames):
            image.seek(frame)
            milliseconds += image.info["duration"]
            shown.append(np.asarray(image.convert("RGB"))[::2, ::2])
    assert milliseconds == 50 * len(observations)  # equal neighbours may be merged into one that lasts longer
    assert all(any((frame == seen).all() for seen in observations) for frame in shown)


def test_without_pictures_the_error_says_how_to_get_them(recordings: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"observation \[4\] float32.*--frames"):
        export(recordings.cart_pole, "gif", tmp_path / "episode")


@pytest.mark.parametrize("options", [{"fps": 0.0}, {"fps": -1.0}, {"fps": float("nan")}, {"size": 0}])
def test_impossible_options_are_refused(options: dict[str, float], recordings: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="must be"):
        export(recordings.grid, "gif", tmp_path / "episode", **options)


def test_a_suffix_in_capitals_is_as_good(recordings: SimpleNamespace, tmp_path: Path) -> None:
    with Image.open(export(recordings.grid, "gif", tmp_path / "EPISODE.GIF")) as image:
        assert image.format == "GIF"


def test_every_format_of_a_video_has_its_encoder() -> None:
    assert {row.suffix for row in FORMATS.values() if row.writer.startswith("video:")} == ENCODERS.keys()


def test_pictures_of_any_layout_become_the_newest_one_in_rgb() -> None:
    stack = np.arange(2 * 9 * 10 * 4, dtype=np.uint8).reshape(2, 9, 10, 4)
    newest = np.repeat(stack[..., 3:], 3, axis=-1)
    np.testing.assert_array_equal(as_pictures(stack), newest)
    np.testing.assert_array_equal(as_pictures(np.moveaxis(stack, -1, 1)), newest)
    np.testing.assert_array_equal(as_pictures(stack[..., 3]), newest)
    colours = np.arange(9 * 10 * 6, dtype=np.uint8).reshape(1, 9, 10, 6)
    np.testing.assert_array_equal(as_pictures(colours), colours[..., 3:])


def test_symbols_and_vectors_are_no_pictures() -> None:
    assert is_image((84, 84, 4), np.dtype(np.uint8))
    assert is_image((3, 64, 64), np.dtype(np.uint8))
    assert not is_image((7, 7, 3), np.dtype(np.uint8))
    assert not is_image((84, 84), np.dtype(np.float32))
    assert not is_image((128,), np.dtype(np.uint8))
