"""The draw-a-digit page: draw on it, and the network reads the drawing and draws it again, step by step.

One page, `page/`, with two engines behind it, which run the same `engine.answer`: the NumPy of this machine behind a
server (`server.py`), or NumPy in the browser itself (`static.py` writes that page; Pyodide runs it).
"""
