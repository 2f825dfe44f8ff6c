"""From archives of photographs to squares: right pixels, in parallel, gone on with after a fault, one line for each.

The photographs are made up, and so is the digitStruct.mat, in MATLAB's layout.
"""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from draw_np import datasets
from draw_np.datasets import DatasetError, digit_struct, growing, svhn, svhn_archives, workers

SHARED = Path(__file__).parents[3] / "shared" / "data"
NUMBERS = {"train": 5, "extra": 7, "test": 3}  # photographs of the made-up archives
SQUARE = 64 * 64 * 3  # bytes
COUNTS = {"train": 7, "valid": 4, "test": 3}  # so that one is in neither, as in the real ones


def digits(*boxes, first=1):
    """Boxes (left, top, width, height) as digitStruct.mat has them: a dict for each digit, labelled from `first` on."""
    return [dict(zip(("left", "top", "width", "height"), box), label=first + i) for i, box in enumerate(boxes)]


def write_digit_struct(path, entries):
    """Write {name: digits} as MATLAB 7.3 does: all lies in `#refs#`, and one digit's values are no references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        store = file.create_group("#refs#")

        def put(data, dtype):
            return store.create_dataset(f"d{len(store)}", data=np.array(data, dtype)).ref

        names, boxes = [], []
        for name, found in entries.items():
            names.append(put([[ord(letter)] for letter in name], np.uint16))
            group = store.create_group(f"g{len(store)}")
            for field in ("height", "label", "left", "top", "width"):
                values = [[float(digit[field])] for digit in found]
                if len(found) > 1:
                    values = np.array([[put([value], np.float64)] for value in values], h5py.ref_dtype)
                group.create_dataset(field, data=values, dtype=h5py.ref_dtype if len(found) > 1 else None)
            boxes.append(group.ref)
        for field, references in (("name", names), ("bbox", boxes)):
            references = np.array(references, h5py.ref_dtype)[:, None]
            file.create_dataset(f"digitStruct/{field}", data=references, dtype=h5py.ref_dtype)
    return path.read_bytes()


def as_png(pixels, mode="RGB"):
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


def as_archive(members):
    """A .tar.gz of {name: bytes}."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def slope(height, width):
    """A picture whose red rises by 2 a row and whose green by 2 a column, so that both tell the place."""
    picture = np.full((height, width, 3), 7, np.uint8)
    picture[:, :, 0] += 2 * np.arange(height, dtype=np.uint8)[:, None]
    picture[:, :, 1] += 2 * np.arange(width, dtype=np.uint8)
    return picture


@pytest.fixture
def made_up(monkeypatch, tmp_path):
    """Return the members of three made-up archives, archive -> {name: bytes}; their order is not the table's."""
    rng, archives = np.random.default_rng(0), {}
    for name, count in NUMBERS.items():
        boxes = {
            f"{i + 1}.png": digits(*[(8 + 9 * j, 6, 9, 12 + i) for j in range(1 + i % 3)], first=i + 1)
            for i in range(count)
        }
        members = {f"{name}/": b""}
        for png in reversed(boxes):
            members[f"{name}/{png}"] = as_png(rng.integers(256, size=(30 + count, 50, 3), dtype=np.uint8))
        members[f"{name}/see_bboxes.m"] = b"% MATLAB"
        members[f"{name}/digitStruct.mat"] = write_digit_struct(tmp_path / "digitStruct.mat", boxes)
        archives[name] = members
    monkeypatch.setattr(svhn, "COUNTS", COUNTS)
    monkeypatch.setattr(svhn_archives, "TASK", 1)
    monkeypatch.setattr(workers, "usable_cores", lambda: [0, 1])
    return archives


@pytest.fixture
def inline(monkeypatch):
    """Let no process start: what the workers do is done here."""
    monkeypatch.setattr(svhn_archives.workers, "run", lambda function, tasks: (function(*task) for task in tasks))


