"""A download arrives whole or not at all, and goes on where it broke off."""

import errno
import hashlib
import os
import subprocess
import sys
import threading

import pytest

from draw_np.datasets import DatasetError
from draw_np.datasets.download import CHUNK, download

DATA = bytes(range(251)) * 400  # 100,400 bytes: six chunks and a bit
SIZE = len(DATA)
HASH = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
PAGE = b"<html>Please accept our terms.</html>"


@pytest.fixture
def path(root):
    return root / "set" / "file.amat"


@pytest.fixture
def part(path):
    """Return the path of what has arrived, in a folder that is there."""
    path.parent.mkdir(parents=True)
    return path.with_name("file.amat.part")


@pytest.fixture(autouse=True)
def served(server):
    server.files["file.amat"] = DATA
    server.get = lambda path, known_hash=HASH: download(f"{server.url}/file.amat", path, SIZE, known_hash)
    return server


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


def test_a_file_arrives_whole_with_a_progress_bar(served, path, capsys):
    served.get(path)
    assert path.read_bytes() == DATA
    assert names(path) == ["file.amat"]
    assert served.asked == [("/file.amat", None)]
    assert "100%" in capsys.readouterr().err


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_broken_download_says_how_much_arrived_and_goes_on(served, path, part, knows_ranges):
    served.knows_ranges, served.breaks_after = knows_ranges, 3 * CHUNK
    with pytest.raises(DatasetError, match=rf"after {3 * CHUNK:,} of {SIZE:,} bytes: run it again") as error:
        served.get(path)
    assert "\n" not in str(error.value)
    assert names(path) == ["file.amat.part"] and part.read_bytes() == DATA[: 3 * CHUNK]

    served.breaks_after = None
    served.get(path)
    assert path.read_bytes() == DATA
    assert names(path) == ["file.amat"]
    assert served.asked == [("/file.amat", None), ("/file.amat", f"bytes={3 * CHUNK}-")]


