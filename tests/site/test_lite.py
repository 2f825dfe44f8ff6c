"""JupyterLite: lesson 05 runs whole in the browser, and a slider redraws."""

import re

import pytest

pytestmark = pytest.mark.site
IDLE = re.compile(r"Python \(Pyodide\) \| Idle")
ERRORS = "[data-mime-type='application/vnd.jupyter.error']"
PICTURE = ".widget-interact .jp-OutputArea img"
DRAWN = """([place, before]) => { const image = document.querySelector(place);
    return image && image.src !== before }"""


def test_lesson_05_runs(open_page):
    page = open_page("lessons/05_look.html", 1400, 1000)
    page.locator("a.run").click()
    page.locator(".jp-CodeCell").first.wait_for()
    page.get_by_text(IDLE).wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(PICTURE).wait_for()  # of the last cell, which no cell before it has kept from running
    page.get_by_text(IDLE).wait_for()
    prompts = page.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()
    assert prompts == [f"[{k}]:" for k in range(1, len(prompts) + 1)] and len(prompts) > 10
    assert page.locator(ERRORS).all_inner_texts() == []
    before = page.locator(PICTURE).get_attribute("src")
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    page.wait_for_function(DRAWN, arg=[PICTURE, before])
    assert page.locator(".widget-readout").first.inner_text() != "0.00"
