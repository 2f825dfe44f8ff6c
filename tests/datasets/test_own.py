"""Images of one's own: what a folder of pictures and an array become, and what is refused in one line."""

import os

import numpy as np
import pytest
from PIL import Image

from draw_np import datasets
from draw_np.datasets import DatasetError, read_own


@pytest.fixture
def folder(tmp_path):
    """Three pictures of 6 x 9 pixels, named against the order in which they are written; and a text."""
    rng, pixels = np.random.default_rng(0), {}
    for name in ("c.png", "a.png", "b.bmp"):
        pixels[name] = rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels[name]).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path, pixels


def test_pictures_come_in_the_order_of_their_names(folder):
    path, pixels = folder
    found = read_own(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [pixels[name] for name in ("a.png", "b.bmp", "c.png")])


def test_grey_on_demand_and_where_all_are(folder, tmp_path):
    path, pixels = folder
    grey = read_own(path, grey=True)
    assert grey.shape == (3, 6, 9)
    expected = pixels["a.png"] @ [0.299, 0.587, 0.114]
    assert abs(grey[0] - expected).max() <= 1
    alone = tmp_path / "grey"
    alone.mkdir()
    Image.fromarray(grey[0]).save(alone / "x.png")
    np.testing.assert_array_equal(read_own(alone), grey[:1])
    assert read_own(alone, grey=False).shape == (1, 6, 9, 3)
    Image.fromarray(pixels["a.png"]).save(alone / "y.png")  # one in colour: all become so
    mixed = read_own(alone)
    np.testing.assert_array_equal(mixed, [np.repeat(grey[0][:, :, None], 3, axis=2), pixels["a.png"]])


def test_the_middle_is_cut_out_and_resized(tmp_path):
    picture = np.zeros((20, 40), np.uint8)
    picture[:, 10:30] = 200  # the middle square
    Image.fromarray(picture).save(tmp_path / "wide.png")
    Image.fromarray(np.full((30, 8), 90, np.uint8)).save(tmp_path / "tall.png")
    found = read_own(tmp_path, size=(5, 5))
    np.testing.assert_array_equal(found, [np.full((5, 5), 90), np.full((5, 5), 200)])
    assert read_own(tmp_path, size=(4, 7)).shape == (2, 4, 7)


@pytest.mark.parametrize(
    "size", [5, (5,), (5, 4, 3), "5x4", (5, 0), (5, 1.5), (True, 4), ("5", 4), (5, None), iter((5, 4))]
)
def test_a_size_that_is_none_is_refused(tmp_path, size):
    Image.fromarray(np.full((20, 30), 200, np.uint8)).save(tmp_path / "x.png")
    with pytest.raises(
        DatasetError, match="^(size is .*: pass .height, width. in pixels|(height|width) is .*: pass a whole)"
    ):
        read_own(tmp_path, size=size)
    for two in ([5, 4], np.array([5, 4], np.uint8), (np.int64(5), 4)):
        assert read_own(tmp_path, size=two).shape == (1, 5, 4)


