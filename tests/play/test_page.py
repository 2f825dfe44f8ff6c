"""The draw-a-digit page in a real browser: drawn on, redrawn, the same numbers as NumPy's, with either engine."""

import contextlib
import functools
import http.server
import json
import re
import threading
import time

import numpy as np
import pytest
from PIL import ImageColor

from draw_np import datasets, equations, load_pretrained
from draw_np.models import draw
from draw_np.play import engine, server, static
from draw_np.plotting import GREEN, RED
from tools import pyodide
from tools.play_picture import stroke

SECONDS = 300  # for each thing that is waited for, on a busy machine
TWO = [
    (0.3, 0.3),
    (0.4, 0.2),
    (0.55, 0.2),
    (0.62, 0.3),
    (0.55, 0.45),
    (0.4, 0.62),
    (0.3, 0.75),
    (0.5, 0.75),
    (0.7, 0.74),
]
LAST_STEP = re.compile(r"step (\d+) of \1\b")
SEED = 'import("./main.js").then(({ state }) => state.seed)'
DONE = """((before) => import("./main.js").then(({ state: { drawing, seed, t } }) =>
    drawing && seed !== before && t === drawing.steps - 1))"""
SAID = """window.said = []; document.addEventListener("DOMContentLoaded", () => {
    const status = document.getElementById("status");
    new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
})"""
AT = """([id, x, y]) => import("./paint.js").then(({ rim }) => {
    const canvas = document.getElementById(id), around = rim({ height: 28, width: 28 }) + 0.5;
    const place = [x, y].map((each) => ((each + around) / (28 + 2 * around - 1)) * canvas.width);
    const [left, top] = place.map((each) => Math.round(each - 0.5));
    return [...canvas.getContext("2d").getImageData(left, top, 1, 1).data.slice(0, 3)];
})"""
PAINTED = """([about, values]) => import("./paint.js").then(({ pixels }) => {
    const pen = Object.assign(document.createElement("canvas"), about).getContext("2d");
    pen.translate(0.5, 0.5);
    pixels(pen, about, values);
    return [...pen.getImageData(0, 0, about.width, about.height).data];
})"""
STATE = """import("./main.js").then(({ state: { image, seed, strokes, drawing } }) => ({
    image: image && [...image], seed, strokes, last: drawing && [...drawing.canvases.at(-1)]}))"""
DRAWING = """import("./main.js").then(({ state: { drawing: { steps, ...fields } } }) => Object.fromEntries(
    Object.entries(fields).map(([name, each]) => [name, each.map((numbers) => [...numbers])])))"""


@contextlib.contextmanager
def served(running):
    """A server at work in a thread of its own."""
    with running:
        thread = threading.Thread(target=running.serve_forever, args=[0.05])
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Files(http.server.SimpleHTTPRequestHandler):
    """Any static server."""

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def files(folder):
    """The address of a static server of a folder."""
    handler = functools.partial(Files, directory=folder)
    with served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as running:
        yield f"http://127.0.0.1:{running.server_address[1]}/"


@pytest.fixture(scope="module", params=["server", "pyodide"])
def address(request, tmp_path_factory):
    """Where the page for the weights `mnist` is, with each of its engines behind it."""
    if request.param == "server":
        with served(server.Server("mnist", engine.open_network("mnist"), port=0)) as running:
            yield running.address
        return
    if not pyodide.is_here(pyodide.FOLDER):
        pytest.skip("no Pyodide: python tools/pyodide.py brings it, where its carrier can be had")
    folder = tmp_path_factory.mktemp("page")
    static.write(folder, pyodide.FOLDER, "mnist")
    with files(folder) as address:
        yield address


@pytest.fixture(scope="module")
def asked(address):
    """The addresses that the page asked for."""
    return []


