"""Pictures: the rule for rectangles against numbers by hand, grids to the pixel, files that open again."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import nbclient
import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from draw_np import equations, plotting, rectangles

ROOT = Path(__file__).parents[1]
STEPS, COUNT, HEIGHT, WIDTH, N = 3, 2, 8, 7, 4
VERMILION = (213, 94, 0)  # plotting.RED
FORMATS = [(plotting.save_film_strip, ".png"), (plotting.save_animation, ".gif")]
SAVE = pytest.mark.parametrize("save, ending", FORMATS)


@pytest.fixture
def probabilities():
    """Canvases that differ in every step and sample, dark enough to tell from a white margin."""
    return np.random.default_rng(0).uniform(0.1, 0.8, (STEPS, COUNT, HEIGHT, WIDTH))


@pytest.fixture
def windows():
    """Windows at another place in every step and sample: g_X = 2, 3, 4 over time, g_Y = 3, 6 over samples."""
    shape = (STEPS, COUNT)
    g_X = np.broadcast_to(np.arange(2.0, 5.0)[:, None], shape)
    g_Y = np.broadcast_to(np.array([3.0, 6.0]), shape)
    return equations.Window(g_X, g_Y, np.full(shape, 0.5), np.full(shape, 0.09), np.ones(shape))


def red_pixels(image):
    return np.all(np.abs(np.asarray(image.convert("RGB")).astype(int) - VERMILION) < 12, axis=2)


def extents(patch):
    """Left, top, right and bottom of a patch's path."""
    return np.concatenate([patch.get_path().get_extents().min, patch.get_path().get_extents().max])


def test_rectangle_by_hand():
    rectangle = rectangles.window_rectangle(g_X=14.5, g_Y=10.0, delta=2.0, sigma_squared=2.25, N=5)
    assert rectangle == (8.5, 4.0, 10.0, 10.0, 0.5)


def test_rectangle_tiles_the_filters():
    """Half a stride beyond the outermost of the filters of Eq 19 and 20, whose pixels are counted from 1."""
    left, top, width, height, _ = rectangles.window_rectangle(3.7, 5.2, 1.3, 1.0, N)
    for g, start, side in ((3.7, left, width), (5.2, top, height)):
        means = equations.filter_means(np.array([[g]]), np.array([[1.3]]), N)[0] - 1
        assert start == pytest.approx(means[0] - 0.65)
        assert start + side == pytest.approx(means[-1] + 0.65)


def test_rectangle_of_a_filter_for_each_pixel_is_the_image():
    rectangle = rectangles.window_rectangle((WIDTH + 1) / 2, (HEIGHT + 1) / 2, 1.0, 1.0, WIDTH)
    assert rectangle[:4] == (-0.5, 0.0, WIDTH, WIDTH)  # half a pixel above and below, the image being 8 high


@pytest.mark.parametrize("delta", [1.0, 9.0])
def test_rectangle_of_a_single_filter_has_no_stride(delta):
    assert rectangles.window_rectangle(4.0, 5.0, delta, 2.25, 1) == pytest.approx((1.5, 2.5, 3.0, 3.0, 0.3))


def test_border_grows_with_sigma_up_to_a_tenth_of_the_side():
    sigmas = 0.3, 1.5, 2.7, 3.3, 30.0
    borders = [rectangles.window_rectangle(1, 1, 2, sigma**2, 5).line_width for sigma in sigmas]
    assert borders == pytest.approx([0.1, 0.5, 0.9, 1.0, 1.0])


