"""The rectangle that stands for an attention window, in every picture and on the draw-a-digit page."""

from typing import NamedTuple

import numpy as np


class Rectangle(NamedTuple):
    """A rectangle on an image and the width of its border, in pixels, the first one's centre being (0, 0)."""

    left: float
    top: float
    width: float
    height: float
    line_width: float


def window_rectangle(g_X, g_Y, delta, sigma_squared, N):
    """The Rectangle that stands for an attention window of N x N filters: the rule for all our pictures.

    The paper draws rectangles without defining them; their border is to show "the focal precision" (Fig 1),
    the "precision (sigma)" (Fig 3) or "the variance of the filters" (Fig 5). Here:

    - the sides run from the first filter's mean to the last one's and half a stride beyond at either end:
      each filter has a square of side delta to itself, and together they tile one of side N delta. A single
      filter has no stride; 2 sigma stand in for it;
    - the border is sigma / 3 wide, but at most a tenth of the side, to leave the image in view, and on the
      screen never thinner than a hair: the wider the border, the more blurred the patch.

    Parameters: the window's centre, stride and variance in pixels; `N` filters a side. The centre is counted
    from 1, as in Eq. (22) and Eq. (23): the pixel that the paper calls a has its centre at x = a - 1.
    """
    sigma = np.sqrt(sigma_squared)
    side = N * delta if N > 1 else 2 * sigma
    return Rectangle(g_X - 1 - side / 2, g_Y - 1 - side / 2, side, side, np.minimum(sigma / 3, side / 10))


def margin(height, width):
    """How many pixels beyond an image's edges a window is drawn: a tenth of the longer side, rounded up."""
    return -(-max(height, width) // 10)


def clip_rectangle(rectangle, height, width):
    """Move sides beyond the image's margin to its rim; a Rectangle wholly outside becomes a line there.

    The border stays at most a tenth of the shorter side: a window much larger than the image is not to hide it.
    """
    left, top, across, down, line_width = rectangle
    reach = margin(height, width) + 0.5  # half a pixel from a centre to its edge
    left, right = np.clip([left, left + across], -reach, width - 1 + reach)
    top, bottom = np.clip([top, top + down], -reach, height - 1 + reach)
    across, down = right - left, bottom - top
    return Rectangle(left, top, across, down, np.minimum(line_width, np.minimum(across, down) / 10))
