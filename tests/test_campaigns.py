"""A small sample of the campaigns, which are told in tests/campaigns/README.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "campaigns"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")


@pytest.mark.parametrize(
    "command, tried",
    [(["fuzz.py", "--count", "50"], 50), (["kill.py", "--kills", "6", "--pairs", "3"], 9)]
    + [(["equations.py", "--count", "3"], 3)],
)
def test_a_sample_of_a_campaign(command, tried):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    run = subprocess.run(
        [sys.executable, FOLDER / command[0], *command[1:]], env=environment, capture_output=True, text=True
    )
    *_, last = run.stdout.splitlines()
    counts = re.fullmatch(r"all +(\d+) +\d+ +\d+ +(\d+)", last)
    assert run.returncode == 0 and int(counts[2]) == 0, run.stdout + run.stderr
    assert int(counts[1]) >= tried
