"""One download: with a progress bar, continued where it broke off, and moved into place only when whole."""

import os

import pooch
import requests
from tqdm import tqdm

from draw_np.datasets.base import DatasetError

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 14  # bytes: the most that is lost when a download breaks off


def download(url, path):
    """Put the file at `url` at `path`.

    Raises DatasetError if it cannot be reached, breaks off or cannot be written. What has arrived waits in
    `path`.part, and the next call asks the server only for the rest.
    """
    part = path.with_name(path.name + ".part")

    def downloader(url, temporary, _pooch):
        _fill(url, part)
        os.replace(part, temporary)

    try:
        one_file = pooch.Pooch(path.parent, base_url="", registry={path.name: None}, urls={path.name: url})
        one_file.fetch(path.name, downloader=downloader)
    except requests.RequestException as error:  # is an OSError too, so it comes first
        reply = error.response
        reason = "no connection" if reply is None else f"the server answers {reply.status_code}"
        raise DatasetError(
            f"cannot download {url} ({reason}): try again later, or put that file at {path} by hand"
        ) from None
    except OSError as error:
        raise DatasetError(
            f"cannot write {path} ({error.strerror or error}): make room, or name another "
            "folder in DRAW_NP_DATA, and run it again"
        ) from None


def _fill(url, part):
    offset = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # offsets count the file's own bytes, not compressed ones
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 416 and offset:  # nothing lies beyond what is here
            if response.headers.get("Content-Range") == f"bytes */{offset}":
                return  # because all of it is here
            part.unlink()  # because it is no beginning of this file
            return _fill(url, part)
        response.raise_for_status()
        if response.status_code != 206:  # the server sends the whole file, asked or not
            offset = 0
        length = response.headers.get("Content-Length")
        total = offset + int(length) if length else None
        broken = False
        with (
            open(part, "ab" if offset else "wb") as file,
            tqdm(desc=part.stem, initial=offset, total=total, unit="B", unit_scale=True) as bar,
        ):
            try:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
            except requests.RequestException:
                broken = True
            file.flush()
            os.fsync(file.fileno())
    arrived = part.stat().st_size
    if broken or (total and arrived < total):
        of_total = f" of {total:,}" if total else ""
        raise DatasetError(f"{url} broke off after {arrived:,}{of_total} bytes: run it again to continue")
