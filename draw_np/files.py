"""Files that are written whole or not at all, and read only if they lie on a disk."""

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

    It has a name in the same folder that nobody can guess, and is made as `open` makes files. At the end of the block
    it is synced to the disk and renamed; after an exception the old file is as it was and the new one is gone. Raises
    OSError.
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
                file.close()  # before it is removed: what is still buffered may not fit on the disk
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
    if os.name == "posix":  # the new name must survive a crash of the machine too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def opened(path):
    """Open a file of a disk to read its bytes, unbuffered. Raises OSError, also for a pipe or a device, which could be
    waited for, or read, for ever.
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
    """Lock `folder` for this process, until `release` or the end of the process, however it ends: returns a descriptor.

    Raises BlockingIOError where another process has it. Windows locks no folders: None is returned; and on some network
    file systems the descriptor comes without a lock.
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
