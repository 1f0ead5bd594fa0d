"""Arrays and pictures as JSON: base64 with dtype and shape, levels of a stated scale, and data URLs.

Axis legend:
    T  rows (steps, and where it is there the observation after the last one)
    H, W  rows and columns of a picture
"""

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

NON_FINITE_LEVEL = 255
"""The level of a quantised array that stands for NaN or infinity; 0 to 254 span the scale."""


def encode_array(values: npt.ArrayLike, dtype: str = "float32") -> dict[str, Any]:
    """An array as `{dtype, shape, data}`, its bytes in base64, little-endian, C order.

    Args:
        values: `[T, ...]`.
        dtype: One of `uint8`, `int32`, `float32`, `float64`.
    """
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    shape = list(np.shape(values))
    return {"dtype": dtype, "shape": shape, "data": base64.b64encode(array.tobytes()).decode("ascii")}


def quantise(values: npt.NDArray[Any]) -> dict[str, Any]:
    """An array as levels 0 to 254 between `low` and `high`, 255 where it is not finite.

    The scale starts at zero where nothing is negative; otherwise it is symmetrical, so that the middle level is zero.

    Returns:
        `{array, low, high, non_finite}`; the error is at most (high − low) / 508.
    """
    numbers = np.asarray(values, dtype=np.float32)
    finite = np.isfinite(numbers)
    all_finite = bool(finite.all())
    known = numbers if all_finite else numbers[finite]
    largest = float(np.abs(known).max()) if known.size else 0.0
    high = largest or 1.0
    low = -high if known.size and float(known.min()) < 0 else 0.0
    scaled = np.rint((np.where(finite, numbers, 0.0) - low) * (254.0 / (high - low)))
    levels = np.clip(scaled, 0, 254).astype(np.uint8)
    if not all_finite:
        levels[~finite] = NON_FINITE_LEVEL
    return {
        "array": encode_array(levels, "uint8"),
        "low": low,
        "high": high,
        "non_finite": int((~finite).sum()),
    }


def picture_url(pixels: npt.NDArray[np.uint8], *, maximum_pixels: int, lossless: bool) -> str:
    """A picture as a data URL.

    Args:
        pixels: `[H, W]` grey or `[H, W, 3]` RGB.
        maximum_pixels: A larger picture is scaled down to about so many.
        lossless: PNG if True, JPEG if False.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if image.width * image.height > maximum_pixels:
        factor = (maximum_pixels / (image.width * image.height)) ** 0.5
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        image = image.resize(size, Image.Resampling.BOX)
    buffer = io.BytesIO()
    if lossless:
        image.save(buffer, "PNG", compress_level=4)
    else:
        image.save(buffer, "JPEG", quality=88, subsampling=0)
    kind = "png" if lossless else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
