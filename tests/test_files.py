"""Files that are written whole or not at all."""

import errno
import os
import stat

import pytest

from draw_np.files import left_behind, replacing

OLD, NEW = b"the old text", b"the new text, which is longer"
posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


@pytest.fixture
def path(tmp_path):
    """A file in a folder of its own."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.npz").write_bytes(OLD)
    return tmp_path / "folder" / "a.npz"


def write(path, data=NEW):
    with replacing(path) as file:
        file.write(data)


def test_bytes_and_text(path):
    write(path)
    assert path.read_bytes() == NEW
    with replacing(path) as file:
        file.write("ein Satz über x̂\n".encode())
    assert path.read_bytes() == "ein Satz über x̂\n".encode() and os.listdir(path.parent) == ["a.npz"]
    write(path.with_name("b.npz"))  # where none was
    assert path.with_name("b.npz").read_bytes() == NEW


def test_until_it_is_whole_the_old_one_is_there(path):
    with replacing(path) as file:
        file.write(NEW)
        file.flush()
        assert path.read_bytes() == OLD
        (other,) = {found.name for found in path.parent.iterdir()} - {"a.npz"}
        assert other.startswith(".a.npz.") and other.endswith(".tmp")
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, OSError])
def test_an_exception_in_the_block_loses_nothing(path, error):
    with pytest.raises(error), replacing(path) as file:
        file.write(NEW[:5])
        raise error
    assert path.read_bytes() == OLD and os.listdir(path.parent) == ["a.npz"]


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_fault_of_the_system_loses_nothing(path, monkeypatch, name, error):
    def fault(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fault)
        with pytest.raises(type(error)):
            write(path)
    assert path.read_bytes() == OLD and os.listdir(path.parent) == ["a.npz"]


@pytest.mark.parametrize("limit", [0, 1, len(NEW) - 1])
def test_a_disk_that_is_really_full_loses_nothing(path, limit):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError) as error:
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.errno == errno.EFBIG
    assert path.read_bytes() == OLD and os.listdir(path.parent) == ["a.npz"]


def test_no_folder_and_a_folder_in_the_place_of_the_file(tmp_path):
    with pytest.raises(OSError):
        write(tmp_path / "not there" / "x")
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError):
        write(tmp_path / "x")
    assert os.listdir(tmp_path) == ["x"]


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077])
def test_permissions_are_those_of_any_new_file(path, mask):
    before = os.umask(mask)
    try:
        write(path)
    finally:
        assert os.umask(before) == mask
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@posix
def test_a_link_that_somebody_planted_is_not_followed(path, tmp_path, monkeypatch):
    """Under the file's own name it is replaced; a name in between cannot be known, and if it is: nothing is written."""
    (tmp_path / "mine").write_bytes(OLD)
    path.unlink()
    path.symlink_to(tmp_path / "mine")
    write(path)
    assert not path.is_symlink() and path.read_bytes() == NEW and (tmp_path / "mine").read_bytes() == OLD
    names = set()
    for _ in range(20):
        with replacing(path):
            names |= set(os.listdir(path.parent))
    assert len(names) == 21  # never the same
    write(path)
    monkeypatch.setattr("secrets.token_hex", lambda count: "ab" * count)
    planted = path.with_name(".a.npz.abababababababab.tmp")
    for target in (tmp_path / "mine", tmp_path / "nothing"):
        planted.symlink_to(target)
        with pytest.raises(FileExistsError):
            write(path, b"not this")
        assert planted.is_symlink() and path.read_bytes() == NEW
        planted.unlink()
    assert (tmp_path / "mine").read_bytes() == OLD and not (tmp_path / "nothing").exists()


def test_what_a_kill_left_behind_is_found_and_nothing_else(path):
    for name in (".a.npz.tmp", ".a.npz.x.tmp", ".b.npz.0123456789abcdef.tmp", "a.npz.0123456789abcdef.tmp", ".a.b.tmp",
                 ".a.npz.0123456789abcdeF.tmp", ".a.npz.0123456789abcdef.tmp~"):  # fmt: skip
        path.with_name(name).write_bytes(OLD)
    path.with_name(".a.npz.0000000000000000.tmp").mkdir()
    assert left_behind(path) == []
    left = path.with_name(".a.npz.0123456789abcdef.tmp")
    left.write_bytes(OLD[:3])
    assert left_behind(path) == [left]
    with replacing(path):
        assert len(left_behind(path)) == 2
    assert left_behind(path) == [left] and left_behind(path.with_name("[a-z].npz")) == []
