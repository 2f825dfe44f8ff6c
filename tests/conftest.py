"""A browser, for the tests that need one."""

import shutil
from pathlib import Path

import pytest

BROWSERS = "chromium", "chromium-browser", "google-chrome"


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
