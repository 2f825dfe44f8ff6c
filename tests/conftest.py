"""A test run in the background hears Ctrl-C as one in a terminal does.

Shells have what they start in the background ignore it, and so would the programs that the tests start.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
