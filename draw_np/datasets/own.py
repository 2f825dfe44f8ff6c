"""Images of one's own: a folder of pictures, or an array in a .npy file."""

import warnings
from collections.abc import Sized
from io import BufferedReader
from pathlib import Path

import numpy as np

from draw_np.datasets.base import DatasetError, check_bits, check_whole
from draw_np.files import opened
from draw_np.names import one_line, shown

DEEP = ("I;16", "I;16L", "I;16B")  # what Pillow calls grey of 16 bits
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def read(path, size=None, grey=None):
    """Return images, uint8 or float32 in [0, 1], of shape (count, height, width) or, in colour, (..., 3).

    Parameters: `path` of a folder, whose pictures are taken in the order of their names, or of a .npy file with such an
    array; `size`, (height, width) in pixels, to which pictures are brought: the largest part about the middle with that
    aspect is cut out and resized. `grey` True makes pictures grey, False makes them coloured; None keeps grey ones
    grey, if all are. Of 16 bits the upper 8 are taken, of an animation its first picture, and what is transparent shows
    white. Raises DatasetError for what cannot be read, for pictures of different sizes without `size`, for arrays of
    another form, and for bytes that are 0 and 1 alone.
    """
    path, size = Path(path), check_size(size)
    images = pictures(path, size, grey) if path.is_dir() else array_at(path, size, grey)
    check_bits(path, images)
    return images


def array_at(path, size, grey):
    """The images of a .npy file, which are taken as they are."""
    if path.suffix != ".npy":
        raise DatasetError(f"{path} is neither a folder of pictures nor a .npy file")
    if size is not None or grey is not None:
        raise DatasetError(f"{path} is an array: its images are taken as they are, so leave out the size and grey")
    return array(path)


def check_size(size):
    """The size, (height, width), as ints of Python, or None; raises DatasetError for anything else."""
    if size is None:
        return None
    if not isinstance(size, Sized) or len(size) != 2:
        raise DatasetError(f"size is {shown(size)}: pass (height, width) in pixels")
    height, width = size
    return check_whole("height", height, 1), check_whole("width", width, 1)


def array(path):
    """The images of a .npy file, memory-mapped."""
    try:
        if path.exists() and not path.is_file():  # a pipe could be waited for, for ever
            raise ValueError("it is no regular file")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns of headers at which it guesses
            images = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # whatever the bytes of a file may lead to, it is the file's fault
        reason = getattr(error, "strerror", None) or one_line(str(error)) or type(error).__name__
        raise DatasetError(f"{path} cannot be read as an array ({reason})") from None
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3) or 0 in images.shape:
        form = "(count, height, width) or (count, height, width, 3)"
        raise DatasetError(f"{path} has an array of shape {images.shape}: images are {form}")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind not in "fb":
        raise DatasetError(f"{path} has numbers of type {images.dtype}: pass bytes, or floats in [0, 1]")
    least, most = images.min(), images.max()  # before they are float32, in which they may be infinite
    if not (least >= 0 and most <= 1):  # NaN, too
        raise DatasetError(f"{path} has values from {least} to {most}: floats must lie in [0, 1]")
    return np.asarray(images, np.float32)


def pictures(folder, size, grey):
    """The pictures of a folder, uint8."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not files:
        raise DatasetError(f"{folder} has no pictures ({', '.join(ENDINGS)}); folders in it are not looked into")
    images = [picture(path, size, grey) for path in files]
    if grey is None and any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2) for image in images]
    for path, image in zip(files, images):
        if image.shape != images[0].shape:
            one, other = (" x ".join(map(str, each.shape[:2])) for each in (images[0], image))
            raise DatasetError(
                f"{files[0].name} has {one} pixels, {path.name} {other}: bring all to one size, as --size 32 does"
            )
    return np.stack(images)


def picture(path, size, grey):
    """One picture, uint8 of shape (height, width) or (height, width, 3)."""
    from PIL import Image, ImageOps

    try:
        with BufferedReader(opened(path)) as file, Image.open(file) as image:
            is_grey = image.mode in ("1", "L", "LA", *DEEP) if grey is None else grey
            image = in_eight_bits(ImageOps.exif_transpose(image)).convert("L" if is_grey else "RGB")
            return np.asarray(image if size is None else middle(image, *size))
    except MemoryError:
        raise
    except Exception as error:  # Pillow refuses what is broken in many ways
        reason = getattr(error, "strerror", None) or one_line(str(error)) or type(error).__name__
        raise DatasetError(f"{path} cannot be read as a picture ({reason}): mend it, or take it away") from None


def in_eight_bits(image):
    """A Pillow image whose pixels are bytes and opaque: to 8 bits Pillow itself would clip, and alpha it would drop."""
    from PIL import Image

    if image.mode in DEEP:
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are of 32 bits, mode {image.mode}, and what is white is not known: save 8 or 16")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


def middle(image, height, width):
    """The largest part about the middle of a Pillow image with the aspect of `height` to `width`, resized to these."""
    scale = min(image.width / width, image.height / height)
    across, down = max(1, round(scale * width)), max(1, round(scale * height))
    left, top = (image.width - across) // 2, (image.height - down) // 2
    return image.crop((left, top, left + across, top + down)).resize((width, height))