@pytest.fixture(scope="module")
def pages(chromium):
    """A function that opens a page in a context of its own, as `chromium.new_context` takes it, without motion."""

    def pages(address, faults=None, asked=None, **options):
        context = chromium.new_context(**{"reduced_motion": "reduce", **options})
        context.set_default_timeout(1000 * SECONDS)
        if asked is not None:
            context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: (faults if faults is not None else []).append(str(error)))
        page.add_init_script(SAID)
        page.goto(address)
        return page

    return pages


@pytest.fixture(scope="module")
def faults():
    """What went wrong in the page's scripts."""
    return []


@pytest.fixture(scope="module")
def ready(address, pages, faults, asked):
    """The page, loaded, its first example redrawn."""
    page = pages(address, faults, asked, viewport={"width": 1400, "height": 1000})
    told(page, LAST_STEP)
    return page


@pytest.fixture
def page(ready, faults):
    """The page, cleared."""
    if ready.locator("#clear").is_enabled():
        ready.click("#clear")
    yield ready
    assert faults == []


def told(page, text):
    page.locator("#told", has_text=text).wait_for()


def redrawn(page, act):
    """What the page's state is once the network has drawn what `act()` asked for, with new noise, to the last step."""
    before = page.evaluate(SEED)
    act()
    end = time.monotonic() + SECONDS
    while not page.evaluate(f"{DONE}({json.dumps(before)})"):
        assert time.monotonic() < end, page.locator("#status").inner_text()
        page.wait_for_timeout(50)
    told(page, LAST_STEP)
    return page.evaluate(STATE)


def draw_two(page):
    """Draw a 2 with the mouse: the page's state once the network has drawn it again."""
    return redrawn(page, lambda: stroke(page, *TWO))


def numpy_s(seed, image=None):
    """What NumPy makes outside the browser of the same noise: a Trace, or the Generation without an image."""
    params, config = load_pretrained("mnist")
    noise = draw.sample_noise(config, 1, np.random.default_rng(seed))
    if image is None:
        return draw.generate(params, config, noise)
    return draw.infer(params, config, image[None], noise)


def image_of(state):
    return np.array(state["image"], np.float32).reshape(28, 28)


def assert_equal_numpy_s(page, state):
    """Every canvas, every error image, the KL of each step."""
    image, found = image_of(state), page.evaluate(DRAWING)
    assert found["canvases"][-1] == state["last"]
    trace = numpy_s(state["seed"], image)
    canvases = equations.pixel_means(np.concatenate(trace.canvases)).reshape(64, 784)
    np.testing.assert_allclose(found["canvases"], canvases, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["errors"][1:], image.reshape(784) - canvases[:-1], rtol=0, atol=1e-4)
    kl = draw.kl_of_steps(trace, equations)
    np.testing.assert_allclose(found["kl"], kl, rtol=1e-4, atol=1e-4)


def test_a_drawing_is_drawn_again(page):
    state = draw_two(page)
    image = image_of(state)
    assert_equal_numpy_s(page, state)
    assert np.abs(state["last"] - image.ravel()).mean() < 0.06 < image.mean()


