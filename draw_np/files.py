"""Files that are written whole or not at all."""

import contextlib
import glob
import os
import pathlib
import secrets


@contextlib.contextmanager
def replacing(path, mode="wb"):
    """Open a new file to be written in place of `path`, "wb" or "w": whoever looks finds the old file or the new one.

    It has a name of its own in the same folder, which nobody can know before, and is made as `open` makes files. When
    the block is left it is synced to the disk and renamed; after an exception the old file is as it was and the new one
    is gone. Raises OSError.
    """
    path = pathlib.Path(path)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with open(new, mode.replace("w", "x"), **({} if "b" in mode else {"encoding": "utf-8"})) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            file.close()  # Windows renames no open file
            os.replace(new, path)
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()  # so that nothing is written to the disk that is full
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
    if os.name == "posix":  # the new name, too, is to survive a crash of the machine
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def left_behind(path):
    """The files that `replacing` left beside `path` when its process was killed."""
    path = pathlib.Path(path)
    names = path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 16}.tmp")
    return [name for name in names if name.is_symlink() or name.is_file()]