def test_clipping_to_the_margin():
    """A margin of one pixel around 8 x 7: sides stay within -1.5 and 8.5 vertically, 7.5 horizontally."""
    clip = lambda *sides: rectangles.clip_rectangle(rectangles.Rectangle(*sides), HEIGHT, WIDTH)  # noqa: E731
    assert clip(1.0, 2.0, 3.0, 4.0, 0.25) == (1.0, 2.0, 3.0, 4.0, 0.25)
    assert clip(-9.0, 2.0, 30.0, 30.0, 0.5) == (-1.5, 2.0, 9.0, 6.5, 0.5)
    assert clip(-9.0, -9.0, 30.0, 30.0, 3.0) == (-1.5, -1.5, 9.0, 10.0, 0.9)  # a border of a tenth of what is seen
    assert clip(40.0, 2.0, 3.0, 4.0, 0.25) == (7.5, 2.0, 0.0, 4.0, 0.0)  # a line on the right: it is over there
    assert rectangles.margin(28, 28) == 3 and rectangles.margin(75, 100) == 10


sides = st.integers(1, 512)
places = st.floats(-1e3, 1e3)


@given(places, places, st.floats(0, 1e3), st.floats(0, 1e6), st.integers(1, 12), sides, sides)
def test_a_border_is_at_most_a_tenth_of_what_is_seen(g_X, g_Y, delta, sigma_squared, filters, height, width):
    window = rectangles.window_rectangle(g_X, g_Y, delta, sigma_squared, filters)
    left, top, across, down, border = rectangles.clip_rectangle(window, height, width)
    assert 0 <= border <= min(across, down) / 10 and border <= window.line_width
    assert border >= 0.999 * window.line_width or across < window.width or down < window.height


def test_a_window_much_larger_than_the_image_leaves_it_in_view(tmp_path):
    windows = [np.full((1, 1), number) for number in (14.5, 14.5, 60.0, 900.0, 1.0)]
    plotting.save_animation(tmp_path / "a.gif", np.zeros((1, 1, 28, 28)), windows, 5)
    plotting.save_film_strip(tmp_path / "a.png", np.zeros((1, 1, 28, 28)), windows, 5)
    with Image.open(tmp_path / "a.gif") as image:
        red, scale = red_pixels(image), image.width // 44
    assert 0.1 < red.mean() < 0.3 and not red[10 * scale : 34 * scale, 10 * scale : 34 * scale].any()
    with Image.open(tmp_path / "a.png") as image:
        assert 0.05 < red_pixels(image).mean() < 0.3


def test_a_border_is_never_thinner_than_a_hair(tmp_path):
    windows = [np.full((1, 1), number) for number in (14.5, 14.5, 2.0, 0.0, 1.0)]
    plotting.save_animation(tmp_path / "a.gif", np.zeros((1, 1, 28, 28)), windows, 5)
    with Image.open(tmp_path / "a.gif") as image:
        assert red_pixels(image).any()


@pytest.mark.parametrize("height, width", [(1, 1), (1, 512), (512, 1), (28, 28), (60, 60), (512, 512)])
@pytest.mark.parametrize("count", [1, 8, 100, 500])
def test_pictures_of_any_size_are_bounded(tmp_path, height, width, count):
    """A film strip has at most 150 pixels to the inch; a GIF keeps all its frames in memory."""
    canvases = np.broadcast_to(np.float32(0.5), (10, count, height, width))
    if (count, height, width) == (100, 512, 512) or count == 500 and max(height, width) == 512:
        for save, ending in FORMATS:
            with pytest.raises(ValueError, match="pixels would be too large; draw fewer images$"):
                save(tmp_path / f"a{ending}", canvases)
        return
    figure = plotting.film_strip(canvases)
    across, down = figure.get_size_inches()
    assert 1 < across < 20 and 0.9 < down < 0.9 + 3.1 * (count + 1)
    assert figure.axes[0].images[0].get_array().size <= plotting.MOST_SHOWN
    if count <= 8:
        plotting.save_animation(tmp_path / "a.gif", canvases[:2])
        with Image.open(tmp_path / "a.gif") as image:
            assert image.width * image.height <= max(plotting.MOST_SHOWN, 2 * 8 * height * width)


