"""Long tests first; a browser, for the tests that need one; and Ctrl-C as in a terminal for a run in the background.

Shells have what they start in the background ignore it, and so would the programs that the tests start.
"""

import shutil
import signal
from pathlib import Path

import hypothesis
import pytest

HERE = Path(__file__).parent
BROWSERS = "chromium", "chromium-browser", "google-chrome"

hypothesis.settings.register_profile("any machine", deadline=None)  # a busy one may be slow now and then
hypothesis.settings.load_profile("any machine")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Where tests run side by side, long ones come first, each by itself; the rest of a file shares what it sets up."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if not item.get_closest_marker("long"):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(HERE).as_posix()))


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium, of Playwright's kind."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e .[browser]")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with api.sync_playwright() as playwright:
        if not found and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium: install it, or run python -m playwright install chromium")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
