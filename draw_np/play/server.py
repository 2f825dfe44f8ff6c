"""The page on one's own machine: a small server that answers this page and nothing else.

It listens on 127.0.0.1. A GET brings one of the page's files, by name; a POST to /draw is a request to the network, as
`engine.answer` takes it. Other web pages, which a browser lets send requests to this machine, are kept out three times:
by the Host that the browser was led to, by the Origin of the page that asks, and by a token that only the address
printed in the terminal has.
"""

import hmac
import json
import os
import secrets
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import engine, page

HOST = "127.0.0.1"
PORT = 8015
SECONDS = 20  # that a connection may take to say what it wants
ENGINE = {"kind": "server", "address": "draw"}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Serves the page for one Network; `address` is what to open. Port 0 is any that is free.

    Raises OSError where the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere two servers could share a port

    def __init__(self, name, network, port=PORT):
        self.network, self.token, self.one_at_a_time = network, secrets.token_urlsafe(24), threading.Lock()
        about = page.about(name, network.config, ENGINE)
        self.files = {f"/{file}": content for file, content in page.files().items()}
        self.files["/about.json"] = (page.TYPES[".json"], json.dumps(about).encode())
        self.files["/"] = self.files["/index.html"]
        super().__init__((HOST, port), Handler)
        port = self.server_address[1]
        self.hosts = [f"{HOST}:{port}", f"localhost:{port}"]
        self.address = f"http://{HOST}:{port}/#{self.token}"  # what follows # stays in the browser

    def handle_error(self, request, client_address):
        """A browser that closes a connection, or a connection that is silent, is no error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request: HTTP/1.0 closes the connection after it. Whatever is refused gets one line that says why."""

    timeout = SECONDS
    server_version, sys_version = "draw_np", ""

    def do_GET(self):
        if not self.is_from_here():
            return
        path = self.path.partition("?")[0]
        if path not in self.server.files:
            return self.refuse(HTTPStatus.NOT_FOUND, "there is no such file: the page is at /")
        self.reply(HTTPStatus.OK, *self.server.files[path])

    do_HEAD = do_GET

    def do_POST(self):
        body = self.request_body()
        if body is None:
            return
        try:
            with self.server.one_at_a_time:
                answer = engine.answer(self.server.network, body)
        except ValueError as error:
            return self.refuse(HTTPStatus.BAD_REQUEST, str(error))
        except MemoryError:
            return self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "not enough memory: end other programs")
        self.reply(HTTPStatus.OK, "application/octet-stream", answer)

    def is_from_here(self):
        """Whether the browser was led here by this server's own address; else the request is refused."""
        if self.headers.get_all("Host") in [[host] for host in self.server.hosts]:
            return True
        self.refuse(HTTPStatus.FORBIDDEN, f"this server is at http://{self.server.hosts[0]}/ only")
        return False

    def request_body(self):
        """The body of a request that this page sends; None once any other has been refused, before it is read."""
        if not self.is_from_here():
            return None
        origins = [f"http://{host}" for host in self.server.hosts]
        token = (self.headers.get("X-Token") or "").encode()
        length = self.headers.get("Content-Length") or ""
        most = engine.largest_request(self.server.network.config)
        if self.headers.get("Origin") not in origins:
            self.refuse(HTTPStatus.FORBIDDEN, "only the page that this server sends may ask")
        elif not hmac.compare_digest(token, self.server.token.encode()):
            self.refuse(HTTPStatus.FORBIDDEN, "the token is another: open the address that the terminal shows")
        elif self.path != "/draw":
            self.refuse(HTTPStatus.NOT_FOUND, "requests go to /draw")
        elif not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self.refuse(HTTPStatus.LENGTH_REQUIRED, "a request says how many bytes it has")
        elif len(length) > 9 or int(length) > most:
            self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {most} bytes")
        else:
            return self.rfile.read(int(length))
        return None

    def refuse(self, status, line):
        """Say why in one line."""
        self.reply(status, "text/plain; charset=utf-8", f"{line}\n".encode())

    def send_error(self, code, message=None, explain=None):
        """What the base class refuses: methods that it does not know, lines that are none."""
        self.refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def reply(self, status, kind, content):
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": len(content)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        """The terminal is left alone."""
