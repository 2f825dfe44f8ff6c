"""The picture of the draw-a-digit page that README and the site show: a 2 drawn with the mouse, after 30 steps.

`python tools/play_picture.py [FILE.png]` takes it with Playwright's Chromium; the default is docs/play.png. The noise
is that of seed 0, so that the same weights give the same picture. The file says of which page and weights it is.
"""

import hashlib
import io
import shutil
import sys
import threading
from pathlib import Path

from PIL import Image, PngImagePlugin

sys.path.insert(0, str(Path(__file__).parents[1]))  # the package that lies beside this folder

from draw_np import pretrained
from draw_np.play import engine, page, server

PICTURE = Path(__file__).parents[1] / "docs" / "play.png"
BROWSERS = "chromium", "chromium-browser", "google-chrome"
SIZE = {"width": 1200, "height": 826}
STEP = 30
TWO = (
    (0.25, 0.35), (0.32, 0.22), (0.5, 0.17), (0.66, 0.26), (0.62, 0.42), (0.45, 0.6), (0.28, 0.77), (0.5, 0.76),
    (0.74, 0.75),
)  # fmt: skip
"""The stroke's points, in parts of the pad."""
SEED_0 = "crypto.getRandomValues = (numbers) => numbers.fill(0)"
LAST = "step 64 of 64"
GO = """(step) => {
    const time = document.getElementById("time");
    time.value = step;
    time.dispatchEvent(new Event("input"));
}"""


def subject():
    """The digest of what the picture shows: the page's files and the weights."""
    contents = [content for _, content in page.files().values()] + [pretrained.find("mnist").read_bytes()]
    return hashlib.sha256(b"".join(contents)).hexdigest()


def main(path=PICTURE):
    from playwright.sync_api import sync_playwright  # only here: whoever asks for `subject` needs no browser

    with server.Server("mnist", engine.open_network("mnist"), port=0) as running, sync_playwright() as playwright:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        tab = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        tab.add_init_script(SEED_0)
        tab.goto(running.address)
        tab.locator("#told", has_text=LAST).wait_for()  # of its first example
        tab.click("#clear")
        tab.locator("#told:empty").wait_for(state="attached")
        stroke(tab, *TWO)
        tab.mouse.move(0, 0)
        tab.locator("#told", has_text=LAST).wait_for()
        tab.evaluate(GO, STEP)
        tab.locator("#told", has_text=f"step {STEP} of 64").wait_for()
        picture = Image.open(io.BytesIO(tab.screenshot()))
        browser.close()
        running.shutdown()
    about = PngImagePlugin.PngInfo()
    about.add_text("subject", subject())
    picture.save(path, pnginfo=about, optimize=True)
    print(path)


def stroke(tab, *points):
    """Draw a stroke with the mouse, through points given in parts of the pad."""
    box = tab.locator("#pad").bounding_box()
    first, *places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    tab.mouse.move(*first)
    tab.mouse.down()
    for place in places:
        tab.mouse.move(*place, steps=4)
    tab.mouse.up()


if __name__ == "__main__":
    main(*sys.argv[1:])