@pytest.fixture
def place(made_up, monkeypatch):
    """Return a function that puts archives in place, and tells their size to the module that takes them for real."""

    def place(archives=made_up, cut=None):
        svhn.folder().mkdir(parents=True, exist_ok=True)
        sizes = {}
        for name, members in archives.items():
            data = as_archive(members)[:cut]
            svhn.archive(name).write_bytes(data)
            sizes[name] = NUMBERS[name], len(data)
        monkeypatch.setattr(svhn, "ARCHIVES", sizes)
        return archives

    return place


def expected(members, entries):
    """The squares of one archive in its order, by what `square` says of each."""
    boxes = dict(zip(entries["name"].tolist(), entries["box"]))
    pngs = {name.partition("/")[2]: data for name, data in members.items() if name.endswith(".png")}
    return {name: svhn_archives.square(data, boxes[name]) for name, data in pngs.items()}


def names():
    return sorted(file.name for file in svhn.folder().iterdir())


def times_in(picture, pictures):
    return sum(np.array_equal(picture, other) for other in pictures)


def place_in(picture, pictures):
    return next(i for i, other in enumerate(pictures) if np.array_equal(picture, other))


def test_boxes_are_unions(tmp_path):
    entries = {
        "12.png": digits((5, 3, 4, 10)),
        "3.png": digits((20, 4, 6, 9), (10, 2, 8, 12), (28, 1, 5.5, 9)),
        "100000.png": digits((-2, 0, 7, 8), (4, -1, 6, 8)),
    }
    write_digit_struct(tmp_path / "digitStruct.mat", entries)
    assert digit_struct.length(tmp_path / "digitStruct.mat") == 3
    found = digit_struct.entries(tmp_path / "digitStruct.mat", 0, 3)
    assert found["name"].tolist() == list(entries)
    assert found["box"].tolist() == [[5, 3, 9, 13], [10, 1, 33.5, 14], [-2, -1, 10, 8]]
    assert np.array_equal(digit_struct.entries(tmp_path / "digitStruct.mat", 1, 2), found[1:2])


def test_digits_are_the_labels_and_ten_is_the_digit_zero(tmp_path):
    entries = {f"{i}.png": digits(*[(9 * j, 3, 8, 10) for j in range(i)], first=11 - i) for i in (1, 2, 5, 6)}
    write_digit_struct(tmp_path / "digitStruct.mat", entries)
    found = digit_struct.entries(tmp_path / "digitStruct.mat", 0, 4)["digits"]
    assert found.dtype == np.uint8 and found.tolist() == [
        [0, 10, 10, 10, 10], [9, 0, 10, 10, 10], [6, 7, 8, 9, 0], [5, 6, 7, 8, 9]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("box", "part"),  # left, top, right, bottom
    [
        ((40, 30, 60, 70), (37, 24, 63, 76)),
        ((0, 30, 20, 70), (0, 24, 23, 76)),  # cut at the left edge
        ((80, 60, 120, 80), (74, 57, 110, 83)),  # at the right
        ((40, -4, 60, 36), (37, 0, 63, 42)),  # at the top
        ((40, 70, 60, 90), (37, 67, 63, 90)),  # at the bottom
        ((45, 40, 46, 41), (44.85, 39.85, 46.15, 41.15)),
    ],
)
def test_a_square_is_what_lies_in_the_larger_box(box, part):
    """On a slope the resized picture is a slope again: each pixel's value tells where in the photograph it lies."""
    left, top, right, bottom = part
    pixels = svhn_archives.square(as_png(slope(90, 110)), box)
    assert pixels.shape == (64, 64, 3) and pixels.dtype == np.uint8 and np.all(pixels[:, :, 2] == 7)
    centres = (np.arange(64) + 0.5) / 64
    rows, columns = top + (bottom - top) * centres - 0.5, left + (right - left) * centres - 0.5
    inside = slice(3, -3)  # at a photograph's edge there is nothing to mix the last pixels with
    assert np.abs(pixels[:, :, 0] - (7 + 2 * rows[:, None]))[inside].max() < 1
    assert np.abs(pixels[:, :, 1] - (7 + 2 * columns))[:, inside].max() < 1


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_grey_and_alpha_become_colour(mode):
    pixels = slope(20, 30)
    if mode in ("L", "LA", "1"):
        pixels[:] = 255 * (pixels[:, :, :1] > 20)
    box = (10, 5, 20, 15)
    assert svhn_archives.square(as_png(pixels, mode), box).shape == (64, 64, 3)
    if mode != "P":  # whose colours are approximate
        assert np.array_equal(
            svhn_archives.square(as_png(pixels, mode), box), svhn_archives.square(as_png(pixels), box)
        )


