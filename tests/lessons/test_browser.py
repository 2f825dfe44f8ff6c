"""`make lessons` in a real browser: from the first page to lesson 05, which runs and whose sliders move the picture."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 300  # for each thing that is waited for, on a busy machine

pytestmark = pytest.mark.lessons


@pytest.fixture(scope="module")
def page(chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(1000 * SECONDS)
    return page


@contextmanager
def make_lessons(folder, settings=""):
    """Run `make lessons` on a copy of the course, for JupyterLab saves what it opens; yields the address it prints.

    `settings` are a user's own, of the server.
    """
    shutil.copytree(ROOT / "lessons", folder / "lessons")
    for name in "Makefile", "pyproject.toml", "requirements.txt":
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").mkdir()
    (folder / ".venv/ready").touch()  # what runs the tests has what is needed
    variables = "RUNTIME_DIR", "CONFIG_DIR", "DATA_DIR"
    own = {f"JUPYTER_{name}": str(folder / "jupyter") for name in variables}  # nobody's settings
    own |= {f"JUPYTERLAB_{name}_DIR": str(folder / "jupyter" / name) for name in ("SETTINGS", "WORKSPACES")}
    (folder / "jupyter").mkdir()
    for name in "server", "lab":
        (folder / "jupyter" / f"jupyter_{name}_config.py").write_text(settings)
    own["JUPYTER_TOKEN"] = ""  # a server without one lets everybody in
    own["PYTHONPATH"] = str(ROOT)
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}  # it would hide pictures
    flags = ["LAB_FLAGS=--no-browser --allow-root --port=0", f"RUN={sys.executable}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            ["make", "lessons", *flags], cwd=folder, env={**inherited, **own}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield printed_address(server, folder / "log")
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(SECONDS)


def printed_address(server, log):
    end = time.monotonic() + SECONDS
    while not (address := re.search(r"http://\S+/lab\S*\?token=\w+", log.read_text("utf-8"))):
        assert server.poll() is None and time.monotonic() < end, log.read_text("utf-8")
        time.sleep(0.2)
    return address.group()


def test_only_this_machine_and_only_with_the_token(tmp_path):
    settings = 'c.ServerApp.ip = "0.0.0.0"\nc.IdentityProvider.token = ""\nc.ServerApp.allow_root = True\n'
    with make_lessons(tmp_path, settings) as address:
        host, token = re.fullmatch(r"(http://127.0.0.1:\d+)/.*token=(\w{48})", address).groups()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{host}/api/contents", timeout=SECONDS)
        assert urllib.request.urlopen(f"{host}/api/contents?token={token}", timeout=SECONDS).status == 200


def run_all(page):
    """Run All Cells, and see that the kernel has begun: a click that comes too early does nothing."""
    busy = page.locator("#jp-main-statusbar").get_by_text("| Busy")
    too_late = pytest.importorskip("playwright.sync_api").TimeoutError
    for _ in range(SECONDS // 20):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        with suppress(too_late):
            return busy.wait_for(timeout=20_000)
    raise AssertionError("the kernel never began to run the cells")


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_from_the_first_page_to_a_slider(page, tmp_path):
    with make_lessons(tmp_path) as address:
        page.goto(address)
        page.locator(".jp-RenderedMarkdown h1").wait_for()
        page.locator(".jp-RenderedMarkdown a", has_text="05 Look").first.click()
        idle = page.get_by_text(re.compile(r"\(ipykernel\) \| Idle"))
        idle.wait_for()  # before it, Run All would ask which kernel to use
        page.locator(".jp-CodeCell").first.wait_for()
        run_all(page)
        idle.wait_for()

        handle = page.locator(".widget-slider .noUi-handle").first
        handle.scroll_into_view_if_needed()
        picture = page.locator(".widget-interact .jp-OutputArea img")
        picture.wait_for()
        before = picture.get_attribute("src")
        box = handle.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 40, box["y"] + box["height"] / 2, steps=8)
        page.mouse.up()
        page.wait_for_function(
            "before => { const img = document.querySelector('.widget-interact .jp-OutputArea img');"
            " return img && img.src != before }",
            arg=before,
        )
        page.keyboard.press("Control+s")
        executed = saved(tmp_path / "lessons/05_look.ipynb")
        assert page.locator(".widget-readout").first.inner_text() != "0.00"
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]


def saved(path):
    """The notebook once the browser has written it: then it holds the widget's view, which the course's does not."""
    end = time.monotonic() + SECONDS
    while "widget-view" not in (text := path.read_text("utf-8")):
        assert time.monotonic() < end, "JupyterLab did not save the notebook"
        time.sleep(0.2)
    return nbformat.reads(text, 4)