HOSTILE = """
image.origin: lower
image.cmap: hot
image.interpolation: bilinear
image.aspect: auto
text.usetex: True
savefig.dpi: 30
savefig.bbox: tight
savefig.facecolor: red
savefig.transparent: True
figure.dpi: 40
figure.facecolor: black
figure.figsize: 2, 2
figure.constrained_layout.use: False
axes.facecolor: green
axes.prop_cycle: cycler(color=['yellow'])
axes.grid: True
axes.labelcolor: pink
font.size: 5
font.family: serif
lines.linewidth: 9
patch.antialiased: False
path.simplify: False
mathtext.fontset: cm
xtick.labeltop: True
xtick.bottom: False
"""
DRAWN = """
import numpy as np, sys
from matplotlib import pyplot as plt
from draw_np import plotting
canvases = np.random.default_rng(0).random((3, 2, 8, 7))
windows = [np.full((3, 2), number) for number in (3.0, 4.0, 1.0, 0.5, 1.0)]
plotting.save_film_strip("strip.png", canvases, windows, 4)
plotting.save_animation("strip.gif", canvases, windows, 4)
plotting.show_image(plt.figure(figsize=(2, 2), dpi=50).add_axes((0, 0, 1, 1)), canvases[0, 0])
(image,) = plt.gca().images
print(image.origin, image.get_interpolation(), image.get_cmap().name, plt.gca().get_aspect())
plotting.use_style()
figure, axes = plt.subplots(1, 2)
axes[0].plot([1, 2, 0], label="$x_1$")
axes[0].legend()
plotting.show_image(axes[1], canvases[0, 0], "a title")
figure.savefig("figure.png")
"""


