"""`play`: the draw-a-digit page, on this machine alone."""

import os
import sys
import webbrowser

from ..models import draw
from ..play import engine, server, static
from .common import UsageError, add_weights, folder, port, say

HELP = "draw a digit in the browser, and watch the network draw it again"


def add_options(command):
    add_weights(command, lambda model: model is draw, default="mnist")
    command.add_argument(
        "--port", type=port, default=server.PORT, metavar="N", help=f"{server.PORT}, if not given; 0: any that is free"
    )
    command.add_argument("--no-browser", action="store_true", help="only print the address")
    command.add_argument(
        "--out", type=folder, metavar="DIR", help="write the page there, to be sent by any server, with --pyodide"
    )
    command.add_argument("--pyodide", type=folder, metavar="DIR", help="a folder with Pyodide, the Python of a browser")


def run(arguments):
    if (arguments.out is None) != (arguments.pyodide is None):
        raise UsageError("--out and --pyodide belong together: the page, and the Python that it is to run")
    return serve(arguments) if arguments.out is None else write(arguments)


def write(arguments):
    try:
        size = static.write(arguments.out, arguments.pyodide, arguments.weights)
    except static.StaticError as error:
        raise UsageError(f"--pyodide {error}") from error
    say(f"The draw-a-digit page, {size / 1e6:.1f} MB for any server to send: {arguments.out}")
    return 0


def serve(arguments):
    network = engine.open_network(arguments.weights)
    name = os.path.basename(arguments.weights)
    try:
        page = server.Server(name, network, arguments.port)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"port {arguments.port} cannot be used ({reason}): try --port 0, which takes any") from error
    with page:
        say(f"The draw-a-digit page is at {page.address}")
        opened = not arguments.no_browser and open_browser(page.address)
        say("Ctrl-C stops it." if opened else "Open this address in a browser on this machine. Ctrl-C stops it.")
        page.serve_forever()
    return 0


def open_browser(address):
    """Open the page, if this machine has a screen: without one a browser for the terminal could come up."""
    try:
        return has_screen() and webbrowser.open(address)
    except webbrowser.Error:
        return False


def has_screen():
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
