"""Put together what Sphinx makes into web pages: `write(folder)` fills a folder that mirrors the repository.

Its notebooks and texts are the committed ones; whatever lessons there are, are in it. The API reference and the pages
with sources are made from the code (`reference.py`). Nothing is executed. A link to a file that is no page leads to
where the file is shown.
"""

import json
import os
import posixpath
import re
import shutil

import equation_map
import lite
import notebooks
import reference
from lessons.build import student_guide

ROOT = equation_map.ROOT
GUIDE, TEACHERS, ANSWERS, FIGURES, RECORD = (
    "lessons/README.md",
    "lessons/teachers.md",
    "lessons/answers.md",
    "figures/README.md",
    "draw_np/pretrained/README.md",
)
TEXTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/*.md",
    "lessons/*.md",
    "figures/*.md",
    RECORD,
    "tests/campaigns/README.md",
)
PICTURES = ".png", ".gif", ".svg"
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def write(folder):
    """Fill the folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    site = Site()
    for name, text in site.pages().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    for name in site.pictures:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)


def found(*patterns):
    """Paths in the repository, in order, with slashes."""
    return [path.relative_to(ROOT).as_posix() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def title_of(notebook):
    """The title of a notebook: its first heading."""
    first = json.loads((ROOT / notebook).read_text("utf-8"))["cells"][0]
    return "".join(first["source"]).partition("\n")[0].removeprefix("# ")


class Site:
    """The pages, and what they turned out to link to: `sources` and `pictures`, paths in the repository."""

    def __init__(self):
        self.texts = [name for name in found(*TEXTS) if name != ANSWERS]  # which, as solutions, is for teachers
        self.lessons = found("lessons/[0-9]*.ipynb")
        self.exercises = found("lessons/exercises/[0-9]*.ipynb")
        self.titles = {name: title_of(name) for name in [*self.lessons, *self.exercises]}
        self.known = {*self.texts, *self.titles, TEACHERS}
        self.sources, self.pictures = set(), set()

    def pages(self):
        """{path: text} of all pages."""
        texts = {name: (ROOT / name).read_text("utf-8") for name in [*self.titles, *self.texts]}
        texts[GUIDE], texts[TEACHERS] = self.guides(texts[GUIDE])
        texts[equation_map.PAGE] = self.equations(texts[equation_map.PAGE])
        texts[FIGURES] += "\n" + self.gallery()
        pages = {name: self.links(text, name) for name, text in texts.items() if name not in self.titles}
        pages |= {name: notebooks.page(texts[name], name, self.titles, self.links) for name in self.titles}
        by_number = {name.split("/")[1][:2]: (self.titles[name], name) for name in self.lessons}
        pages |= {f"api/{room}.md": reference.api_page(room, by_number) for room in reference.ROOMS}
        pages["index.md"] = self.front()
        self.sources.update(path for room in reference.ROOMS for path in reference.modules(room))
        self.sources.update(row.test_file for row in equation_map.rows())
        return pages | {reference.code_name(path): reference.code_page(path) for path in sorted(self.sources)}

    def guides(self, text):
        """The guide as two pages: for students, and for teachers and authors. Answers stay in the repository."""
        student, _, rest = text.partition("\n## For teachers\n")
        rest = re.sub(r"^#(##+ )", r"\1", rest, flags=re.MULTILINE)
        names = [name.removeprefix("lessons/") for name in self.titles]
        how = "**How to work.**"
        student = student_guide(student, names).replace(how, f"{self.in_the_browser()}\n\n{how}")
        return student, f"# For teachers and authors\n{rest}"

    def in_the_browser(self):
        """What the students' guide says on the web alone: what runs there, and where one's work is kept."""
        lessons, exercises = (
            ", ".join(name.split("/")[-1][:2] for name in names if lite.reason(name) is None)
            for names in (self.lessons, self.exercises)
        )
        return (
            f"**In the browser.** The lessons {lessons} and the exercises {exercises} have a button that runs them "
            "here, with nothing installed; the others are to read here, or to run on your own machine. What you write "
            "is kept in this browser alone: File, Download takes it with you, to hand it in or to go on elsewhere."
        )

    def equations(self, text):
        """The map with links to the lessons, and from a function to its place in the reference."""
        pages = {name.split("/")[1][:2]: name for name in self.lessons}
        lines = text.splitlines()
        for row in equation_map.rows():
            old = next(line for line in lines if line.startswith(f"| {row.number} |"))
            cells = [cell.strip() for cell in old.strip("|").split("|")]
            cells[2] = row.reference
            cells[4] = ", ".join(f"[{n}](../{pages[n]})" if n in pages else n for n in row.lessons)
            lines[lines.index(old)] = f"| {' | '.join(cells)} |"
        return "\n".join(lines) + "\n"

    def gallery(self):
        """Every figure with what its script says of it."""
        told = dict(
            re.findall(r"^\| `(\w+)\.py` \| (.+?)(?: \(writes .*\))? \|$", (ROOT / FIGURES).read_text("utf-8"), re.M)
        )
        pieces = []
        for script, what in told.items():
            pictures = found(f"figures/{script}.png", f"figures/{script}.gif")
            if pictures:
                name = script.replace("_0", " ").replace("_", " ").capitalize().replace("Kl ", "KL ")
                pieces.append(f"## {name}\n\n{what[0].upper()}{what[1:]}. [Its script]({script}.py)\n")
                pieces += [f"![{what}]({posixpath.basename(picture)})\n" for picture in pictures]
        return "\n".join(pieces)

    def links(self, text, name):
        """A text whose links lead to pages: what is no page is shown on one, and what cannot be shown is no link."""

        def lead(match):
            picture, words, target = match.groups()
            if "://" in target or target[0] == "#":
                return match.group()
            place = posixpath.normpath(posixpath.join(posixpath.dirname(name), target.partition("#")[0]))
            if not (place in self.known or os.path.exists(ROOT / place)):
                return match.group()  # no link, or a broken one, of which Sphinx complains
            new = self.place(place, picture, words)
            if new is None:
                return words
            return f"{picture}[{words}]({target if new == place else posixpath.relpath(new, posixpath.dirname(name))})"

        return LINK.sub(lead, text)

    def place(self, place, picture, words):
        """The page, perhaps with a place on it, that shows a path of the repository; None if there is none."""
        room = place.removeprefix("draw_np/")
        if place in self.known:
            return place
        if place == ANSWERS:
            return None
        if f"{place}/README.md" in self.known:
            return f"{place}/README.md"
        if place.startswith("draw_np/") and room in reference.ROOMS:
            return f"api/{room}.md"
        if picture:
            self.pictures.add(place)
            return place
        if os.path.isdir(ROOT / place):
            place += "/__init__.py"
        if not os.path.isfile(ROOT / place):
            return None
        if place.endswith((".ipynb", *PICTURES)):
            return None
        self.sources.add(place)
        name = words.strip("`")
        defined = (
            [each.name for each in reference.definitions((ROOT / place).read_text("utf-8"))]
            if place.endswith(".py")
            else []
        )
        return reference.code_name(place) + (f"#{name.lower()}" if name in defined else "")

    def front(self):
        """The first page: the draw-a-digit page, and the contents of all."""
        text = (ROOT / "site/front.md").read_text("utf-8")
        lessons = [GUIDE, *self.lessons, *(name for name in self.texts if name == "lessons/glossary.md"), TEACHERS]
        figures = [FIGURES, *(name for name in self.texts if name.startswith("figures/") and name != FIGURES), RECORD]
        docs = [equation_map.PAGE, *(f"api/{room}.md" for room in reference.ROOMS)]
        docs += [name for name in self.texts if name.startswith("docs/") and name != equation_map.PAGE]
        parts = {"The course": lessons, "Exercises": self.exercises, "Figures and weights": figures, "Reference": docs}
        listed = {name for names in parts.values() for name in names}
        parts["The project"] = [name for name in self.texts if name not in listed]
        for caption, names in parts.items():
            text += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```\n"
        return text
