"""How the web pages are put together, without making them."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile

import pytest

import equation_map
import lite
import make
import notebooks
import npm
import pages
import reference
from tools import pyodide


@pytest.fixture(scope="module")
def site():
    return pages.Site()


ATTENTION = "draw_np/equations/attention.py"


@pytest.mark.parametrize(
    "name, words, leads, expected",
    [
        ("docs/a.md", "`read`", f"../{ATTENTION}", f"../code/{ATTENTION}.md#read"),
        ("docs/a.md", "here", "../draw_np/rectangles.py", "../code/draw_np/rectangles.py.md"),
        ("README.md", "`draw_np/models/`", "draw_np/models", "api/models.md"),
        ("README.md", "x", "docs/speed.md", "docs/speed.md"),
        ("README.md", "figures", "figures", "figures/README.md"),
        ("README.md", "p", "draw_np/play", "code/draw_np/play/__init__.py.md"),
        ("README.md", "tests", "tests", None),
        ("lessons/a.ipynb", "05", "05_look.ipynb#part", "05_look.ipynb#part"),
        ("lessons/a.ipynb", "all", "solutions/05_look.ipynb", None),
        ("a.md", "a", "https://a.org", "https://a.org"),
        ("a.md", "a", "#b", "#b"),
        ("a.md", "0", "x", "x"),
    ],
)
def test_links(site, name, words, leads, expected):
    """A link to no page of ours is no link; what is not there is none of them, and Sphinx's business."""
    found = site.links(f"of f[{words}]({leads})", name)
    assert found == f"of f{words if expected is None else f'[{words}]({expected})'}"


def test_a_picture_comes_along(site):
    text = "![p](../docs/play.png)"
    assert site.links(text, "lessons/a.ipynb") == text and "docs/play.png" in site.pictures


def test_everything_that_is_there_has_a_page(site):
    """A lesson or text that comes later needs no list: pages are found, and are in the contents."""
    assert site.titles["lessons/05_look.ipynb"] == "05 Look"
    made = site.pages()
    there = {path.relative_to(pages.ROOT).as_posix() for folder in ("lessons", "lessons/exercises")
             for path in (pages.ROOT / folder).glob("[0-9]*.ipynb")}  # fmt: skip
    assert there <= made.keys() and "docs/library.md" in made and not [name for name in made if "solutions" in name]
    contents = re.findall(r"^\S+\.(?:md|ipynb)$", made["index.md"], re.MULTILINE)
    named = {name for name in made if name != "index.md" and not name.startswith("code/")}
    assert len(contents) == len(set(contents)) and set(contents) == named
    lessons = [name for name in contents if re.match(r"lessons/\d", name) and "exercises" not in name]
    assert lessons == sorted(lessons)
    assert "BEGIN SOLUTION" not in "".join(text for name, text in made.items() if name.endswith(".ipynb"))
    assert "lessons/answers.md" not in made and "(answers.md)" not in made["lessons/teachers.md"]
    assert "## For teachers" not in made["lessons/README.md"]


def test_a_notebook_s_page(site, monkeypatch):
    text = json.dumps({"cells": [
        {"cell_type": "markdown", "source": ["# 05 Look\n", "\n", "**How?**"], "metadata": {}},
        {"cell_type": "markdown", "source": "## 2. A bank $F_X$ (10 minutes)", "metadata": {}},
        {"cell_type": "code", "source": "ax.set(title=f'$\\\\mu$ = {mu}', xlabel='pixel a')", "metadata": {},
         "outputs": [{"data": {"image/png": ""}}]},
    ]})  # fmt: skip
    cells = json.loads(notebooks.page(text, "lessons/05_look.ipynb", site.titles, site.links))["cells"]
    head = cells[0]["source"]
    assert head.startswith("# 05 Look\n\n<a") and "../lite/lab/index.html?path=05_look.ipynb" in head
    assert "(exercises/05_look.ipynb)" in head and head.endswith("\n**How?**")
    alt = cells[2]["metadata"]["mystnb"]["image"]["alt"]
    assert alt == "Picture in “2. A bank F_X”, with the words: mu = …; pixel a"
    assert "Eq. 19, 20: {py:obj}`filter_means <draw_np.equations.attention.filter_means>`" in cells[-1]["source"]
    name = "lessons/exercises/11_make_it_fast.ipynb"
    monkeypatch.setitem(lite.SECONDS, "exercises/11", None)
    cells = json.loads(notebooks.page(text, name, site.titles, site.links))["cells"]
    assert "not-run" in cells[0]["source"] and "[The lesson 11" in cells[0]["source"] and len(cells) == 3


