"""How Sphinx makes the web pages out of what `pages.py` has put together; `make.py` runs both."""

from pathlib import Path

import draw_np

project, author = "draw_np", "The draw_np authors"
release = version = draw_np.__version__
project_copyright = f"2026, {author}"
extensions = ["myst_nb"]

nb_execution_mode = "off"  # what a notebook shows is what is committed
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a piece of a docstring may begin at any level
mathjax_path = "mathjax/tex-chtml-full.js"
mathjax3_config = {"options": {"enableMenu": False}}  # whose entries would load what is not here
pygments_style, highlight_language = "default", "none"
add_module_names = False

html_theme = "sphinx_book_theme"
html_title, html_short_title = "DRAW in NumPy", "DRAW in NumPy"
html_favicon = "../draw_np/play/page/icon.svg"
html_static_path = ["static", "../docs/play.png", "../build/site-work/static"]
html_css_files, html_js_files = ["site.css"], [("site.js", {"defer": "defer"})]
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_context = {"default_mode": "auto"}
html_copy_source = html_show_sourcelink = False
html_sidebars = {"**": ["navbar-logo.html", "icon-links.html", "search-button-field.html", "sbt-sidebar-nav.html"]}
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
