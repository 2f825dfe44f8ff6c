"""A download arrives whole or not at all, and goes on where it broke off."""

import errno

import pytest

from draw_np.datasets import DatasetError
from draw_np.datasets.download import CHUNK, download

DATA = bytes(range(251)) * 400  # 100,400 bytes: six chunks and a bit
SIZE = len(DATA)


@pytest.fixture
def path(root):
    return root / "set" / "file.amat"


@pytest.fixture
def part(path):
    return path.with_name("file.amat.part")


@pytest.fixture(autouse=True)
def served(server):
    server.files["file.amat"] = DATA
    server.get = lambda path: download(f"{server.url}/file.amat", path)
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
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA)
    served.get(path)
    assert path.read_bytes() == DATA and names(path) == ["file.amat"]


def test_a_part_longer_than_the_file_is_begun_anew(served, path, part):
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA + b"more")
    served.get(path)
    assert path.read_bytes() == DATA
    assert [wanted for _, wanted in served.asked] == [f"bytes={SIZE + 4}-", None]


def test_a_server_that_tells_no_length_is_believed(served, path):
    served.tells_length = False
    served.get(path)
    assert path.read_bytes() == DATA


def test_an_absent_file_names_the_answer_and_the_place_to_put_it_by_hand(server, path):
    with pytest.raises(DatasetError, match=r"the server answers 404.*by hand") as error:
        download(f"{server.url}/other", path)
    assert str(path) in str(error.value) and f"{server.url}/other" in str(error.value)
    assert not path.exists()


def test_no_network_names_the_place_to_put_it_by_hand(path):
    with pytest.raises(DatasetError, match=r"no connection.*by hand") as error:
        download("http://127.0.0.1:1/file.amat", path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_full_disk_is_one_line_and_leaves_no_file(served, path, monkeypatch):
    def open_on_a_full_disk(name, *arguments):
        if str(name).endswith(".part"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return open(name, *arguments)

    monkeypatch.setattr("draw_np.datasets.download.open", open_on_a_full_disk, raising=False)
    with pytest.raises(DatasetError, match=r"cannot write .*file\.amat \(No space left on device\)") as error:
        served.get(path)
    assert "\n" not in str(error.value)
    assert names(path) == []


def test_a_data_folder_that_is_a_file_is_one_line(served, root):
    root.write_text("in the way")
    with pytest.raises(DatasetError, match="cannot write") as error:
        served.get(root / "set" / "file.amat")
    assert "\n" not in str(error.value)
    assert root.read_text() == "in the way"