def test_pictures_do_not_depend_on_a_user_s_settings(tmp_path):
    found = []
    for name, settings in (("plain", ""), ("hostile", HOSTILE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "settings").write_text(settings)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MATPLOTLIBRC": str(tmp_path / name / "settings")}
        command = [sys.executable, "-c", DRAWN]
        child = subprocess.run(
            command, cwd=tmp_path / name, env={**environment, "MPLBACKEND": "agg"}, capture_output=True, text=True
        )
        assert child.returncode == 0, child.stderr
        pictures = {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.*")}
        found.append((child.stdout, pictures))
    (said, plain), (said_too, hostile) = found
    assert said == said_too == "upper nearest gray 1.0\n"
    assert set(plain) == {"strip.png", "strip.gif", "figure.png"}
    assert {name for name in plain if plain[name] != hostile[name]} == set()


def test_grid_of_grey_images():
    images = np.arange(1, 4)[:, None, None] * np.ones((3, 1, 2))
    assert plotting.grid(images, 2, border=1, shade=9).tolist() == [
        [9, 9, 9, 9, 9, 9, 9],
        [9, 1, 1, 9, 2, 2, 9],
        [9, 9, 9, 9, 9, 9, 9],
        [9, 3, 3, 9, 9, 9, 9],
        [9, 9, 9, 9, 9, 9, 9],
    ]


def test_grid_of_colour_images():
    images = np.random.default_rng(0).random((COUNT, HEIGHT, WIDTH, 3))
    picture = plotting.grid(images, 1, border=2)
    assert picture.shape == (2 + 2 * (HEIGHT + 2), WIDTH + 4, 3)
    assert np.array_equal(picture[2 + HEIGHT + 2 : -2, 2:-2], images[1])
    assert np.all(picture[:2] == 0.5)


@pytest.mark.parametrize("shape", [(8, 7), (0, 8, 7), (2, 8, 7, 4), (1, 2, 8, 7, 3)])
def test_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="a grid needs images of shape"):
        plotting.grid(np.zeros(shape), 2)
    with pytest.raises(ValueError, match="^columns must be a whole number of at least 1, got 0$"):
        plotting.grid(np.zeros((2, 8, 7)), 0)


@pytest.mark.parametrize("value", [-1, 1.5, True, "3", [2], np.float64(2)])
def test_counts_that_are_none_are_refused(tmp_path, value):
    images, windows = np.zeros((3, 2, HEIGHT, WIDTH)), [np.ones((3, 2))] * 5
    gif, axes = tmp_path / "x.gif", Figure().subplots()
    plotting.show_image(axes, images[0, 0])
    for name, call in {
        "columns": lambda: plotting.grid(images[0], value),
        "border": lambda: plotting.grid(images[0], 2, value),
        "steps_shown": lambda: plotting.film_strip(images, steps_shown=value),
        "write_size": lambda: plotting.film_strip(images, windows, value),
        "columns ": lambda: plotting.save_animation(gif, images, columns=value),
        "frame_ms": lambda: plotting.save_animation(gif, images, frame_ms=value),
        "hold_ms": lambda: plotting.save_animation(gif, images, hold_ms=value),
        "write_size ": lambda: plotting.save_animation(gif, images, windows, value),
        "N": lambda: plotting.draw_window(axes, [1.0] * 5, value),
    }.items():
        with pytest.raises(ValueError, match=f"^{name.strip()} must be a whole number of at least [01], got "):
            call()
    for call in (
        lambda: plotting.film_strip(images, steps_shown=0),
        lambda: plotting.save_animation(gif, images, columns=0),
    ):
        with pytest.raises(ValueError, match="must be a whole number of at least 1, got 0$"):
            call()
    assert not gif.exists()


def test_counts_may_be_numpy_s(tmp_path):
    """In eight bits 250 + 28 is 22."""
    images = np.zeros((2, 250, 9))
    assert plotting.grid(images, np.uint8(2), np.uint8(28)).shape == plotting.grid(images, 2, 28).shape == (306, 102)


def test_draw_window_takes_the_library_s_windows():
    axes = Figure().subplots()
    plotting.show_image(axes, np.zeros((HEIGHT, WIDTH)))
    window = equations.Window(*(np.array([[number]]) for number in (3.0, 6.0, 0.5, 0.09, 1.0)))
    patch = plotting.draw_window(axes, window, N)
    assert extents(patch) == pytest.approx([0.95, 3.95, 3.05, 6.05])  # 1 to 3 and 4 to 6, half of 0.1 around
    outside = plotting.draw_window(axes, (-90.0, 6.0, 0.5, 0.09, 1.0), N)
    assert extents(outside) == pytest.approx([-1.5, 4, -1.5, 6])  # a line


def test_film_strip_puts_every_canvas_and_window_in_its_place(probabilities, windows):
    axes = plotting.film_strip(probabilities, windows, N).axes[0]
    picture = axes.images[0].get_array()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["t = 1", "t = 2", "t = 3"]
    assert axes.get_xlabel() == "time \N{RIGHTWARDS ARROW}"
    assert len(axes.patches) == STEPS * COUNT
    border = 4  # room for both neighbours' margins
    for k, patch in enumerate(axes.patches):
        sample, t = divmod(k, STEPS)  # a row for each sample
        y, x = border + sample * (HEIGHT + border), border + t * (WIDTH + border)
        assert np.array_equal(picture[y : y + HEIGHT, x : x + WIDTH], probabilities[t, sample])
        left, top, right, bottom = extents(patch)
        assert (left + right) / 2 - x == pytest.approx(windows.g_X[t, sample] - 1)
        assert (top + bottom) / 2 - y == pytest.approx(windows.g_Y[t, sample] - 1)


@pytest.mark.parametrize(
    "steps, steps_shown, expected",
    [(7, 1, [7]), (7, 2, [1, 7]), (7, 4, [1, 3, 5, 7]), (7, 99, [1, 2, 3, 4, 5, 6, 7]), (1, 10, [1])],
)
def test_film_strip_always_shows_the_last_step(steps, steps_shown, expected):
    axes = plotting.film_strip(np.zeros((steps, 2, 8, 7)), steps_shown=steps_shown).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"t = {t}" for t in expected]
    assert len(axes.patches) == 0  # no attention, no rectangles


