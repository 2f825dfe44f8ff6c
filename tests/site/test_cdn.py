"""The pages as `make site` makes them without a folder of Pyodide: the browser fetches its packages from the public
servers. There is no network here: what it asks them for is answered from the folder that the tests have.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

import lite
import make
from draw_np.datasets.base import DatasetError
from draw_np.play import static
from tools import pyodide

pytestmark = pytest.mark.site
IDLE = re.compile(r"Python \(Pyodide\) \| Idle")


@pytest.fixture(scope="module")
def site(site, tmp_path_factory):
    """The pages that are made, but for Pyodide's packages."""
    if not pyodide.is_here(pyodide.FOLDER, pyodide.COURSE):
        pytest.skip("no Pyodide: python tools/pyodide.py brings it, where its carrier can be had")
    folder = tmp_path_factory.mktemp("site")
    for path in site.iterdir():
        if path.name not in ("pyodide", "play"):
            (folder / path.name).symlink_to(path)
    ours = [path for path in (site / "pyodide").glob("*.whl") if path.name.split("-")[0] in lite.OWN]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite, "own_wheels", lambda folder, _: [Path(shutil.copy(path, folder)) for path in ours])
        try:
            lite.write_pyodide(folder / "pyodide", make.PUBLIC, make.CACHE)
        except DatasetError as error:
            pytest.skip(f"no core of Pyodide: {error}")
    static.write(folder / "play", folder / "pyodide", "mnist", "../pyodide/")
    return folder


@pytest.fixture
def asked(site, open_page, address):
    """A function that opens a page: the page, and what is asked of the public servers, by name."""
    names = []

    def answer(route):
        names.append(route.request.url.removeprefix(make.PUBLIC))
        route.fulfill(path=pyodide.FOLDER / names[-1], headers={"Access-Control-Allow-Origin": "*"})

    def asked(path):
        page = open_page("_static/site.css", 1400, 1000)
        page.context.route(f"{make.PUBLIC}**", answer)
        page.goto(f"{address}/{path}")
        return page, names

    yield asked
    lock = json.loads((site / "pyodide" / pyodide.LOCK).read_bytes())["packages"]
    published = {Path(entry["file_name"]).name for entry in lock.values() if "://" in entry["file_name"]}
    assert set(names) <= published and len(names) == len(set(names))


def test_the_address_is_pyodide_s_own(site):
    """Its own code has it, with its version in the place of a variable."""
    code, version = (site / "pyodide/pyodide.js").read_text("utf-8"), "0.27.7"
    assert make.PUBLIC in re.sub(r"\$\{[\w.]+\}", version, code)


def test_the_draw_page(asked):
    page, names = asked("play/index.html")
    page.locator("#told", has_text="step 64 of 64").wait_for()
    assert len(names) == 1 and names[0].startswith("numpy-")


def test_a_lesson(asked):
    """The first cells of lesson 05, which import all that lessons do."""
    page, names = asked("lite/lab/index.html?path=05_look.ipynb")
    page.get_by_text(IDLE).wait_for()
    cells = page.locator(".jp-CodeCell")
    for k in range(3):
        cells.nth(k).click()
        page.keyboard.press("Shift+Enter")
        cells.nth(k).locator(".jp-InputArea-prompt", has_text=f"[{k + 1}]:").wait_for()
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts() == []
    assert {"numpy", "scipy", "matplotlib"} <= {name.split("-")[0] for name in names}