def test_a_download_that_breaks_off_again_and_again_arrives_in_the_end(served, path):
    served.breaks_after = 2 * CHUNK
    for _ in range(SIZE // (2 * CHUNK)):
        with pytest.raises(DatasetError, match="broke off"):
            served.get(path)
    served.get(path)
    assert path.read_bytes() == DATA


def test_a_part_that_is_already_whole_is_moved_into_place(served, path, part):
    part.write_bytes(DATA)
    served.get(path)
    assert path.read_bytes() == DATA and names(path) == ["file.amat"] and served.asked == []


@pytest.mark.parametrize(
    "foreign", [b"", b"x", PAGE, bytes(SIZE - 1), bytes(SIZE), DATA + b"more", bytes(3 * SIZE)], ids=len
)
@pytest.mark.parametrize("knows_ranges", [True, False])
def test_what_began_otherwise_is_begun_anew(served, path, part, foreign, knows_ranges):
    served.knows_ranges = knows_ranges
    part.write_bytes(foreign)
    served.get(path)
    assert path.read_bytes() == DATA and names(path) == ["file.amat"]


def test_a_part_longer_than_what_the_server_has(served, path, part):
    """The range asked for is not there: the answer is 416."""
    served.files["file.amat"], served.tells_length = DATA[:50_000], False
    part.write_bytes(bytes(60_000))
    with pytest.raises(DatasetError, match="broke off after 50,000 of 100,400 bytes"):
        served.get(path)
    assert part.read_bytes() == DATA[:50_000]


@pytest.mark.parametrize("known_hash", [HASH, f"md5:{hashlib.md5(DATA).hexdigest()}", None])
def test_the_hash_may_be_of_any_kind_or_absent(served, path, known_hash):
    served.get(path, known_hash)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("tells_length", [True, False, "abc", "", "-1", str(SIZE), "9" * 5000])
@pytest.mark.parametrize("answer", [PAGE, b"", bytes(SIZE), DATA[::-1], b"x" + DATA, bytes(2 * SIZE)], ids=len)
def test_another_file_is_one_line_and_the_next_download_heals(served, path, answer, tells_length):
    served.files["file.amat"], served.tells_length = answer, tells_length
    with pytest.raises(DatasetError, match=f"{served.url}/file.amat (is not|has|broke off)") as error:
        served.get(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    assert not path.exists()

    served.files["file.amat"], served.tells_length = DATA, True
    served.get(path)
    assert path.read_bytes() == DATA and names(path) == ["file.amat"]


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_server_that_never_ends_is_left_after_the_known_size(served, path, part, tells_length, monkeypatch):
    written, truncate = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (written.append(os.stat(file).st_size), truncate(file)))
    served.tells_length, served.goes_on = tells_length, bytes(50_000)
    if tells_length:  # what goes on after the announced length is not even read
        served.get(path)
        assert path.read_bytes() == DATA and written == [SIZE]
    else:
        with pytest.raises(DatasetError, match=r"is not the known file \(its size or hash differs\): try again later"):
            served.get(path)
        assert names(path) == [] and written == [SIZE + 1]


def test_two_at_once_do_not_mix(served, path):
    """One of them downloads, the others say so; whoever comes later finds it there."""
    said = []

    def get():
        try:
            served.get(path)
        except DatasetError as error:
            said.append(str(error))

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == DATA and names(path) == ["file.amat"] and len(served.asked) == 1
    assert set(said) <= {f"another process is downloading into {path.parent}: wait until it is done"}


def test_a_folder_held_by_another_process_is_named_and_freed_by_its_death(served, path, part):
    fcntl = pytest.importorskip("fcntl")
    assert fcntl  # the child needs it
    code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); print(); input()"
    command = [sys.executable, "-c", code, str(path.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        with pytest.raises(DatasetError, match=f"another process is downloading into {path.parent}: wait"):
            served.get(path)
        assert served.asked == [] and names(path) == []
        child.kill()
    served.get(path)
    assert path.read_bytes() == DATA


def test_where_folders_cannot_be_locked_it_downloads_all_the_same(served, path, monkeypatch):
    def flock(*_):
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", flock)
    served.get(path)
    assert path.read_bytes() == DATA


def test_a_link_in_the_place_of_the_part_leads_nowhere(served, path, part, tmp_path):
    precious = tmp_path / "precious"
    for content in (b"", b"mine", DATA[:1000]):
        precious.write_bytes(content)
        part.symlink_to(precious)
        served.get(path)
        assert precious.read_bytes() == content
        assert path.read_bytes() == DATA and names(path) == ["file.amat"]
        path.unlink()


def test_a_server_that_tells_no_length_is_believed(served, path):
    served.tells_length = False
    served.get(path)
    assert path.read_bytes() == DATA


def test_an_absent_file_names_the_answer_and_the_place_to_put_it_by_hand(server, path):
    with pytest.raises(DatasetError, match=r"the server answers 404.*by hand") as error:
        download(f"{server.url}/other", path, SIZE)
    assert str(path) in str(error.value) and f"{server.url}/other" in str(error.value)
    assert names(path) == ["other.part"] or not path.exists()


def test_no_network_names_the_place_to_put_it_by_hand(path):
    with pytest.raises(DatasetError, match=r"no connection.*by hand") as error:
        download("http://127.0.0.1:1/file.amat", path, SIZE)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_python_without_requests_says_so(served, path, monkeypatch):
    """As in a browser: no file, and one line."""
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(DatasetError, match="no requests in this Python.*by hand$") as error:
        served.get(path)
    assert "\n" not in str(error.value) and not path.parent.exists() and served.asked == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_loses_nothing(served, path, part, monkeypatch, step):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(DatasetError, match=r"cannot write .*file\.amat \(No space left on device\)") as error:
        served.get(path)
    assert "\n" not in str(error.value) and names(path) == ["file.amat.part"]
    monkeypatch.undo()
    served.get(path)
    assert path.read_bytes() == DATA and names(path) == ["file.amat"] and len(served.asked) == 1


def test_a_data_folder_that_is_a_file_is_one_line(served, root):
    root.write_text("in the way")
    with pytest.raises(DatasetError, match="cannot write") as error:
        served.get(root / "set" / "file.amat")
    assert "\n" not in str(error.value)
    assert root.read_text() == "in the way"
