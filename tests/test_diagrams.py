"""Diagrams: whatever they name can be read, and DRAW's has every equation of a step."""

import re

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyBboxPatch

from draw_np import diagrams

each_diagram = pytest.mark.parametrize("figure", [diagrams.lstm, diagrams.draw_loop], ids=lambda made: made.__name__)


@each_diagram
def test_no_text_leaves_the_picture_or_lies_on_another(figure):
    axes = figure().axes[0]
    renderer = FigureCanvasAgg(axes.figure).get_renderer()
    extents = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    for k, extent in enumerate(extents):
        assert axes.figure.bbox.x0 <= extent.x0 and extent.x1 <= axes.figure.bbox.x1, axes.texts[k].get_text()
        assert extent.count_overlaps(extents[k + 1 :]) == 0, axes.texts[k].get_text()


@each_diagram
def test_boxes_are_apart_and_hold_their_text(figure):
    axes = figure().axes[0]
    renderer = FigureCanvasAgg(axes.figure).get_renderer()
    boxes = [patch.get_window_extent(renderer) for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) >= 5
    for k, extent in enumerate(boxes):
        assert extent.count_overlaps(boxes[k + 1 :]) == 0
        texts = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
        inside = [text for text in texts if extent.overlaps(text)]
        assert len(inside) == 1 and extent.x0 < inside[0].x0 and inside[0].x1 < extent.x1


def test_the_loop_names_the_equations_of_a_step():
    text = " ".join(text.get_text() for text in diagrams.draw_loop().axes[0].texts)
    named = re.findall(r"\d+", " ".join(re.findall(r"Eq\. [\d, ]+", text)))
    assert sorted(map(int, named)) == [1, 2, 3, 4, 5, 6, 7, 8, 13, 18]
