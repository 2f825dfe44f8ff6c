"""A name that is nearly right gets the right one, any other none."""

import numpy as np
import pytest

from draw_np.names import did_you_mean, one_line, shown

KNOWN = ("mnist", "binarized-mnist", "two-digit-mnist")


@pytest.mark.parametrize(
    "name, near",
    [
        ("mnits", "mnist"),
        ("Mnist", "mnist"),
        ("MNIST", "mnist"),
        ("two-digits", "two-digit-mnist"),
        ("binarised", KNOWN[1]),
    ],
)
def test_the_nearest_name(name, near):
    assert did_you_mean(name, KNOWN) == f" (did you mean {near!r}?)"


@pytest.mark.parametrize("name", ["", "?", "cifar10", None, 3, [], b"\xff"])
def test_none_is_near(name):
    assert did_you_mean(name, KNOWN) == ""
    assert did_you_mean(name, ()) == ""


VALUES = [
    "x" * 10**6,
    "a\nb\x1b[31m",
    10**4000,
    [["x" * 99] * 99] * 99,
    {"a\n": {1: {2: 3}}},
    None,
    np.zeros((3, 3)),
    np.zeros(10**6),
]
LINES = [("", ""), (" a b \n c", "a b"), ("\x1b[1mé\t.", "\\x1b[1mé\\t."), ("x" * 301, "x" * 297 + "...")]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_a_file_says_is_shown_in_a_short_line(value):
    assert shown(value).isprintable() and len(shown(value)) <= 200


def test_what_is_short_is_shown_as_it_is():
    assert [shown(each) for each in ("mnist", 3, (2, 3), "a'b")] == ["'mnist'", "3", "(2, 3)", '"a\'b"']


@pytest.mark.parametrize("text, line", LINES, ids=range(len(LINES)))
def test_one_line_of_a_message(text, line):
    assert one_line(text) == line