PNG = as_png(np.random.default_rng(1).integers(256, size=(20, 30, 3), dtype=np.uint8))
DEEP = io.BytesIO()
Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)).save(DEEP, "PNG")


@pytest.mark.parametrize(
    ("png", "said"),
    [
        (PNG[:-200], "broken"),
        (PNG[:50], "broken"),
        (PNG[:900] + bytes(9) + PNG[909:], "broken"),
        (b"", "broken"),
        (b"GIF89a", "broken"),
        (DEEP.getvalue(), "of mode I;16, not of 8 bits"),
    ],
)
def test_a_broken_photograph_is_refused(png, said):
    with pytest.raises(ValueError, match=said) as error:
        svhn_archives.square(png, (1, 1, 9, 9))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "box",
    [
        (5, 5, 5, 9),
        (5, 5, 9, 5),
        (9, 5, 5, 9),
        (40, 5, 50, 9),
        (30, 5, 40, 9),  # beside the edge, though the larger box is not
        (5, 30, 9, 40),
        (-30, 5, -20, 9),
        (5, -9, 9, -5),
        (np.nan, 5, 9, 9),
        (5, 5, np.inf, 9),
    ],
)
def test_digits_outside_the_photograph_or_nowhere_are_refused(box):
    with pytest.raises(ValueError, match=r"^30 x 20 pixels large with digits from "):
        svhn_archives.square(PNG, box)


def test_the_archives_become_three_sets(place, capsys):
    archives = place()
    tables = {name: svhn_archives.boxes(svhn.archive(name), count) for name, count in NUMBERS.items()}
    datasets.fetch("svhn")
    assert "100%" in capsys.readouterr().err
    squares = {name: expected(archives[name], tables[name]) for name in archives}
    assert np.array_equal(datasets.raw("svhn", "test"), list(squares["test"].values()))  # in the archive's order
    train, valid = datasets.raw("svhn", "train"), datasets.raw("svhn", "valid")
    assert {split: len(datasets.raw("svhn", split)) for split in COUNTS} == COUNTS
    every = [*squares["train"].values(), *squares["extra"].values()]
    assert sorted(times_in(picture, train) + times_in(picture, valid) for picture in every) == [0] + [1] * 11

    for_valid, for_train = svhn.chosen(12)
    assert all(times_in(every[i], valid) == 1 for i in for_valid)
    assert all(times_in(every[i], train) == 1 for i in for_train)
    order, shuffled = ([place_in(picture, every) for picture in part] for part in (train, valid))
    assert order == sorted(order) and shuffled != sorted(shuffled)
    numbers = np.concatenate([tables[name]["digits"] for name in ("train", "extra")])
    assert len(np.unique(numbers, axis=0)) > 6
    for split, places in (("train", order), ("valid", shuffled)):
        assert np.array_equal(datasets.load("svhn", split).labels, numbers[places])
    assert np.array_equal(datasets.load("svhn", "test").labels, tables["test"]["digits"])
    assert not any(name.endswith((".part", ".new", ".mat")) for name in names())


