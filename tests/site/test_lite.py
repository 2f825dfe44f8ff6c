"""JupyterLite: lesson 05 runs whole in the browser, and a slider redraws."""

import re

import pytest

pytestmark = pytest.mark.site
CELLS = """() => { const notebook = window.jupyterapp.shell.currentWidget.content;
    return notebook.widgets.filter((cell) => cell.model.type === "code").map((cell) => cell.model.executionCount) }"""
DRAWN = """(before) => { const image = document.querySelector(".widget-interact .jp-OutputArea img");
    return image && image.src !== before }"""


def test_lesson_05_runs(open_page):
    page = open_page("lessons/05_look.html", 1400, 1000)
    page.locator("a.run").click()
    page.get_by_text(re.compile(r"Python \(Pyodide\) \| Idle")).wait_for()
    page.locator(".jp-CodeCell").first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    handle = page.locator(".widget-slider .noUi-handle").first  # of the last cells
    handle.wait_for()
    page.locator(".widget-interact .jp-OutputArea img").wait_for()
    page.get_by_text(re.compile(r"Python \(Pyodide\) \| Idle")).wait_for()
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
    before = page.locator(".widget-interact .jp-OutputArea img").get_attribute("src")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    page.wait_for_function(DRAWN, arg=before)
    counts = page.evaluate(CELLS)
    assert counts == list(range(1, len(counts) + 1)) and len(counts) > 10
