"""lessons/answers.md has an answer to every question that the course leaves open, and to no other."""

import re

import pytest

from lessons import build

ANSWERS = (build.LESSONS / "answers.md").read_text("utf-8")
each_lesson = pytest.mark.parametrize("source", build.sources(), ids=lambda path: path.stem)


def questions(text):
    """The questions of a text, each in one line; without headings, hints and numbered lists."""
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    for paragraph in re.sub("^#.*", "", text, flags=re.MULTILINE).split("\n\n"):
        line = " ".join(paragraph.split()).replace("**", "")
        if not re.match(r"\d\. ", line):
            sentences = re.split(r"(?<=[.?!])[)*]*\s+(?=[(*]*[A-Z$])", line)
            yield from (sentence.strip("()* ") for sentence in sentences if sentence.rstrip(")* ").endswith("?"))


def texts(source):
    return [cell.source for cell in build.read_source(source).cells if cell.cell_type == "markdown"]


def open_questions(source):
    """What "On your own" and the exercises of a lesson ask."""
    own = "\n\n".join(texts(source)).split("## On your own")[1].split("## Further reading")[0]
    _, *exercises = texts(build.LESSONS / "solutions" / source.name)  # the first says how to go on
    return [*questions(own), *questions("\n\n".join(exercises))]


def answered(text, title):
    """{question: answer} of a lesson's part of a text, of which every item begins with a question in bold."""
    part = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    items = re.split(r"^- ", part[1], flags=re.MULTILINE)[1:] if part else []
    return dict(re.fullmatch(r"\*\*(.+?\?)\*\* (.+)", " ".join(item.split())).groups() for item in items)


@each_lesson
def test_every_open_question_has_an_answer(source):
    title = re.match("# (.+)", texts(source)[0])[1]
    found = answered(ANSWERS, title)
    assert sorted(found) == sorted(open_questions(source))
    assert all(len(answer.split()) >= 3 for answer in found.values())


@each_lesson
def test_no_part_of_a_lesson_ends_with_a_question(source):
    lesson = "\n".join(texts(source)).split("## On your own")[0]
    _, *parts = re.split(r"^## \d+\. ", lesson, flags=re.MULTILINE)
    assert parts and [part for part in parts if part.rstrip(" )*\n").endswith("?")] == []


def test_parts_belong_to_lessons_and_some_are_there():
    titles = [re.match("# (.+)", texts(source)[0])[1] for source in build.sources()]
    named = re.findall("^## (.+)", ANSWERS, re.MULTILINE)
    assert len(named) >= 8 and named == [title for title in titles if title in named]


def test_teachers_find_it_and_students_do_not():
    students, teachers = (build.LESSONS / "README.md").read_text("utf-8").split("## For teachers")
    assert "](answers.md)" in teachers and "answers.md" not in students


def test_questions_are_found():
    text = "# Why?\n\nDo it. (Which way,\nin Eq. 3-8?) So: what\nis $x$? **Or not?** End.\n\n1. No?\n\n"
    text += "<details>Hint?</details>"
    assert list(questions(text)) == ["Which way, in Eq. 3-8?", "So: what is $x$?", "Or not?"]
    assert answered("## 1 A\n- **Why\nso?** Because\n  of it.\n## 2 B\n", "1 A") == {"Why so?": "Because of it."}
    assert answered("", "1 A") == {}