def test_film_strip_has_the_style_and_leaves_none_behind(probabilities):
    with matplotlib.rc_context({"font.size": 3}):
        axes = plotting.film_strip(probabilities).axes[0]
        assert matplotlib.rcParams["font.size"] == 3
    assert axes.xaxis.label.get_size() == 14


@pytest.mark.parametrize("steps, count, height, width", [(4, 8, 28, 28), (1, 1, 60, 20), (2, 15, 9, 7), (3, 1, 20, 60)])
def test_a_film_strip_has_a_margin_all_round(tmp_path, steps, count, height, width):
    """All of its writing is in the picture: what begins in the first row of pixels has been cut off."""
    plotting.save_film_strip(tmp_path / "strip.png", np.zeros((steps, count, height, width)))
    with Image.open(tmp_path / "strip.png") as image:
        ink = np.asarray(image.convert("L")) < 255
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    assert min(rows[0], columns[0], ink.shape[0] - 1 - rows[-1], ink.shape[1] - 1 - columns[-1]) >= 2


@pytest.mark.parametrize("colour", [(), (3,)])
@pytest.mark.parametrize("attention", [True, False])
def test_film_strip_file(tmp_path, windows, colour, attention):
    probabilities = np.random.default_rng(0).uniform(0, 0.5, (STEPS, COUNT, HEIGHT, WIDTH, *colour))
    path = tmp_path / "strip.png"
    plotting.save_film_strip(path, probabilities, windows if attention else None, N)
    with Image.open(path) as image:
        assert image.format == "PNG" and image.width > image.height  # 3 steps, 2 samples
        assert 0.005 < red_pixels(image).mean() < 0.03 if attention else not red_pixels(image).any()
        assert np.asarray(image.convert("L")).std() > 20


@pytest.mark.parametrize("colour", [(), (3,)])
@pytest.mark.parametrize("attention", [True, False])
def test_animation_file(tmp_path, windows, colour, attention):
    probabilities = np.random.default_rng(0).uniform(0, 0.5, (STEPS, COUNT, HEIGHT, WIDTH, *colour))
    path = tmp_path / "ANIMATION.GIF"
    plotting.save_animation(path, probabilities, windows if attention else None, N, frame_ms=50, hold_ms=1500)
    scale, border = 14, 4  # the longer side, 8 pixels, becomes 112
    with Image.open(path) as image:
        assert image.size == (scale * (border + COUNT * (WIDTH + border)), scale * (HEIGHT + 2 * border))
        assert image.n_frames == STEPS and image.info["loop"] == 0
        for t, duration in enumerate((50, 50, 1500)):
            image.seek(t)
            assert image.info["duration"] == duration
            frame = np.asarray(image.convert("RGB")).astype(float)
            red = red_pixels(image)
            assert red.any() == attention
            for sample in range(COUNT):
                x = scale * (border + sample * (WIDTH + border))
                cell = slice(scale * border, scale * (border + HEIGHT)), slice(x, x + scale * WIDTH)
                centres = slice(scale // 2, None, scale), slice(scale // 2, None, scale)  # of the pixels
                expected = 255 * probabilities[t, sample].reshape(HEIGHT, WIDTH, -1)
                error = np.abs(frame[cell][centres] - expected).max(axis=2)[~red[cell][centres]]
                assert error.max() < (60 if colour else 2.1)  # a GIF has 256 colours
                if attention:  # from 3 - 1 - 4 * 0.5 / 2 = 1 to 3, for example, measured from pixels' centres
                    rows, columns = np.nonzero(red[cell])
                    middle = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
                    wanted = scale * (windows.g_X[t, sample] - 0.5), scale * (windows.g_Y[t, sample] - 0.5)
                    assert middle == pytest.approx(wanted, abs=1.5)
                    assert columns.max() - columns.min() == pytest.approx(scale * 4 * 0.5, abs=3)


def test_animation_of_large_images_stays_of_a_reasonable_size(tmp_path):
    plotting.save_animation(tmp_path / "a.gif", np.zeros((1, 23, 60, 60)))
    with Image.open(tmp_path / "a.gif") as image:
        assert image.size == (14 + 10 * 74, 14 + 3 * 74)  # 23 in rows of ten, a pixel for a pixel


@SAVE
@pytest.mark.parametrize("name", ["picture.jpg", "picture", "picture.png.gz"])
def test_another_ending_is_refused(tmp_path, probabilities, save, ending, name):
    with pytest.raises(ValueError, match=rf"{name} must end in \{ending}$"):
        save(tmp_path / name, probabilities)
    assert not list(tmp_path.iterdir())


@SAVE
def test_a_path_that_cannot_be_written_is_an_os_error_of_one_line(tmp_path, probabilities, save, ending):
    (tmp_path / f"folder{ending}").mkdir()
    for path in (tmp_path / "nowhere" / f"picture{ending}", tmp_path / f"folder{ending}"):
        with pytest.raises(OSError, match=path.name) as error:
            save(path, probabilities)
        assert "\n" not in str(error.value)


@SAVE
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_full_disk_names_the_file(tmp_path, probabilities, save, ending):
    path = tmp_path / f"picture{ending}"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match=f"No space left on device: .*{path.name}"):
        save(path, probabilities)


