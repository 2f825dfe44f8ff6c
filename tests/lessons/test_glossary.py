"""lessons/glossary.md is the lessons': a term first stands where it says, and what they define it has."""

import re

import pytest

from lessons import build

GLOSSARY = (build.LESSONS / "glossary.md").read_text("utf-8")
ROWS = re.findall(r"^\| (.+?) \| \[(\d\d)\]\((.+?)\.ipynb\) \| (.+) \|$", GLOSSARY, re.MULTILINE)
TERMS = [(term, lesson) for terms, lesson, _, _ in ROWS for term in terms.split(", ")]
EVERYDAY = {
    "class",
    "floor",
    "light",
    "program",
    "value",
    "window",
}  # others say them, too: here it counts where they are bold
IN_PASSING = {"importance sampling", "kernel", "median", "posterior"}  # explained without being in bold
EMPHASIS = {
    "backwards", "both", "by hand", "can", "content", "content and place", "everywhere at once", "Fig. 7", "In writing",
    "learn", "patches as tokens", "through the windows", "with attention", "without attention",
}  # fmt: skip


def text_of(source):
    """What a lesson tells: without code, headings, the first cell and the list of exercises."""
    _, *cells = [cell.source for cell in build.read_source(source).cells if cell.cell_type == "markdown"]
    text = re.sub(r"`[^`\n]+`", "", "\n".join(cells).split("## On your own")[0])
    return " ".join(re.sub("^#.*", "", text, flags=re.MULTILINE).split())


TEXTS = {source.name[:2]: text_of(source) for source in build.sources()}


def first_use(term, text, bold=False):
    """The first place in a text that has the term, also in the plural; or that has it in bold."""
    stars = r"\*\*" if bold else r"(?:\*\*)?"
    return re.search(rf"{stars}(?:the )?(?<![\w.\[-]){re.escape(term)}(?:s|es)?(?!\w){stars}", text, re.IGNORECASE)


def explained_in(term, texts):
    """The lesson in which a term first stands; AssertionError if it is in bold there, but not at first."""
    bold_only = term in EVERYDAY
    lesson = next((number for number, text in texts.items() if first_use(term, text, bold_only)), None)
    bold = lesson and first_use(term, texts[lesson], bold=True)
    if bold and not bold_only:
        assert first_use(term, texts[lesson]).group().startswith("**"), f"{lesson} says {term} before it explains it"
    return lesson


def bold_terms(text):
    """What a text has in bold that is no sentence: three words at most."""
    found = [" ".join(words.split()) for words in re.findall(r"\*\*([^*]+)\*\*", text)]
    return [words for words in found if len(words.split()) <= 3 and words[-1] not in ".?!"]


def test_every_row_is_read_and_they_are_in_order():
    assert len(ROWS) == GLOSSARY.count("\n| ") - 1 > 50  # all but the head
    order = [terms.casefold() for terms, *_ in ROWS]
    assert order == sorted(set(order))
    assert [link for _, _, link, _ in ROWS if not (build.LESSONS / f"{link}.py").exists()] == []
    assert all(link.startswith(lesson) for _, lesson, link, _ in ROWS)


@pytest.mark.parametrize("term, lesson", TERMS, ids=[term.replace(" ", "_") for term, _ in TERMS])
def test_a_term_first_stands_in_the_lesson_that_the_glossary_names(term, lesson):
    assert explained_in(term, TEXTS) == lesson


@pytest.mark.parametrize("term, lesson", TERMS, ids=[term.replace(" ", "_") for term, _ in TERMS])
def test_a_term_is_in_bold_where_it_first_stands(term, lesson):
    assert term in IN_PASSING or first_use(term, TEXTS[lesson], term in EVERYDAY).group().startswith("**")


@pytest.mark.parametrize("lesson", TEXTS)
def test_what_a_lesson_defines_is_in_the_glossary(lesson):
    known = {(term + ending).casefold() for term, _ in TERMS for ending in ("", "s", "es")}
    defined = [words for words in bold_terms(TEXTS[lesson]) if words not in EMPHASIS]
    assert [words for words in defined if words.casefold().removeprefix("the ") not in known] == []


def test_what_is_only_stressed_is_there_still():
    assert EMPHASIS <= {words for text in TEXTS.values() for words in bold_terms(text)}


def test_readers_find_it_and_the_guide_has_no_other():
    guide = (build.LESSONS / "README.md").read_text("utf-8")
    assert "](glossary.md)" in guide.split("## For teachers")[0]
    assert not re.search(r"^\| (word|term) \|", guide, re.MULTILINE)


def test_the_rule_notices():
    texts = {"01": "We say a nat. Then a **gate** and gates.", "02": "A gate. A **nat** and a **class**."}
    assert explained_in("nat", texts) == "01" and explained_in("gate", texts) == "01"
    assert explained_in("class", {"01": "A class.", **texts}) == "02"
    assert explained_in("at", texts) is None
    with pytest.raises(AssertionError, match="01 says nat before it explains it"):
        explained_in("nat", {"01": "A nat is a **nat**."})
    assert bold_terms("**a nat** and **All of it ends.** or **one two three four**") == ["a nat"]
