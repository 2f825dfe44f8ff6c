"""Files read whole, checked against a hash, and written whole or not at all."""

import hashlib

from draw_np.datasets.base import DatasetError
from draw_np.files import replacing

CHUNK = 1 << 20  # bytes


def md5(path):
    """Return the MD5 of the file `path` as hexadecimal digits, read piece by piece.

    Raises DatasetError if it cannot be read.
    """
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with open(path, "rb") as file:
            for chunk in chunks(file):
                digest.update(chunk)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error})") from None
    return digest.hexdigest()


def chunks(file):
    """Yield the bytes of the open `file`, a piece at a time."""
    while chunk := file.read(CHUNK):
        yield chunk


def write(path, pieces):
    """Put the bytes-like `pieces`, one after the other, into the file `path`, whole or not at all.

    Raises DatasetError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.writelines(pieces)
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path, error):
    """Return the DatasetError for an OSError met while writing `path`."""
    return DatasetError(
        f"cannot write {path} ({error.strerror or error}): make room, or name another folder in "
        "DRAW_NP_DATA, and run it again"
    )
