"""A name that is nearly right gets the right one, any other none."""

import pytest

from draw_np.names import did_you_mean

KNOWN = ("mnist", "binarized-mnist", "two-digit-mnist")


@pytest.mark.parametrize(
    "name, near", [("mnits", "mnist"), ("Mnist", "mnist"), ("two-digits", "two-digit-mnist"), ("binarised", KNOWN[1])]
)
def test_the_nearest_name(name, near):
    assert did_you_mean(name, KNOWN) == f" (did you mean {near!r}?)"


@pytest.mark.parametrize("name", ["", "?", "cifar10", None, 3, [], b"\xff"])
def test_none_is_near(name):
    assert did_you_mean(name, KNOWN) == ""
    assert did_you_mean(name, ()) == ""
