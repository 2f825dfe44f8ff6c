"""Files that are written whole or not at all."""

import contextlib
import os
import pathlib
import tempfile


@contextlib.contextmanager
def replacing(path, mode="wb"):
    """Open a new file to be written in place of `path`: whoever looks finds the old file or the new one.

    It has a name of its own in the same folder, which nobody can know before. When the block is left it is synced to
    the disk and renamed; after an exception the old file is as it was and the new one is gone. Raises OSError.
    """
    path = pathlib.Path(path)
    descriptor, new = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with open(descriptor, mode, **({} if "b" in mode else {"encoding": "utf-8"})) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(new, 0o666 & ~umask())
        os.replace(new, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    if os.name == "posix":  # the new name, too, is to survive a crash of the machine
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def umask():
    """The bits that new files shall not have; the system tells them only while it sets them."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def left_behind(folder):
    """What `replacing` left in a folder when its process was killed."""
    return [path for path in pathlib.Path(folder).glob(".*.tmp") if path.name.count(".") >= 3]
