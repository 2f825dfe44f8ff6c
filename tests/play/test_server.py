"""The server answers its own page and refuses all else, in one line, and goes on."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import webbrowser

import numpy as np
import pytest

from draw_np import cli
from draw_np.play import engine, page, server

SECONDS = 120  # for what is waited for, on a busy machine


@pytest.fixture(scope="module")
def running():
    """A server of a small network, in a thread."""
    from draw_np.models import draw

    config = draw.Config(height=8, width=7, steps=3, hidden=6, latent=5, read_size=4, write_size=9)
    network = engine.Network(draw.init_params(config, np.random.default_rng(0)), config)
    with server.Server("small", network, port=0) as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.05])
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def ask(running):
    """Send one request, by default one of the page's: (status, headers, body). None removes a header."""

    def ask(method="POST", path="/draw", body=bytes(4), **headers):
        port = running.server_address[1]
        usual = {
            "Host": f"127.0.0.1:{port}",
            "Origin": f"http://127.0.0.1:{port}",
            "X-Token": running.token,
            "Content-Length": str(len(body)),
        }
        sent = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            for each in value if isinstance(value, list) else [value]:
                if each is not None:
                    connection.putheader(name, each.format(port=port))
        connection.endheaders(body)
        reply = connection.getresponse()
        answer = reply.status, reply.headers, reply.read()
        connection.close()
        return answer

    return ask


def test_an_answer_is_the_engine_s(ask, running):
    image = np.random.default_rng(2).random(56, np.float32)
    for body in (b"seed", b"seed" + image.tobytes()):
        status, headers, found = ask(body=body)
        assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
        assert found == engine.answer(running.network, body)


def test_the_page_s_files(ask):
    """All that the page names is there, under the policy that it may ask nobody else; HEAD brings no body."""
    status, headers, index = ask("GET", "/")
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"
    assert headers["Access-Control-Allow-Origin"] is None
    names = re.findall(r'(?:href|src)="([^"]+)"', index.decode())
    assert {"style.css", "main.js", "icon.svg"} <= set(names)
    for name in [*names, *page.files(), "about.json", "index.html?anything"]:
        status, headers, content = ask("GET", f"/{name}")
        assert status == 200 and content, name
    assert ask("HEAD", "/")[::2] == (200, b"")
    about = json.loads(ask("GET", "/about.json")[2])
    assert (about["height"], about["width"], about["steps"], about["attention"]) == (8, 7, 3, True)
    assert about["engine"] == {"kind": "server", "address": "draw"}


def test_localhost_is_this_machine_too(ask):
    assert ask(Host="localhost:{port}", Origin="http://localhost:{port}")[0] == 200


REFUSED = {
    "another host, as when a name leads here": (403, "is at http://127", {"Host": "evil.example"}),
    "the host without the port": (403, "is at http://127", {"Host": "127.0.0.1"}),
    "the host with another port": (403, "is at http://127", {"Host": "127.0.0.1:1"}),
    "no host": (403, "is at http://127", {"Host": None}),
    "two hosts": (403, "is at http://127", {"Host": ["127.0.0.1:{port}", "evil.example"]}),
    "another host for a file": (403, "is at http://127", {"method": "GET", "path": "/", "Host": "evil.example"}),
    "another page": (403, "only the page", {"Origin": "http://evil.example"}),
    "a page of this machine, another port": (403, "only the page", {"Origin": "http://127.0.0.1:1"}),
    "the same by https": (403, "only the page", {"Origin": "https://127.0.0.1:{port}"}),
    "a page without a place": (403, "only the page", {"Origin": "null"}),
    "no page": (403, "only the page", {"Origin": None}),
    "another token": (403, "token is another", {"X_Token": "x" * 32}),
    "half of a token": (403, "token is another", {"X_Token": "x"}),
    "a token that is no ASCII": (403, "token is another", {"X_Token": "\xe9"}),
    "no token": (403, "token is another", {"X_Token": None}),
    "another path": (404, "go to /draw", {"path": "/"}),
    "a path and more": (404, "go to /draw", {"path": "/draw?x"}),
    "another file": (404, "no such file", {"method": "GET", "path": "/server.py"}),
    "a file above": (404, "no such file", {"method": "GET", "path": "/../engine.py"}),
    "a file above, hidden": (404, "no such file", {"method": "GET", "path": "/%2e%2e/engine.py"}),
    "a file of the system": (404, "no such file", {"method": "GET", "path": "//etc/passwd"}),
    "a whole address": (404, "no such file", {"method": "GET", "path": "http://evil.example/"}),
    "a request by GET": (404, "no such file", {"method": "GET", "path": "/draw"}),
    "one byte too many": (413, "at most 228 bytes", {"body": bytes(229)}),
    "far too many": (413, "at most 228 bytes", {"Content_Length": "9" * 4000}),
    "one byte too few": (400, "4 bytes, or 228", {"body": bytes(227)}),
    "nothing": (400, "4 bytes, or 228", {"body": b""}),
    "no length": (411, "how many bytes", {"Content_Length": None}),
    "less than nothing": (411, "how many bytes", {"Content_Length": "-1"}),
    "a length that is none": (411, "how many bytes", {"Content_Length": "four"}),
    "a length in other digits": (411, "how many bytes", {"Content_Length": "\xb2"}),
    "pieces": (411, "how many bytes", {"Transfer_Encoding": "chunked"}),
    "what is no grey level": (400, "must lie in [0, 1]", {"body": bytes(4) + b"\xff" * 224}),
    "another method": (501, "Unsupported method", {"method": "PUT"}),
    "what a browser asks before another page's request": (501, "Unsupported method", {"method": "OPTIONS"}),
    "a method that is none": (501, "Unsupported method", {"method": "NONSENSE"}),
}


