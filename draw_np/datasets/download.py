"""One download: with a progress bar, continued where it broke off, and moved into place only when it is the known file.

What it needs of other packages is imported when it is needed: nothing else in draw_np knows a network.
"""

import contextlib
import hashlib
import os

from draw_np.datasets.base import DatasetError
from draw_np.datasets.disk import cannot_write
from draw_np.files import locked, release

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 14  # bytes: the most that is lost when a download breaks off


def download(url, path, size, known_hash=None):
    """Put the file at `url`, of `size` bytes, at `path`.

    `known_hash` is "sha256:..." or "md5:..." in hexadecimal, or None where none is published: then its size alone tells
    that it is the right one. What has arrived waits in `path`.part, and the next call asks the server only for the
    rest. Two processes never fill it at once, where the system can lock a folder; the lock ends with its process.

    Raises DatasetError if another process is at it, and if the file cannot be reached, breaks off, is not the known
    one or cannot be written. No more than `size` + 1 bytes are ever written, and `path` only once they are the known.
    """
    part = path.with_name(path.name + ".part")
    by_hand = f"try again later, or put that file at {path} by hand"
    try:
        import requests
    except ImportError:  # as in a browser
        raise DatasetError(f"cannot download {url} (no requests in this Python): {by_hand}") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path.parent):
            if path.exists():  # another process has just put it there
                return
            began = _fill(url, part, size, by_hand)
            if began and not is_known(part, size, known_hash):  # what lay there was of another file
                part.unlink()
                _fill(url, part, size, by_hand)
            if not is_known(part, size, known_hash):
                part.unlink()  # so that the next call begins anew
                raise DatasetError(f"{url} is not the known file (its size or hash differs): {by_hand}")
            os.replace(part, path)
    except requests.RequestException as error:  # is an OSError too, so it comes first
        reply = error.response
        reason = "no connection" if reply is None else f"the server answers {reply.status_code}"
        raise DatasetError(f"cannot download {url} ({reason}): {by_hand}") from None
    except OSError as error:
        raise cannot_write(path, error) from None


def _fill(url, part, size, by_hand):
    """Write what the file `part` lacks of `size` bytes and return how many there were already."""
    import requests
    from tqdm import tqdm

    if part.is_symlink():  # whoever put it there: it is not to lead the bytes elsewhere
        part.unlink()
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(part, flags, 0o666), "r+b") as file:
        began = file.seek(0, os.SEEK_END)
        if began == size:
            return began
        response, start = _ask(url, began, size)
        broken = False
        with response:
            length = response.headers.get("Content-Length")
            if length not in (None, str(size - start)):
                raise DatasetError(f"{url} has {length[:20]!r} bytes, not the {size - start:,} expected: {by_hand}")
            file.seek(start)
            file.truncate()
            with tqdm(desc=part.stem, initial=start, total=size, unit="B", unit_scale=True) as bar:
                try:
                    for chunk in response.iter_content(CHUNK):
                        chunk = chunk[: size + 1 - file.tell()]  # one byte too many tells that it is another file
                        file.write(chunk)
                        bar.update(len(chunk))
                        if file.tell() > size:
                            break
                except requests.RequestException:
                    broken = True
            file.flush()
            os.fsync(file.fileno())
        if broken or file.tell() < size:
            raise DatasetError(f"{url} broke off after {file.tell():,} of {size:,} bytes: run it again to continue")
        return start


def _ask(url, start, size):
    """Return the server's answer, and the first byte in it: `start`, or 0 where the server sends everything."""
    import requests

    headers = {"Accept-Encoding": "identity"}  # offsets count the file's own bytes, not compressed ones
    if 0 < start < size:
        headers["Range"] = f"bytes={start}-"
    response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    if "Range" in headers and response.status_code in (206, 416):
        if response.headers.get("Content-Range") == f"bytes {start}-{size - 1}/{size}":
            return response, start
        response.close()  # what is here is no beginning of that file
        return _ask(url, 0, size)
    response.raise_for_status()
    return response, 0


def is_known(part, size, known_hash):
    """Whether the file `part` has this size and, if it is not None, this hash, written as `download` takes it."""
    if part.stat().st_size != size:
        return False
    if known_hash is None:
        return True
    kind, _, digits = known_hash.partition(":")
    with open(part, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest() == digits


@contextlib.contextmanager
def alone(folder):
    """Hold `folder` as long as the block or the process lasts; raise DatasetError if another process does."""
    try:
        lock = locked(folder)
    except BlockingIOError:
        raise DatasetError(f"another process is downloading into {folder}: wait until it is done") from None
    try:
        yield
    finally:
        release(lock)
