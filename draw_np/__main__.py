"""`python -m draw_np`: the command line. A request to terminate is taken as Ctrl-C is: one line, exit status 130."""

import os
import signal

SIGNALS = signal.SIGINT, signal.SIGTERM


def stop(*_):
    """End at once: while modules are imported nothing is begun, and an exception would end somewhere in them."""
    os.write(2, b"stopped\n")
    os._exit(130)


for number in SIGNALS:
    signal.signal(number, stop)

from .cli import main  # noqa: E402

for number in SIGNALS:
    signal.signal(number, signal.default_int_handler)
try:
    status = main()
except KeyboardInterrupt:  # between the lines of `main`
    stop()
for number in SIGNALS:
    signal.signal(number, signal.SIG_IGN)  # the last line is said
raise SystemExit(status)