@pytest.mark.parametrize(
    "words, expected",
    [
        (r"step length $\varepsilon$", "step length epsilon"),
        (r"$d\mathcal{L} / dh_t$", "dL / dh_t"),
        ("10^{-16}", "10^-16"),
        ("… … of the bar", "of the bar"),
        ("$\\mu$ = …", "mu = …"),
    ],
)
def test_words_of_a_picture(words, expected):
    assert notebooks.plain(words) == expected


def test_the_map_of_equations(site):
    assert [row.number for row in equation_map.rows()] == list(range(1, 30))
    assert "| {py:obj}`kl <draw_np.equations.latent.kl>` |" in site.pages()["docs/equations.md"]


def test_reasons(monkeypatch):
    """A notebook has a button if it was measured and took less than two minutes."""
    monkeypatch.setattr(lite, "SECONDS", {"01": 119, "02": 120, "03": None, "04": 1200, "exercises/04": 9})
    assert lite.reason("lessons/01_a.ipynb") is None
    assert all("more than two minutes there" in lite.reason(f"lessons/{number}_a.ipynb") for number in ("02", "04"))
    assert "an error came up" in lite.reason("lessons/03_a.ipynb")
    assert "not been tried" in lite.reason("lessons/12_a.ipynb")
    assert lite.reason("lessons/exercises/04_a.ipynb") is None
    assert lite.reason("lessons/exercises/01_a.ipynb").startswith("These exercises do perhaps not run in the browser:")


def test_every_notebook_was_tried_in_the_browser():
    names = [name.removeprefix("lessons/") for name in pages.found("lessons/[0-9]*.ipynb", "lessons/*/[0-9]*.ipynb")]
    known = {name.rpartition("/")[0] + "/" * ("/" in name) + name.split("/")[-1][:2] for name in names}
    assert lite.SECONDS.keys() == {name for name in known if not name.startswith("solutions/")}


def test_what_the_course_in_the_browser_links_to_is_there(tmp_path):
    lite.write_files(tmp_path / "files")
    for page in tmp_path.rglob("*.*"):
        if page.suffix in (".md", ".ipynb"):
            links = re.findall(r"\]\(([^):#]+\.(?:ipynb|md))\)", page.read_text("utf-8"))
            assert [link for link in links if not (page.parent / link).exists()] == [], page.name
    assert (tmp_path / "files/glossary.md").is_file() and (tmp_path / "files/exercises/02_be_uncertain.ipynb").is_file()


def test_the_guide_says_what_runs_in_the_browser(site):
    made = site.pages()
    guide = made["lessons/README.md"]
    told = re.search(r"The lessons ([\d, ]+) and the exercises ([\d, ]+) have a button", " ".join(guide.split()))
    for numbers, folder in zip(told.groups(), ("lessons", "lessons/exercises")):
        for name in site.titles:
            if name.rpartition("/")[0] == folder:
                button = "run lab" in made[name]
                assert button == (name.split("/")[-1][:2] in numbers.split(", ")), name


def test_time_is_measured_by_a_clock_that_the_browser_has(tmp_path):
    lite.write_files(tmp_path / "files")
    text = (tmp_path / "files/12_from_windows_to_queries.ipynb").read_text("utf-8")
    assert "timer=time.perf_counter" in text and "process_time" not in text


def test_a_docstring_becomes_markdown():
    source = '''
class Row(NamedTuple):
    """One row."""
    name: str
    size: int = 3

# why
@decorated
def f(a, b=1, *, c: int = None):
    """Say `a`.

    >>> f(1)
    2
    """
def _g():
    """Hidden."""
'''
    row, f, _ = reference.definitions(source)
    assert source.splitlines()[f.begin : f.end][:2] == ["# why", "@decorated"]
    assert [each.name for each in reference.public(source)] == ["Row", "f"]
    assert reference.signature(row.node) == "(name, size=3)"
    found = reference.entry(f.node, "m.py", {})
    assert "{py:function} f(a, b=1, *, c=None)\n" in found and "```pycon\n>>> f(1)\n2\n```" in found


