"""A data folder of its own for every test, and a server on this machine to download from."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from draw_np import datasets

REAL_ROOT = datasets.data_root()


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """Return an empty data folder: no test writes into the real one."""
    monkeypatch.setenv("DRAW_NP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "data"


@pytest.fixture
def real_root():
    """Return the real data folder, only to read from."""
    return REAL_ROOT


@pytest.fixture
def server():
    """Return a running server: set its `files` and its faults, see what it was `asked`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.files, server.asked = {}, []
    server.knows_ranges, server.tells_length, server.breaks_after, server.goes_on = True, True, None, b""
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append((self.path, wanted))
        data = server.files.get(self.path.lstrip("/"))
        if data is None:
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.knows_ranges else 0
        self.send_response(200 if not start else 206 if start < len(data) else 416)
        if start >= len(data):
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if server.tells_length:
            told = len(data) - start if server.tells_length is True else server.tells_length
            self.send_header("Content-Length", str(told))
        self.end_headers()
        self.wfile.write(data[start:][: server.breaks_after])  # then the connection closes
        with contextlib.suppress(OSError):  # which the client may do first
            while server.goes_on:
                self.wfile.write(server.goes_on)

    def log_message(self, *_):
        pass