@SAVE
def test_wrong_shapes_are_refused(tmp_path, probabilities, windows, save, ending):
    path = tmp_path / f"picture{ending}"
    transposed = [field.T for field in windows]
    with pytest.raises(ValueError, match=r"probabilities must be of shape \(steps, count"):
        save(path, probabilities[0])
    with pytest.raises(ValueError, match=r"must be of shape \(3, 2\), got \(2, 3\)"):
        save(path, probabilities, transposed, N)
    with pytest.raises(ValueError, match="write_size"):
        save(path, probabilities, windows)
    assert not path.exists()


def test_a_notebook_shows_a_returned_figure_once():
    cells = (
        "import numpy as np\nfrom draw_np import plotting\nplotting.use_style()",
        "plotting.film_strip(np.zeros((1, 1, 8, 7)))",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(ROOT)}})
    client.execute(env={name: value for name, value in os.environ.items() if name != "MPLBACKEND"})
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert ["image/png" in output.data for output in outputs] == [True]


def test_the_bar_below_an_animation_is_the_part_of_the_time_that_has_passed(tmp_path, probabilities):
    plotting.save_animation(tmp_path / "a.gif", probabilities)
    with Image.open(tmp_path / "a.gif") as image:
        for t in range(STEPS):
            image.seek(t)
            blue = np.all(np.abs(np.asarray(image.convert("RGB"))[-1].astype(int) - (0, 114, 178)) < 12, axis=1)
            assert blue.mean() == pytest.approx((t + 1) / STEPS, abs=2 / len(blue))


def test_a_film_strip_shown_with_fewer_pixels_keeps_its_places():
    axes = plotting.film_strip(np.zeros((10, 100, 60, 60), np.float32)).axes[0]
    height, width = 100 * (60 + 14) + 14, 10 * (60 + 14) + 14
    assert axes.images[0].get_array().shape[0] < height
    assert axes.images[0].get_extent() == [-0.5, width - 0.5, height - 0.5, -0.5]


def test_a_window_has_the_colour_that_is_asked_for():
    axes = Figure().subplots()
    plotting.show_image(axes, np.zeros((HEIGHT, WIDTH)))
    for colour, expected in ((plotting.GREEN, plotting.GREEN), (None, plotting.RED)):
        patch = plotting.draw_window(axes, (3.0, 6.0, 0.5, 0.09, 1.0), N, *([colour] if colour else []))
        assert matplotlib.colors.to_hex(patch.get_facecolor()) == expected.lower()
