"""The web pages as `make site` has made them, sent by a static server, and a browser that notes what it asks for."""

import functools
import http.server
import json
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SITE = Path(__file__).parents[2] / "build/site"
SECONDS = 300  # for each thing that is waited for, on a busy machine


class Files(http.server.SimpleHTTPRequestHandler):
    """Any static server."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    """The folder with the pages."""
    if not (SITE / "lite/index.html").exists():
        pytest.skip("no pages: run make site first")
    return SITE


@pytest.fixture(scope="module")
def address(site):
    """Where they are, without a slash at the end."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=site)) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def hosts(site, address):
    """The hosts that the pages may ask: their own and, where they were made so, the one that has Pyodide's packages."""
    lock = json.loads((site / "pyodide/pyodide-lock.json").read_bytes())
    packages = urlsplit(lock["packages"]["numpy"]["file_name"]).netloc
    return {urlsplit(address).netloc} | ({packages} if packages else set())


@pytest.fixture
def open_page(chromium, address, hosts):
    """A function that opens a page in a window so many pixels wide; afterwards no host was asked that may not be, no
    file was missing and no script failed.
    """
    faults, contexts = [], []

    def answered(response):
        if response.status >= 400:
            faults.append(f"{response.status} {response.url}")

    def asked(request):
        if request.url.startswith("http") and urlsplit(request.url).netloc not in hosts:
            faults.append(f"another host: {request.url}")

    def open_page(path, width, height=900, **options):
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, **options))
        contexts[-1].set_default_timeout(1000 * SECONDS)
        contexts[-1].on("response", answered)
        contexts[-1].on("request", asked)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: faults.append(f"{path}: {error}"))
        page.goto(f"{address}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
