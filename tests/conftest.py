"""Long tests first; a browser, for the tests that need one; and Ctrl-C as in a terminal for a run in the background.

Shells have what they start in the background ignore it, and so would the programs that the tests start.
"""

import shutil
import signal
from pathlib import Path

import pytest

BROWSERS = "chromium", "chromium-browser", "google-chrome"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


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