def test_windows_lie_where_they_are(page):
    """The middle of each rectangle's left side has its colour on the screen: green on what is read, red on what is
    written.
    """
    draw_two(page)
    page.click("#back")
    told(page, "step 63 of 64")
    drawing = page.evaluate(DRAWING)
    left, top, width, height, border = drawing["write"][62]
    rows, columns = np.indices((28, 28))
    beside = abs(columns - left - width / 2) > width / 2 + border + 1
    tinted = ~beside & (abs(rows - top - height / 2) < height / 2 + border + 1)
    shown = np.ma.array(np.reshape(drawing["canvases"][62], (28, 28)), mask=tinted)  # what no window lies upon
    brightest, darkest = np.argmax(shown), np.argmin(shown)
    shades = [max(page.evaluate(AT, ["canvas", int(k) % 28, int(k) // 28])) for k in (brightest, darkest)]
    assert shades[0] > 240 and shades[1] < 15
    for picture, window, colour in (("pad", "read", GREEN), ("missing", "read", GREEN), ("canvas", "write", RED)):
        left, top, _, height, _ = drawing[window][62]
        found = page.evaluate(AT, [picture, left, top + height / 2])
        assert np.abs(np.subtract(found, ImageColor.getrgb(colour))).max() <= 2


def test_a_drawing_lies_as_mnist_s_digits_do(page):
    """In a box of 20 pixels, its centre of mass at pixel 14, wherever and however large it was drawn."""
    small = "import('./pen.js').then(p => [...p.ink(p.asMNIST([[[2, 3], [5, 3], [2, 9]], [[2, 9], [6, 9]]]), 28, 28)])"
    drawn = image_of(draw_two(page))
    for image in (drawn, np.array(page.evaluate(small)).reshape(28, 28)):
        rows, columns = np.nonzero(image)
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22 and np.ptp(rows) > np.ptp(columns)
        for axis in (0, 1):
            middle = image.sum(1 - axis) @ np.arange(28) / image.sum()
            assert middle == pytest.approx(14, abs=0.2)
    digits = datasets.load("mnist", "test", 1000)
    twos = digits.images[digits.labels == 2].mean((1, 2))
    assert np.quantile(twos, 0.02) < drawn.mean() < np.quantile(twos, 0.98)  # as thick as theirs


def test_a_second_stroke_belongs_to_the_same_digit_until_it_is_drawn_again(page):
    def four():
        stroke(page, (0.4, 0.2), (0.3, 0.5), (0.7, 0.5))
        stroke(page, (0.6, 0.3), (0.6, 0.8))

    assert len(redrawn(page, four)["strokes"]) == 2
    assert len(redrawn(page, lambda: stroke(page, (0.5, 0.2), (0.5, 0.8)))["strokes"]) == 1


def test_steps(page):
    draw_two(page)
    page.click("#back")
    told(page, "step 63 of 64")
    slider = page.locator("#time")
    slider.focus()
    page.keyboard.press("Home")
    told(page, "step 1 of 64")
    assert slider.get_attribute("aria-valuetext").startswith("step 1 of 64, ")
    page.keyboard.press("ArrowRight")
    told(page, "step 2 of 64")
    page.click("#step")
    told(page, "step 3 of 64")
    nats = sum(kl for (kl,) in page.evaluate(DRAWING)["kl"][:3])
    assert page.locator("#told").inner_text() == f"step 3 of 64, {nats:.1f} nats"
    assert page.locator("#curve rect").count() == 64 and page.locator("#curve .past").count() == 2
    page.click("#play")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").wait_for()
    slider.focus()
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    told(page, "step 61 of 64")
    page.click("#play")
    told(page, LAST_STEP)
    page.get_by_role("button", name="Play").wait_for()
    assert slider.input_value() == "64"


def test_the_keyboard_alone(page):
    """An example by Enter; then, on the pad, a stroke by arrow keys and the space bar; then play."""
    page.locator("body").press("Tab")
    focus = lambda: page.evaluate("document.activeElement.getAttribute('aria-label')")  # noqa: E731
    for _ in range(30):
        if focus() == "Take this 7":
            break
        page.keyboard.press("Tab")
    state = redrawn(page, lambda: page.keyboard.press("Enter"))
    np.testing.assert_array_equal(image_of(state), datasets.load("mnist", "test", 1).images[0])
    assert_equal_numpy_s(page, state)
    while focus() is None or not focus().startswith("Your drawing"):
        page.keyboard.press("Shift+Tab")
    keys = ["ArrowUp", "Space", *["ArrowDown"] * 8, "Space"]
    rows, columns = np.nonzero(image_of(redrawn(page, lambda: [page.keyboard.press(key) for key in keys])))
    assert np.ptp(rows) + 1 >= 18 and np.ptp(columns) + 1 <= 5  # a 1
    while focus() != "Play":
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause").wait_for()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play").wait_for()


def test_again_with_other_noise(page):
    before = draw_two(page)
    after = redrawn(page, lambda: page.click("#again"))
    assert after["image"] == before["image"] and after["seed"] != before["seed"]
    assert_equal_numpy_s(page, after)
    assert np.abs(np.subtract(after["last"], before["last"])).max() > 0.1


def test_from_imagination(page):
    state = redrawn(page, lambda: page.click("#imagine"))
    canvases, _ = numpy_s(state["seed"])
    found = page.evaluate(DRAWING)
    np.testing.assert_allclose(
        found["canvases"], equations.pixel_means(canvases[:, 0]).reshape(64, 784), rtol=0, atol=1e-4
    )
    assert set(found) == {"canvases", "write"} and state["image"] is None
    assert page.locator("#told").inner_text() == "step 64 of 64"  # no nats
    assert "from imagination" in page.locator("#hint").inner_text()


@pytest.mark.parametrize("width, height", [(360, 740), (700, 900), (1400, 900)])
def test_no_sideways_scrolling(page, width, height):
    before = page.viewport_size
    page.set_viewport_size({"width": width, "height": height})
    redrawn(page, lambda: page.click("#imagine"))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for button in page.locator("button, canvas, #time").all():
        box = button.bounding_box()
        assert 0 <= box["x"] and box["x"] + box["width"] <= width
    page.set_viewport_size(before)


def test_no_other_host_is_asked(page, asked, address):
    host = address.split("/")[2]
    assert asked and {url.split("/")[2] for url in asked if not url.startswith(("blob:", "data:"))} == {host}


def test_how_far_loading_is(ready, address):
    """In megabytes, until it is all there; with a server there is nothing to load."""
    said = [line for line in ready.evaluate("said") if "MB" in line]
    assert ready.locator("#progress").is_hidden() and ready.locator("#status").inner_text() == ""
    if "#" in address:
        assert not said
    else:
        sizes = [float(line.split(": ")[1].split(" of ")[0]) for line in said]
        assert sizes == sorted(sizes) and len(set(sizes)) > 5
        total = float(said[-1].split(" of ")[1].split(" MB")[0])
        assert 15 < total < 20 and 0 <= total - sizes[-1] < 3.5  # NumPy's wheel, 3.1 MB, may come last and in one piece


# What does not depend on the engine.


@pytest.fixture(scope="module")
def small():
    """The server, with two digits on 60 x 60."""
    with served(server.Server("two-digit-mnist", engine.open_network("two-digit-mnist"), port=0)) as running:
        yield running


def test_other_weights_have_other_sizes(small, pages):
    page = pages(small.address, viewport={"width": 1400, "height": 1000})
    told(page, LAST_STEP)
    assert page.locator("h1").inner_text() == "Draw two digits"
    state = page.evaluate(STATE)
    assert len(state["image"]) == 3600 and np.abs(np.subtract(state["last"], state["image"])).mean() < 0.05
    page.click("#clear")
    state = redrawn(page, lambda: stroke(page, (0.25, 0.3), (0.25, 0.6)))
    rows, columns = np.nonzero(np.reshape(state["image"], (60, 60)))
    assert 9 < columns.min() < columns.max() < 15 and 12 < rows.min() < rows.max() < 40  # it stays where it was drawn
    page.context.close()


def test_colours_and_nothing_to_begin_with(colour, pages):
    """Without examples it begins from imagination; a drawing is white in all three colours, a canvas has them all."""
    found = []
    with served(server.Server("colour", colour, port=0)) as running:
        page = pages(running.address, found)
        told(page, "step 3 of 3")
        assert page.locator(".example").count() == 0 and page.evaluate(STATE)["image"] is None
        assert page.locator("h1").inner_text() == "Draw a picture"
        assert page.locator("#signs").inner_text() == "grey: nothing" and page.locator("#repository").is_visible()
        assert page.locator("#course").is_hidden()
        state = redrawn(page, lambda: stroke(page, (0.3, 0.3), (0.6, 0.6)))
        image = np.reshape(state["image"], (8, 7, 3))
        assert image.max() == 1 and (image == image[:, :, :1]).all()
        noise = draw.sample_noise(colour.config, 1, np.random.default_rng(state["seed"]))
        trace = draw.infer(*colour, np.float32(image)[None], noise)
        last = np.moveaxis(equations.pixel_means(trace.canvases[-1][0]), 0, 2)
        np.testing.assert_allclose(np.reshape(state["last"], (8, 7, 3)), last, atol=1e-4)
        page.context.close()
    assert found == []


@pytest.mark.parametrize(
    "channels, values, shades",
    [
        (1, [0, 0.2, 1, 0.4, 0.6, 0.8], [[0] * 3, [51] * 3, [255] * 3, [102] * 3, [153] * 3, [204] * 3]),
        (1, [0, 0.2, -1, 1, -0.5, 0], [[0] * 3, [51] * 3, [86, 180, 233], [255] * 3, [43, 90, 117], [0] * 3]),
        (3, [0, 0.2, 0.4] * 5 + [1, 0, 0], [[0, 51, 102]] * 5 + [[255, 0, 0]]),
        (3, [0, 0.2, -0.2] * 5 + [1, 0, -1], [[128, 153, 102]] * 5 + [[255, 128, 0]]),
    ],
    ids=["grey", "error", "colour", "error in colour"],
)
def test_pixels_on_the_screen(small, pages, channels, values, shades):
    """Of an error image in grey what is missing is white and what is too much blue; in colour grey is right."""
    page = pages(small.address)
    painted = page.evaluate(PAINTED, [{"width": 3, "height": 2, "channels": channels}, values])
    assert np.reshape(painted, (6, 4)).tolist() == [[*shade, 255] for shade in shades]
    page.context.close()


def test_a_finger(small, pages):
    """On a phone a finger draws, and the page stays where it is."""
    page = pages(small.address, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    told(page, LAST_STEP)
    touch = page.context.new_cdp_session(page)
    page.wait_for_timeout(1000)  # until it has come to rest
    box, where = page.locator("#pad").bounding_box(), page.evaluate("scrollY")
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in TWO]
    for kind, places in [
        ("touchStart", points[:1]),
        *(("touchMove", [point]) for point in points[1:]),
        ("touchEnd", []),
    ]:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in places]})
    end = time.monotonic() + SECONDS
    while len(page.evaluate(STATE)["strokes"]) != 1:
        assert time.monotonic() < end
    assert len(page.evaluate(STATE)["strokes"][0]) >= len(points) and page.evaluate("scrollY") == where
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.context.close()