def packed(files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def test_a_package_of_npm(tmp_path, monkeypatch):
    """It is downloaded once, from the registry, as published; what lies there damaged, once more."""
    asked, content = [], packed({"es5/a.js": b"a", "es5/fonts/b": b"b", "d": b"d"})
    published = len(content), f"sha256:{hashlib.sha256(content).hexdigest()}"

    def download(url, path, size, known_hash):
        asked.append((url, size, known_hash))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    monkeypatch.setattr(npm, "download", download)
    monkeypatch.setattr(npm, "REGISTRY", "https://a.org")
    monkeypatch.setitem(npm.PUBLISHED, "p-q-1.0.tgz", published)
    for _ in range(2):
        npm.unpack("p-q-1.0.tgz", ("es5/a.js", "es5/fonts/"), tmp_path / "out", tmp_path / "cache")
    assert asked == [("https://a.org/p-q/-/p-q-1.0.tgz", *published)]
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")} == {
        "a.js", "fonts", "fonts/b"}  # fmt: skip
    (tmp_path / "cache/p-q-1.0.tgz").write_bytes(content[:-1])
    npm.unpack("p-q-1.0.tgz", ("es5/a.js",), tmp_path / "again", tmp_path / "cache")
    assert asked[1:] == asked[:1] and (tmp_path / "again/a.js").read_bytes() == b"a"


def test_without_a_network_make_says_so_in_one_line(tmp_path, monkeypatch):
    for name in ("SITE", "WORK", "CACHE"):
        monkeypatch.setattr(make, name, tmp_path / name)
    monkeypatch.setattr(make.pages, "write", lambda folder: None)
    monkeypatch.setattr(npm, "REGISTRY", "http://127.0.0.1:9")
    monkeypatch.setattr("sys.argv", ["make.py"])
    with pytest.raises(SystemExit, match=r"cannot download http://127.0.0.1:9/mathjax/-/.*no connection.*"):
        make.main()


def test_make_finds_the_repository_s_own_code(tmp_path):
    """From any folder, whatever is installed: site/ itself is no package."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    program = f"import sys; sys.path.insert(0, {str(pages.ROOT / 'site')!r}); import make; print(make.static.__file__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.stdout.strip() == str(pages.ROOT / "draw_np/play/static.py"), done.stderr


@pytest.fixture
def wheels(monkeypatch):
    """Our own wheels, without pip."""

    def own_wheels(folder, cache):
        found = [folder / f"{name}-1.0-py3-none-any.whl" for name in lite.OWN]
        for path in found:
            path.write_bytes(path.name.encode())
        return found

    monkeypatch.setattr(lite, "own_wheels", own_wheels)


def release(folder):
    """A folder like a release of Pyodide."""
    folder.mkdir()
    packages = {}
    for name in pyodide.COURSE:
        (folder / f"{name}.whl").write_bytes(name.encode())
        digest = hashlib.sha256(name.encode()).hexdigest()
        packages[name] = {"file_name": f"{name}.whl", "sha256": digest, "depends": []}
    for name in pyodide.CORE:
        (folder / name).write_text(json.dumps({"packages": packages}))
    return folder


def test_pyodide_from_a_folder(wheels, tmp_path):
    folder = release(tmp_path / "release")
    lite.write_pyodide(tmp_path / "out", str(folder), tmp_path / "cache")
    lock = json.loads((tmp_path / "out" / pyodide.LOCK).read_text())["packages"]
    assert lock.keys() == {*pyodide.COURSE, *(name.replace("_", "-") for name in lite.OWN)}
    pyodide.check({entry["file_name"]: entry["sha256"] for entry in lock.values()},
                  lambda name: (tmp_path / "out" / name).read_bytes())  # fmt: skip
    assert lock["draw-np"]["imports"] == ["draw_np"] and "scipy" in lock["draw-np"]["depends"]
    (folder / "scipy.whl").write_bytes(b"another")
    with pytest.raises(pyodide.PyodideError, match="scipy.whl is not the published file"):
        lite.write_pyodide(tmp_path / "out", str(folder), tmp_path / "cache")


def test_pyodide_from_its_public_servers(wheels, tmp_path, monkeypatch):
    """The core lies beside the pages; a package is where it is, with its SHA-256, and ours beside the pages."""
    files = {path.name: path.read_bytes() for path in release(tmp_path / "release").iterdir()}
    content = packed(files)
    published = len(content), f"sha256:{hashlib.sha256(content).hexdigest()}"
    monkeypatch.setitem(npm.PUBLISHED, "pyodide-0.27.7.tgz", published)
    (tmp_path / "pyodide-0.27.7.tgz").write_bytes(content)
    lite.write_pyodide(tmp_path / "out", "https://a.org/full", tmp_path)
    lock = json.loads((tmp_path / "out" / pyodide.LOCK).read_text())["packages"]
    assert lock["numpy"]["file_name"] == "https://a.org/full/numpy.whl" and lock["numpy"]["sha256"]
    assert lock["draw-np"]["file_name"] == "draw_np-1.0-py3-none-any.whl"
    assert {path.name for path in (tmp_path / "out").glob("py*")} == set(pyodide.CORE)
