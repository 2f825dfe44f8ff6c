"""What `make site` has made: whole, linked, readable on any screen, and asking nobody else."""

import html.parser
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = [
    path.relative_to(ROOT).as_posix()
    for folder in ("lessons", "lessons/exercises")
    for path in sorted((ROOT / folder).glob("[0-9]*.ipynb"))
]
KINDS = [  # a page of each kind
    "index", "lessons/README", "lessons/glossary", "lessons/teachers", "docs/equations", "docs/speed", "figures/README",
    "README", "draw_np/pretrained/README", "api/equations", "api/training", "code/draw_np/equations/attention.py",
]  # fmt: skip
LESSONS = [name.removesuffix(".ipynb") for name in NOTEBOOKS]
FORMULAS = """() => [document.querySelectorAll(".math").length, document.querySelectorAll(".math mjx-container").length,
    document.querySelectorAll("mjx-merror, [data-mjx-error]").length]"""
PICTURES = """() => Promise.all([...document.images].map(async (image) => {
    image.loading = "eager";
    await image.decode().catch(() => null);
    return image.naturalWidth ? "" : image.src;
})).then((found) => found.filter(Boolean))"""
CUT = """() => [...document.querySelectorAll("div.highlight pre")].filter((each) => each.scrollWidth > each.clientWidth)
    .map((each) => each.textContent.split("\\n").sort((a, b) => b.length - a.length)[0])"""
MARGINS = """() => {
    const article = document.querySelector(".bd-article-container").getBoundingClientRect();
    return [article.left - document.querySelector(".bd-sidebar-primary").getBoundingClientRect().right,
        document.documentElement.clientWidth - article.right];
}"""

pytestmark = pytest.mark.site


class Page(html.parser.HTMLParser):
    """The ids, links, requisites and pictures of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.needs, self.nameless = {""}, set(), set(), []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.add(given.get("id"))
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if tag in ("script", "img", "iframe", "source") and given.get("src"):
            self.needs.add(given["src"])
        if tag == "link" and given.get("rel") not in ("canonical", None):
            self.needs.add(given["href"])
        if tag == "img" and not given.get("alt"):
            self.nameless.append(given.get("src"))


@pytest.fixture(scope="module")
def pages(site):
    """{path: Page} of what Sphinx made."""
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] not in
            ("lite", "play", "_static")}  # fmt: skip


def target(path, link):
    """The file that a link of a page leads to, and the place on it."""
    parts = urlsplit(link)
    found = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    return found / "index.html" if found.is_dir() else found, unquote(parts.fragment)


def test_links_lead_somewhere(pages):
    """To a file, and to the place on it."""
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme:
                continue
            file, place = target(path, link)
            if not file.is_file() or (file in pages and place not in pages[file].ids):
                broken.append(f"{path.name}: {link}")
    assert broken == [] and sum(len(page.links) for page in pages.values()) > 5000


def test_what_a_page_needs_is_here(pages):
    for path, page in pages.items():
        for need in page.needs:
            assert not urlsplit(need).netloc and target(path, need)[0].is_file(), f"{path.name}: {need}"


def test_pictures_are_told_in_words(pages):
    assert {path.name: page.nameless for path, page in pages.items() if page.nameless} == {}


def test_what_is_published(site, pages):
    """Every lesson with its exercises, a button or the reason why there is none; no solution."""
    for name in NOTEBOOKS:
        text = (site / name).with_suffix(".html").read_text("utf-8")
        button = re.search(r'class="run lab" href="([^"]+)"', text)
        assert button or 'class="not-run"' in text, name
        if button:
            assert (site / "lite/files" / button[1].partition("path=")[2]).is_file(), name
    assert not [path for path in site.rglob("*") if "solutions" in path.parts or path.stem == "answers"]
    assert not [path for path in site.rglob("*.html") if "BEGIN SOLUTION" in path.read_text("utf-8", "replace")
                and "lessons/build.py" not in path.as_posix()]  # fmt: skip


def test_from_an_equation_to_code_test_and_lesson(site, pages):
    """And from the code to the equation, its test and its lessons, and from a lesson to both."""
    test, code = "code/tests/equations/test_attention.py.html", "code/draw_np/equations/attention.py.html"
    equations, api, lesson = "docs/equations.html", "api/equations.html", "lessons/05_look.html"
    for start, ends in {
        equations: [api, test, lesson],
        api: [code, equations, test, lesson],
        lesson: [api, test],
    }.items():
        found = {target(site / start, link)[0] for link in pages[site / start].links}
        assert {site / end for end in ends} <= found, start
    assert "draw_np.equations.attention.filterbank" in pages[site / api].ids


@pytest.mark.parametrize("name", [*KINDS, *LESSONS])
def test_a_page_in_the_browser(name, open_page):
    """Formulas and pictures are there, no code is cut at 1,300 and 1,400 pixels, margins are equal, and a phone shows
    no sideways scrolling.
    """
    page = open_page(f"{name}.html", 1300)
    if page.evaluate(FORMULAS)[0]:
        page.wait_for_function("window.MathJax?.startup?.promise")
        page.evaluate("MathJax.startup.promise")
    formulas, shown, wrong = page.evaluate(FORMULAS)
    assert (shown, wrong) == (formulas, 0)
    if name == "lessons/05_look":
        assert formulas > 60
    assert page.evaluate(PICTURES) == []
    assert page.evaluate(CUT) == []
    page.set_viewport_size({"width": 1400, "height": 900})
    left, right = page.evaluate(MARGINS)
    assert abs(left - right) < 2 and 0 < left < 100
    assert page.evaluate(CUT) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    if name == "lessons/glossary":
        assert page.evaluate("[...document.querySelectorAll('table')].every((e) => e.scrollWidth <= e.clientWidth)")


def test_search(open_page):
    page = open_page("search.html?q=filterbank", 1300)
    page.locator("#search-results li a", has_text="05 Look").first.wait_for()


def test_draw_a_digit_on_the_first_page(open_page):
    """It stands there whole, without a scroll bar of its own, and the network draws."""
    page = open_page("index.html", 1400, reduced_motion="reduce")
    frame = page.frame_locator("div.play iframe")
    frame.locator("#told", has_text="step 64 of 64").wait_for()
    heights = "e => [e.contentDocument.documentElement.scrollHeight, e.clientHeight]"
    inside, outside = page.locator("div.play iframe").evaluate(heights)
    assert inside <= outside
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("a.play img").wait_for()
    assert page.locator("div.play iframe").is_hidden()


def test_from_the_draw_page_to_the_course(open_page):
    """From the page by itself, and out of the frame on the first page."""
    page = open_page("play/index.html", 1400)
    page.click("#course")
    page.wait_for_url("**/lessons/README.html")
    page = open_page("index.html", 1400)
    page.frame_locator("div.play iframe").locator("#course").click()
    page.wait_for_url("**/lessons/README.html")