def test_it_plays_by_itself_where_motion_is_welcome(small, pages):
    page = pages(small.address, reduced_motion="no-preference")
    page.get_by_role("button", name="Pause").wait_for()
    told(page, LAST_STEP)
    page.get_by_role("button", name="Play").wait_for()
    page.context.close()


def test_an_address_without_its_token(small, pages):
    page = pages(small.address.partition("#")[0])
    page.locator("#status", has_text="lacks its token: open the one that the terminal shows").wait_for()
    page.context.close()


def test_a_server_that_has_stopped(small, pages):
    page = pages(small.address)
    told(page, LAST_STEP)
    page.route("**/draw", lambda route: route.abort())
    page.click("#imagine")
    page.locator("#status", has_text="The server has stopped: start it again").wait_for()
    page.context.close()


@pytest.mark.parametrize("missing", ["worker.js", "pyodide/pyodide.mjs"])
def test_a_file_that_is_not_there(missing, pages, fake_pyodide, tmp_path):
    """The page says so, and goes on waiting for nothing."""
    static.write(tmp_path / "page", fake_pyodide, "mnist")
    (tmp_path / "page" / missing).unlink()
    with files(tmp_path / "page") as address:
        page = pages(address)
        page.locator("#status", has_text="could not be started" if missing == "worker.js" else "pyodide.mjs").wait_for()
        assert page.locator("#progress").is_hidden()
        page.context.close()
