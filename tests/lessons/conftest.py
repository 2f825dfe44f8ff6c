"""Notebooks run side by side: each has a kernel, a process of its own."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lessons import build


@pytest.fixture(scope="session")
def executed(request):
    """A function that returns a Page's notebook after it has run.

    Its first use starts them all, as many at a time as there are cores, at most four; tests then wait for theirs.
    """
    wanted = [item.callspec.params["page"] for item in request.session.items if "executed" in item.fixturenames]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        running = {page: pool.submit(build.execute, page.source) for page in wanted}
        yield lambda page: running[page].result()
        for notebook in running.values():
            notebook.cancel()