@pytest.mark.parametrize("status, words, request_", REFUSED.values(), ids=REFUSED)
def test_refusals(status, words, request_, ask):
    """Each in one line; afterwards the page is answered as before."""
    found, headers, body = ask(**request_)
    line = body.decode()
    assert found == status and words in line and line.endswith("\n") and line.count("\n") == 1
    assert "Access-Control-Allow-Origin" not in headers
    assert ask()[0] == 200


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n" + b"A" * 70_000, b"\r\n\r\n"])
def test_what_is_no_request(sent, ask, running, capfd):
    with socket.create_connection(running.server_address, SECONDS) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    assert ask()[0] == 200 and capfd.readouterr() == ("", "")


def test_a_body_that_ends_too_early(ask, running, capfd):
    host, token = running.hosts[0], running.token
    lines = "POST /draw HTTP/1.1", f"Host: {host}", f"Origin: http://{host}", f"X-Token: {token}", "Content-Length: 228"
    with socket.create_connection(running.server_address, SECONDS) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + bytes(100))
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096).startswith(b"HTTP/1.0 400")
    assert ask()[0] == 200 and capfd.readouterr() == ("", "")


def test_whoever_is_slow_is_not_waited_for(ask, running, monkeypatch, capfd):
    """A connection that says nothing is closed, and meanwhile others are answered."""
    monkeypatch.setattr(server.Handler, "timeout", 1)
    with socket.create_connection(running.server_address, SECONDS) as silent:
        assert ask()[0] == 200
        assert silent.recv(1) == b""
    assert capfd.readouterr() == ("", "")


def test_it_listens_on_this_machine_alone_and_every_token_is_new(running):
    assert running.server_address[0] == "127.0.0.1"
    with server.Server("small", running.network, port=0) as other:
        assert other.token != running.token and len(other.token) >= 32
        assert other.address == f"http://127.0.0.1:{other.server_address[1]}/#{other.token}"


# The command.


def test_a_port_that_is_taken(running, capsys):
    port = running.server_address[1]
    assert cli.main(["play", "--port", str(port), "--no-browser"]) == 1
    out, line = capsys.readouterr()
    assert out == "" and line.count("\n") == 1
    assert f"port {port} cannot be used (Address already in use): try --port 0, which takes any" in line


@pytest.mark.parametrize(
    "options, words",
    [
        ("--port 65536", "from 0 to 65535"),
        (f"--port {5000 * '9'}", "from 0 to 65535"),
        ("--port -1", "from 0 to 65535"),
        ("--weights vae", "vae is no DRAW"),
        ("--weights nothing", "no weights and no file of the name 'nothing'"),
        ("--out x", "--out and --pyodide belong together"),
        ("--pyodide x", "--out and --pyodide belong together"),
    ],
)
def test_mistakes(options, words, capsys):
    try:
        status = cli.main(["play", "--no-browser", *options.split()])
    except SystemExit as end:
        status = end.code
    out, line = capsys.readouterr()
    assert status and out == "" and line.count("\n") == 1 and words in line


def opened(monkeypatch, opens, **variables):
    """The addresses that `play` has a browser open, which `opens` or raises; the server then ends as by Ctrl-C."""
    found = []

    def browser(address):
        found.append(address)
        if isinstance(opens, Exception):
            raise opens
        return opens

    monkeypatch.setattr(webbrowser, "open", browser)
    monkeypatch.setattr(server.Server, "serve_forever", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["play", "--port", "0"]) == 130
    return found


def test_a_browser_is_opened(monkeypatch, capsys):
    (address,) = opened(monkeypatch, True, DISPLAY=":0")
    out, complaint = capsys.readouterr()
    assert out == f"The draw-a-digit page is at {address}\nCtrl-C stops it.\n" and complaint == "stopped\n"


def test_a_browser_that_cannot_be_started(monkeypatch, capsys):
    assert len(opened(monkeypatch, webbrowser.Error("could not locate runnable browser"), DISPLAY=":0")) == 1
    assert capsys.readouterr().out.endswith("Open this address in a browser on this machine. Ctrl-C stops it.\n")


@pytest.mark.parametrize("variables", [{}, {"WAYLAND_DISPLAY": "wayland-0"}], ids=["no screen", "no browser"])
def test_no_browser_opens(monkeypatch, capsys, variables):
    """Without a screen none is asked for: one for the terminal might come up."""
    assert len(opened(monkeypatch, False, **variables)) == len(variables)
    assert capsys.readouterr().out.endswith("Open this address in a browser on this machine. Ctrl-C stops it.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_it(number):
    command = [sys.executable, "-m", "draw_np", "play", "--no-browser", "--port", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://(127\.0\.0\.1:\d+)/#\S{32}\n", child.stdout.readline())
        connection = http.client.HTTPConnection(address[1], timeout=SECONDS)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        child.send_signal(number)
        assert child.communicate(timeout=SECONDS)[1] == "stopped\n" and child.returncode == 130
    finally:
        child.kill()