def test_the_split_is_what_the_paper_counts():
    valid, train = svhn.chosen(33_402 + 202_353)
    assert len(valid) == 4_701 and len(train) == 231_053 and len(np.unique([*valid, *train])) == 235_754


@pytest.mark.usefixtures("inline")
def test_archives_are_downloaded_and_gone_on_with(made_up, place, server, monkeypatch):
    place()
    server.files = {f"{name}.tar.gz": svhn.archive(name).read_bytes() for name in made_up}
    monkeypatch.setattr(svhn, "HOME", server.url)
    for name in made_up:
        svhn.archive(name).unlink()
    server.breaks_after = 5_000
    with pytest.raises(DatasetError, match=r"test.tar.gz broke off after [\d,]+ of [\d,]+ bytes: run it again"):
        datasets.fetch("svhn")
    server.breaks_after = None
    datasets.fetch("svhn")
    assert svhn.is_here() and [path for path, _ in server.asked] == [
        "/test.tar.gz", "/test.tar.gz", "/train.tar.gz", "/extra.tar.gz"
    ]  # fmt: skip
    datasets.fetch("svhn")
    assert len(server.asked) == 4  # nothing was asked for twice


def test_files_in_place_need_no_archive(root):
    svhn.folder().mkdir(parents=True)
    for split, count in COUNTS.items():
        np.save(svhn.path(split), np.zeros((count, 64, 64, 3), np.uint8))
    datasets.fetch("svhn")
    assert names() == ["test.npy", "train.npy", "valid.npy"]


def made_now():
    """The bytes of the files of pixels and of digits."""
    return {path.name: path.read_bytes() for split in COUNTS for path in (svhn.path(split), svhn.digits_path(split))}


def fetched(place, archives=None):
    """What an undisturbed fetch makes, as `made_now`; the folder is then as before it."""
    place(archives) if archives else place()
    datasets.fetch("svhn")
    made = made_now()
    for file in svhn.folder().iterdir():
        if not file.name.endswith(".tar.gz"):
            file.unlink()
    return made


def test_a_full_disk_is_one_line_and_what_was_done_stays_done(place, monkeypatch):
    made, real = fetched(place), growing.append
    written, computed = [], []

    class FullDisk:
        """A disk with room for four squares and a half."""

        def __init__(self, file):
            self.file = file

        def write(self, data):
            room = int(4.5 * SQUARE) - sum(written)
            if not room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(self.file.write(data[:room]))
            return written[-1]

    monkeypatch.setattr(growing, "append", lambda file, *rest: real(FullDisk(file), *rest))
    with pytest.raises(
        DatasetError, match=r"cannot write .*\.npy\.part \(No space left on device\): make room"
    ) as error:
        datasets.fetch("svhn")
    assert "\n" not in str(error.value) and sum(written) == int(4.5 * SQUARE)
    monkeypatch.setattr(growing, "append", lambda *rest: computed.append(real(*rest)))
    datasets.fetch("svhn")
    assert len(computed) == sum(COUNTS.values()) - 4
    assert made_now() == made


