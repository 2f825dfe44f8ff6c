"""Whole numbers where a count is meant: Python's, NumPy's and others', and nothing that only looks like one."""

import numpy as np
import pytest
from autograd import numpy as traced

from draw_np.counts import check_count, in_python, whole

KINDS = [np.dtype(code).type for code in "bBhHiIlLqQ"]
NONE = {
    "half": 1.5, "whole float": 2.0, "NumPy's float": np.float64(2), "nan": np.nan, "true": True,
    "NumPy's true": np.True_,
    "an array that is true": np.array(True), "text": "3", "bytes": b"3", "None": None, "list": [3],
    "array": np.array([3]),
    "floats": np.array(2.0), "type": int, "complex": 2 + 0j, "date": np.datetime64("2015-02-16"),
}  # fmt: skip


class Counter:
    def __index__(self):
        return 3

    def __repr__(self):
        return "Counter()"


@pytest.mark.parametrize("value", [3, np.array(3), np.array(3, ">i8"), traced.int64(3), Counter()], ids=repr)
def test_a_whole_number_of_any_kind_is_python_s(value):
    assert whole(value) == check_count("n", value) == 3 and type(whole(value)) is type(check_count("n", value)) is int


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_numbers_of_numpy_reach_to_their_ends(kind):
    for value in (np.iinfo(kind).max, np.iinfo(kind).min):
        assert whole(kind(value)) == value and type(whole(kind(value))) is int
    assert check_count("n", kind(np.iinfo(kind).max)) + 1 > np.iinfo(kind).max


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_whole_number_is_refused_in_a_line(name):
    assert whole(NONE[name]) is None
    with pytest.raises(ValueError, match="^n must be a whole number of at least 1, got [^\n]+$"):
        check_count("n", NONE[name])


def test_bounds_are_said():
    assert check_count("seed", 0, 0) == 0 and check_count("n", 7, 7, 7) == 7
    with pytest.raises(ValueError, match="^seed must be a whole number of at least 0, got -1$"):
        check_count("seed", -1, 0)
    for value in (6, 10**9, 10**400):
        with pytest.raises(ValueError, match="^n must be a whole number from 7 to 1,000, got .{1,99}$"):
            check_count("n", value, 7, 1000)
        assert whole(value, 7, 1000) is None and whole(value) == value
    assert whole(-2, -2) == whole(-2, most=-2) == -2 and whole(-2, -1) is whole(-2, most=-3) is None


def test_numbers_of_numpy_become_python_s_and_all_else_stays():
    found = in_python({"a": np.float32(0.5), "b": {"c": np.array(7)}, "d": np.True_})
    assert found == {"a": 0.5, "b": {"c": 7}, "d": True}
    assert [type(value) for value in (found["a"], found["b"]["c"], found["d"])] == [float, int, bool]
    for value in (np.ones(3), "x", None, (np.int64(1),), print):
        assert in_python(value) is value