@pytest.mark.parametrize("form", [(3, 5, 4), (3, 5, 4, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.bool_, ">f4"])
def test_arrays(tmp_path, form, dtype):
    values = np.random.default_rng(0).integers(0, 256 if dtype == np.uint8 else 2, form).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    found = read_own(tmp_path / "x.npy")
    assert found.dtype == (np.uint8 if dtype == np.uint8 else np.float32)
    np.testing.assert_array_equal(found, values)


BAD = {
    "nothing there": (lambda path: path / "none", {}, "neither a folder of pictures nor a .npy file"),
    "no pictures": (lambda path: path, {}, "has no pictures .*; folders in it are not looked into"),
    "another file": (lambda path: write(path / "x.txt", b"text"), {}, "neither a folder"),
    "no array": (lambda path: write(path / "x.npy", b"text"), {}, "cannot be read as an array"),
    "an empty file": (lambda path: write(path / "x.npy", b""), {}, "cannot be read as an array"),
    "objects": (lambda path: save(path / "x.npy", np.array([None])), {}, "cannot be read as an array"),
    "two axes": (lambda path: save(path / "x.npy", np.zeros((3, 4))), {}, "images are"),
    "two channels": (lambda path: save(path / "x.npy", np.zeros((3, 4, 5, 2))), {}, "images are"),
    "no images": (lambda path: save(path / "x.npy", np.zeros((0, 4, 5))), {}, "images are"),
    "whole numbers": (lambda path: save(path / "x.npy", np.zeros((3, 4, 5), int)), {}, "pass bytes, or floats"),
    "too bright": (lambda path: save(path / "x.npy", np.full((3, 4, 5), 1.5)), {}, "floats must lie in"),
    "too large": (lambda path: save(path / "x.npy", np.full((3, 4, 5), 1e300)), {}, r"from 1e\+300 to 1e\+300: floats"),
    "not a number": (lambda path: save(path / "x.npy", np.full((3, 4, 5), np.nan)), {}, "floats must lie in"),
    "bits in bytes": (lambda path: save(path / "x.npy", np.eye(4, 5, dtype=np.uint8)[None]), {}, "0 and 1 alone"),
    "pictures of bits": (lambda path: picture(path / "x.png", np.eye(4, 5, dtype=np.uint8)), {}, "0 and 1 alone"),
    "32 bits": (lambda path: picture(path / "x.tif", np.eye(4, 5, dtype=np.int32)), {}, "what is white is not known"),
    "floats": (lambda path: picture(path / "x.tif", np.eye(4, 5, dtype=np.float32)), {}, "what is white is not known"),
    "an archive": (lambda path: archive(path / "x.npy"), {}, "cannot be read as an array"),
    "a header that is none": (lambda path: write(path / "x.npy", HEAD + b"(" * 900), {}, "cannot be read as an array"),
    "an array resized": (
        lambda path: save(path / "x.npy", np.zeros((3, 4, 5))),
        {"size": (2, 2)},
        "leave out the size",
    ),
    "a broken picture": (lambda path: write(path / "x.png", b"\x89PNG\r\n\x1a\n123").parent, {}, "as a picture"),
    "text for a width in its EXIF": (lambda path: turned(path / "x.jpg", "0100", "0132").parent, {}, "as a picture"),
    "text for a resolution": (lambda path: turned(path / "x.jpg", "010e", "011e").parent, {}, "as a picture"),
    "a text for a picture": (
        lambda path: write(path / "x.jpg", b"text").parent,
        {},
        r"as a picture \(.*\): mend it, or take it away",
    ),
}


HEAD = b"\x93NUMPY\x01\x00" + (900).to_bytes(2, "little")


def archive(path):
    with open(path, "wb") as file:
        np.savez(file, x=np.zeros((3, 4, 5)))
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.npy")
    with pytest.raises(DatasetError, match="it is no regular file"):
        read_own(tmp_path / "x.npy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_a_picture_that_is_no_file_is_not_waited_for(folder, make):
    path, _ = folder
    make(path / "d.png")
    with pytest.raises(DatasetError, match="d.png cannot be read as a picture .(it is no regular file|Is a directory)"):
        read_own(path)


@pytest.mark.parametrize("ending, dtype", [("png", "<u2"), ("tif", "<u2"), ("tif", ">u2")])
def test_of_16_bits_the_upper_8_are_taken(tmp_path, ending, dtype):
    values = np.random.default_rng(0).integers(0, 2**16, (6, 9)).astype(dtype)
    Image.fromarray(values).save(tmp_path / f"x.{ending}")
    np.testing.assert_array_equal(read_own(tmp_path), [values // 256])
    assert read_own(tmp_path, grey=False).shape == (1, 6, 9, 3)
    assert read_own(tmp_path, size=(3, 3)).max() < 255  # nothing is clipped


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_what_is_transparent_shows_white(tmp_path, mode):
    """An icon is black everywhere, and drawn with alpha alone."""
    alpha = np.zeros((6, 9), np.uint8)
    alpha[2:4, 3:5] = 255
    if mode == "P":
        Image.fromarray((alpha > 0) * np.uint8(5)).convert("P").save(tmp_path / "x.png", transparency=0)
    else:
        black = np.zeros((6, 9, len(mode) - 1), np.uint8)
        Image.fromarray(np.concatenate([black, alpha[:, :, None]], axis=2)).save(tmp_path / "x.png")
    found = read_own(tmp_path, grey=True)[0]
    np.testing.assert_array_equal(found > 128, alpha == 0)


def test_of_an_animation_the_first_picture(tmp_path):
    frames = [Image.fromarray(np.full((6, 9), grey, np.uint8)) for grey in (90, 150, 210)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_own(tmp_path, grey=True), np.full((1, 6, 9), 90))


def test_a_size_far_from_square(folder):
    assert read_own(folder[0], size=(1, 9999)).shape == (3, 1, 9999, 3)


def picture(path, pixels):
    Image.fromarray(pixels).save(path)
    return path.parent


def write(path, data):
    path.write_bytes(data)
    return path


def turned(path, *tags):
    """A photograph that says which way is up, and at these tags what no camera does."""
    entries = [f"{tags[0]}00020000001500000032", "011200030000000100060000", f"{tags[1]}00020000000500000048"]
    ifd = "4d4d002a00000008" + "0003" + "".join(entries) + "00000000" + 21 * "78" + "00" + "3230323000" + "00"
    Image.new("RGB", (4, 5)).save(path, exif=b"Exif\0\0" + bytes.fromhex(ifd))
    return path


def save(path, array):
    np.save(path, array, allow_pickle=True)
    return path


@pytest.mark.parametrize("kind", BAD)
def test_what_is_refused_in_one_line(tmp_path, kind):
    make, options, words = BAD[kind]
    path = make(tmp_path)
    with pytest.raises(DatasetError, match=words) as error:
        read_own(path, **options)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_different_sizes_need_a_size(folder):
    path, _ = folder
    Image.fromarray(np.zeros((6, 10, 3), np.uint8)).save(path / "d.png")
    with pytest.raises(
        DatasetError, match="a.png has 6 x 9 pixels, d.png 6 x 10: bring all to one size, as --size"
    ) as error:
        read_own(path)
    assert "\n" not in str(error.value)
    assert read_own(path, size=(6, 9)).shape == (4, 6, 9, 3)


def test_it_is_part_of_the_data_sets_face():
    assert "read_own" in datasets.__all__