KILLED = """
import os, sys, time
from draw_np.datasets import growing, svhn, svhn_archives, workers

workers.usable_cores = lambda: [0, 1]
svhn.ARCHIVES, svhn.COUNTS, svhn_archives.TASK = {archives}, {counts}, 1
append = growing.append

def slowly(file, part, pixels):
    append(file, part, pixels)
    print(os.path.basename(part), flush=True)
    time.sleep(0.3)  # on a busy machine the signal comes late

growing.append = slowly
svhn.fetch()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such signals")
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_a_kill_loses_nothing_and_leaves_no_process(place, end):
    made = fetched(place)
    program = KILLED.format(archives=svhn.ARCHIVES, counts=COUNTS)
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    before = [child.stdout.readline() for _ in range(6)]
    child.send_signal(getattr(signal, end))
    rest, _ = child.communicate(timeout=30)  # the pipe ends when no worker holds it any more
    assert before[-1] and len(before) + rest.count(b"\n") < sum(COUNTS.values())
    parts = sum(file.stat().st_size // SQUARE for file in svhn.folder().glob("*.part"))
    assert parts + 3 >= 6  # the test set's three are in place
    datasets.fetch("svhn")
    assert made_now() == made


@pytest.mark.skipif(os.name == "nt", reason="a folder cannot be locked there")
@pytest.mark.usefixtures("inline")
def test_two_fetches_at_once_make_no_mixture(place, monkeypatch):
    """The second begins in the middle of the first: appended to one file, some squares would stand there twice."""
    made, real, said = fetched(place), growing.append, []

    def disturbed(*arguments):
        real(*arguments)
        if len(said) < 3:
            with pytest.raises(DatasetError, match="^another process is downloading into .*: wait") as error:
                said.append(None)
                datasets.fetch("svhn")
            said[-1] = str(error.value)

    monkeypatch.setattr(growing, "append", disturbed)
    datasets.fetch("svhn")
    assert made_now() == made and len(said) == 3


@pytest.mark.usefixtures("inline")
def test_no_link_leads_the_squares_elsewhere(place, tmp_path):
    made, other = fetched(place), tmp_path / "precious"
    other.write_bytes(b"precious")
    svhn.folder().joinpath("test.npy.part").symlink_to(other)
    datasets.fetch("svhn")
    assert made_now() == made and other.read_bytes() == b"precious"


def test_a_worker_that_dies_is_one_line(place, monkeypatch):
    place()
    monkeypatch.setattr(svhn_archives, "_tasks", lambda photographs: [(3,)])
    monkeypatch.setattr(svhn_archives, "_squares", os._exit)
    with pytest.raises(DatasetError, match=r"^a process died, perhaps for want of memory: run it again to go on$"):
        datasets.fetch("svhn")


def replaced(made_up, **members):
    """The archives with other members in the one for testing, or without those that are None."""
    test = made_up["test"] | {f"test/{name.replace('_', '.')}": data for name, data in members.items()}
    return made_up | {"test": {name: data for name, data in test.items() if data is not None}}


@pytest.mark.parametrize(
    ("png", "said"),
    [
        (None, r"test.tar.gz lacks 1 of its photographs, as 2.png"),
        (PNG[:-200], r"test.tar.gz has a photograph 2.png that is broken"),
        (as_png(np.zeros((5, 6, 3), np.uint8)), r"2.png that is 6 x 5 pixels large with digits from 8, 6 to 26, 19"),
    ],
    ids=["absent", "broken", "small"],
)
def test_a_bad_photograph_is_named_and_the_others_stay(made_up, place, png, said):
    made = fetched(place)
    place(replaced(made_up, **{"2_png": png}))
    with pytest.raises(DatasetError, match=rf"{said}.*: delete it and run `python -m") as error:
        datasets.fetch("svhn")
    assert "\n" not in str(error.value) and not svhn.path("test").exists()
    place()  # the archive as it should be
    datasets.fetch("svhn")
    assert made_now() == made


@pytest.mark.usefixtures("inline")
def test_a_photograph_without_a_box_is_named(made_up, place):
    place(replaced(made_up, **{"4_png": PNG}))
    with pytest.raises(DatasetError, match=r"test.tar.gz has no box for 1 of its photographs, as 4.png: delete it"):
        datasets.fetch("svhn")


@pytest.mark.usefixtures("inline")
def test_two_photographs_of_one_name_are_refused(made_up, place):
    place(made_up | {"test": made_up["test"] | {"again/2.png": PNG}})
    with pytest.raises(DatasetError, match=r"test.tar.gz has two photographs of one name: delete it"):
        datasets.fetch("svhn")


@pytest.mark.usefixtures("inline")
def test_another_archive_than_the_one_begun_with_is_refused(made_up, place, monkeypatch):
    """Or squares would be left out and made twice: what is done is known by its number only."""
    place()
    real = growing.finish
    monkeypatch.setattr(growing, "finish", lambda *_: None)
    with pytest.raises(DatasetError):
        datasets.fetch("svhn")  # of the test set all is done, but not finished
    monkeypatch.setattr(growing, "finish", real)
    for others in (dict(reversed(made_up["test"].items())), {}, made_up["test"] | {"test/9.png": PNG}):
        place(made_up | {"test": others})
        with pytest.raises(DatasetError, match=r"test.tar.gz is another than .*test_boxes.npy was made of: delete all"):
            datasets.fetch("svhn")
    place()
    datasets.fetch("svhn")


def struct_with(fault):
    """A digitStruct.mat of three photographs with one fault."""

    def make(tmp_path, good):
        path = tmp_path / "faulty.mat"
        path.write_bytes(good)
        with h5py.File(path, "r+") as file:
            fault(file)
        return path.read_bytes()

    return make


def drop(name):
    def fault(file):
        del file[name]

    return struct_with(fault)


def null(name):
    def fault(file):
        file[name][1, 0] = h5py.Reference()

    return struct_with(fault)


def swap(file):
    names, boxes = file["digitStruct/name"], file["digitStruct/bbox"]
    names[1, 0], boxes[1, 0] = boxes[1, 0], names[1, 0]


def without_a_width(file):
    del file[file["digitStruct/bbox"][1, 0]]["width"]


def without_a_label(file):
    del file[file["digitStruct/bbox"][1, 0]]["label"]


def labelled(value):
    def fault(file):
        labels = file[file["digitStruct/bbox"][1, 0]]["label"]  # of a photograph of two digits: references
        file[labels[0, 0]][...] = value

    return struct_with(fault)


def odd_name(file):
    file[file["digitStruct/name"][1, 0]][0, 0] = ord("\n")


def twice(file):
    file["digitStruct/name"][1, 0] = file["digitStruct/name"][0, 0]


def shorter(file):
    names = file["digitStruct/name"][:2]
    del file["digitStruct/name"]
    file.create_dataset("digitStruct/name", data=names, dtype=h5py.ref_dtype)


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda tmp_path, good: b"MATLAB 5.0 MAT-file", "file signature not found"),
        (lambda tmp_path, good: b"", "file signature not found"),
        (lambda tmp_path, good: good[: len(good) // 2], "truncated file"),
        (drop("digitStruct"), "it has no digitStruct/name"),
        (drop("digitStruct/name"), "it has no digitStruct/name"),
        (drop("digitStruct/bbox"), "it has no digitStruct/bbox"),
        (null("digitStruct/name"), "photograph 2 lacks a name, a box or digits"),
        (null("digitStruct/bbox"), "photograph 2 lacks a name, a box or digits"),
        (struct_with(swap), "photograph 2 lacks a name, a box or digits"),
        (struct_with(without_a_width), "photograph 2 lacks a name, a box or digits.*width"),
        (struct_with(without_a_label), "photograph 2 lacks a name, a box or digits.*label"),
        (labelled(0), "photograph 2 lacks a name, a box or digits, its digits are labelled 0, 3, not 1 to 10"),
        (labelled(11), "its digits are labelled 11, 3, not 1 to 10"),
        (labelled(1.5), "its digits are labelled 1.5, 3, not"),
        (labelled(np.nan), "its digits are labelled nan, 3, not"),
        (struct_with(odd_name), r"photograph 2 lacks a name, a box or digits, it is called '\\n.png'"),
        (struct_with(twice), "two photographs have one name"),
        (struct_with(shorter), "2 names and 3 boxes"),
        (
            lambda tmp_path, good: write_digit_struct(tmp_path / "few.mat", {"1.png": digits((1, 1, 2, 3))}),
            "it tells of 1 photographs, not 3",
        ),
    ],
)
def test_a_bad_digit_struct_is_one_line(made_up, place, tmp_path, make, said):
    bad = make(tmp_path, made_up["test"]["test/digitStruct.mat"])
    place(made_up | {"test": made_up["test"] | {"test/digitStruct.mat": bad}})
    said = rf"test.tar.gz has a bad digitStruct.mat \(.*{said}.*\): delete it and run `python"
    with pytest.raises(DatasetError, match=said) as error:
        datasets.fetch("svhn")
    assert "\n" not in str(error.value) and names() == ["extra.tar.gz", "test.tar.gz", "train.tar.gz"]


@pytest.mark.usefixtures("inline")
def test_an_archive_without_a_digit_struct(made_up, place):
    place(made_up | {"test": {name: data for name, data in made_up["test"].items() if not name.endswith(".mat")}})
    with pytest.raises(DatasetError, match=r"test.tar.gz has a bad digitStruct.mat \(there is none\): delete it"):
        datasets.fetch("svhn")


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("cut", [0, 5, 2_000, 12_000])
@pytest.mark.parametrize("known", [True, False])
def test_an_archive_cut_short(place, monkeypatch, cut, known):
    """It is refused by its size, and what is cut short would be one line even with the right one."""
    place()
    sizes = dict(svhn.ARCHIVES)
    place(cut=cut)
    if not known:
        monkeypatch.setattr(svhn, "ARCHIVES", sizes)
    said = "is damaged or cut short" if known else rf"holds {cut:,} bytes, not {sizes['test'][1]:,}"
    with pytest.raises(DatasetError, match=rf"test.tar.gz {said}.*: delete it and run `python") as error:
        datasets.fetch("svhn")
    assert "\n" not in str(error.value) and svhn.archive("test").stat().st_size == cut


@pytest.mark.usefixtures("inline")
def test_kept_boxes_that_are_damaged_are_made_anew(place):
    place()
    table = svhn_archives.boxes(svhn.archive("test"), 3)
    kept = svhn.folder() / "test_boxes.npy"
    for damage in (b"", kept.read_bytes()[:-1], b"no array"):
        kept.write_bytes(damage)
        assert np.array_equal(svhn_archives.boxes(svhn.archive("test"), 3), table)


def test_the_real_photographs():
    """Against squares of the same photographs that somebody else made."""
    originals, others = SHARED / "svhn_originals.zip", SHARED / "svhn64.npz"
    if not (originals.exists() and others.exists()):
        pytest.skip("the real photographs are not at hand")
    known = np.load(others, allow_pickle=False)
    number = {(split, n): i for i, (split, n) in enumerate(zip(known["split"].tolist(), known["number"].tolist()))}
    packed, ends = known["webp"], [0, *known["ends"].tolist()]
    with zipfile.ZipFile(originals) as files:
        boxes = json.loads(files.read("boxes.json"))
        for name, found in boxes.items():
            split, _, png = name.partition("/")
            i = number[split, int(png.removesuffix(".png"))]
            webp = packed[ends[i] : ends[i + 1]].tobytes()
            box = (
                min(digit["left"] for digit in found),
                min(digit["top"] for digit in found),
                max(digit["left"] + digit["width"] for digit in found),
                max(digit["top"] + digit["height"] for digit in found),
            )
            other = np.asarray(Image.open(io.BytesIO(webp)).convert("RGB"))
            assert np.array_equal(svhn_archives.square(files.read(name), box), other)
    assert len(boxes) == 120


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0"], ids=["shorter", "longer"])
def test_an_archive_of_another_size_is_refused(place, change):
    place()
    data = change(svhn.archive("test").read_bytes())
    svhn.archive("test").write_bytes(data)
    said = rf"test.tar.gz holds {len(data):,} bytes, not {svhn.ARCHIVES['test'][1]:,}: delete it and run"
    with pytest.raises(DatasetError, match=said):
        datasets.fetch("svhn")
    assert not svhn.path("test").exists()
