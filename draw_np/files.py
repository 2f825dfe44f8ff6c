"""Files that are written whole or not at all, and read only if they are files of a disk."""

import contextlib
import errno
import glob
import os
import pathlib
import secrets
import stat


@contextlib.contextmanager
def replacing(path):
    """Open a new file to write bytes into, in place of `path`: whoever looks finds the old file or the new one.

    It has a name of its own in the same folder, which nobody can know before, and is made as `open` makes files. When
    the block is left it is synced to the disk and renamed; after an exception the old file is as it was and the new one
    is gone. Raises OSError.
    """
    path = pathlib.Path(path)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with open(new, "xb") as file:
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


def opened(path):
    """Open a file of a disk to read its bytes, unbuffered; a pipe or a device could be waited for, or read, for ever.

    Raises OSError, also for what is no such file.
    """
    file = open(path, "rb", 0, opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    return file


def left_behind(path):
    """The files that `replacing` left beside `path` when its process was killed."""
    path = pathlib.Path(path)
    names = path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 16}.tmp")
    return [name for name in names if name.is_symlink() or name.is_file()]


def locked(folder):
    """A descriptor of `folder` that is locked as long as this process has it open, however the process ends.

    Raises BlockingIOError where another process has it. None where folders cannot be locked: on Windows; and some
    network's file systems give a descriptor without a lock. `release` gives it back.
    """
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        pass
    return descriptor


def release(lock):
    """Give back what `locked` returned."""
    if lock is not None:
        os.close(lock)
