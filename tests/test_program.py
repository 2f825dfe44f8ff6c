"""`python -m draw_np` as a program, wherever it is started: its streams, Ctrl-C, a user's settings and folders."""

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import draw_np
from draw_np.models import vae
from draw_np.training import checkpoint

ROOT = Path(draw_np.__file__).parents[1]
FULL = Path("/dev/full")
posix = pytest.mark.skipif(os.name != "posix", reason="streams and signals of POSIX")
full_disk = pytest.mark.skipif(not FULL.exists(), reason="no disk that is always full")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, where `weights.npz` are a small model's; data are kept in another."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DRAW_NP_DATA", str(tmp_path / "data"))
    config = vae.Config(hidden=3, latent=2)
    params = vae.init_params(config, np.random.default_rng(0))
    checkpoint.save(folder / "weights.npz", {"params": params}, checkpoint.describe("vae", config))
    return folder


TRAIN = "train", "--preset", "tiny", "--updates", "2", "--out", "run"
EVALUATE = "evaluate", "--weights", "weights.npz", "--dataset", "mnist", "--images", "3"
SAMPLE = "sample", "--weights", "weights.npz", "--count", "1", "--out", "a.png"


def started(*argv, program=("-m", "draw_np"), shell="", stdout=subprocess.PIPE, **environment):
    """Run it to its end, with redirections as a shell writes them."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **environment}
    command = [sys.executable, *program, *map(str, argv)]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    return subprocess.run(command, env=environment, stdout=stdout, stderr=subprocess.PIPE, timeout=100)


# Streams.


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_output_takes_any_text(here, encoding):
    folder = here / "Łódź"
    folder.mkdir()
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "DRAW_NP_DATA": str(folder)}
    for argv in ((*SAMPLE[:-1], folder / "a.png"), ("datasets", "list"), ("evaluate", "--weights", folder / "x")):
        child = started(*argv, **environment)
        assert (child.returncode == 0) == (argv[0] != "evaluate" or not child.stderr), child.stderr
        assert b"Traceback" not in child.stderr
        shown = "Łódź".encode(encoding, "backslashreplace")
        assert argv[0] == "evaluate" or shown in child.stdout
    assert (folder / "a.png").exists()


@posix
def test_a_name_that_is_no_text(here):
    child = started(*SAMPLE[:-1], os.fsdecode(b"\xff.png"))
    assert child.returncode == 0 and child.stderr == b"" and b"drawn in 1 steps" in child.stdout


@posix
@pytest.mark.parametrize("argv", [TRAIN, EVALUATE, SAMPLE, ("datasets",), ("trian",)], ids=lambda argv: argv[0])
@pytest.mark.parametrize("shell", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_sinks(here, argv, shell):
    child = started(*argv, shell=shell)
    assert child.returncode == (2 if argv == ("trian",) else 0)
    assert b"Traceback" not in child.stderr
    made = {"train": "run/weights.npz", "sample": "a.png"}.get(argv[0], "weights.npz")
    with open(made, "rb") as file:
        assert file.read(4) in (b"PK\x03\x04", b"\x89PNG")  # nothing that was said went into a file


@pytest.mark.parametrize("argv", [TRAIN, EVALUATE, SAMPLE], ids=lambda argv: argv[0])
def test_no_console(here, argv):
    """As under pythonw."""
    program = "import sys, runpy; sys.stdout = sys.stderr = None; runpy.run_module('draw_np', run_name='__main__')"
    child = started(*argv, program=("-c", program))
    assert child.returncode == 0 and child.stdout == child.stderr == b""


OUTPUTS = [("datasets", "list", "--json"), ("--help",), (*EVALUATE, "--json")]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("argv", OUTPUTS, ids=lambda argv: argv[0])
@pytest.mark.parametrize("reader", ["gone", pytest.param("full", marks=full_disk)])
def test_output_that_nobody_takes_is_one_line(here, reader, argv, unbuffered):
    if reader == "gone":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(FULL, os.O_WRONLY)
    child = started(*argv, stdout=writing, PYTHONUNBUFFERED=unbuffered)
    os.close(writing)
    said = child.stderr.removeprefix(b"mnist: grey levels binarized with seed 0\n").decode()
    reason = "Broken pipe" if reader == "gone" else "No space left on device"
    assert child.returncode == 1 and said == f"draw_np: standard output cannot be written: {reason}\n"


@full_disk
def test_complaints_that_nobody_takes(here):
    assert started("datasets", "fetch", "nothing", shell="2>/dev/full").returncode != 0


# Ctrl-C.

INTERRUPTED = """
import os, runpy, signal, sys
name = sys.argv.pop(1)
class Finder:
    def find_spec(fullname, path=None, target=None):
        if fullname == name:
            os.kill(os.getpid(), int(os.environ.get("NUMBER", signal.SIGINT)))
sys.meta_path.insert(0, Finder)
sys.argv[0] = "draw_np"
runpy.run_module("draw_np", run_name="__main__", alter_sys=True)
"""
MODULES = "draw_np.cli", "numpy", "numpy.random._generator", "autograd.numpy", "draw_np.training.loop", "tqdm"


@posix
@pytest.mark.parametrize("module", [*MODULES, "matplotlib", "matplotlib.backends._backend_agg"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_importing(here, module, number):
    child = started(module, *SAMPLE, program=("-c", INTERRUPTED), NUMBER=str(int(number)))
    assert child.returncode == 130 and child.stderr == b"stopped\n" and child.stdout == b""
    assert [path.name for path in here.iterdir()] == ["weights.npz"]


def test_nothing_slow_is_imported_before_it_listens():
    """In the time that takes, a request to terminate ends a program without a word."""
    program = ast.parse((ROOT / "draw_np" / "__main__.py").read_text("utf-8"))
    nodes = [node for node in program.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {name.name for node in nodes for name in node.names} == {"os", "signal", "sys", "time"}
    run = next(node for node in program.body if getattr(node, "name", None) == "run")
    first = [isinstance(node, ast.ImportFrom) or "listen(" in ast.unparse(node) for node in run.body].index(True)
    assert ast.unparse(run.body[first]) == "listen(numbers, stop)"


@posix
def test_ctrl_c_is_left_to_those_who_ignore_it(here):
    """As under `nohup`."""
    program = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)" + INTERRUPTED
    child = started("draw_np.training.loop", "presets", "tiny", program=("-c", program))
    assert child.returncode == 0 and child.stdout.startswith(b"tiny: ")


def test_importing_the_package_takes_no_time_and_has_all_its_parts():
    """What it imports, before anybody can look after Ctrl-C, is next to nothing; its parts come when asked for."""
    program = (
        "import json, sys, draw_np; before = sorted(sys.modules); "
        "print(json.dumps([before, [str(getattr(draw_np, name)) for name in draw_np.__all__ + ['models', 'backend']]]))"
    )
    before, parts = json.loads(started(program=("-c", program)).stdout)
    assert not {"numpy", "autograd", "draw_np.equations"} & set(before)
    assert "load_pretrained" in parts[3] and all("draw_np" in part for part in parts[:3] + parts[4:])
    assert set(draw_np.__all__) <= set(dir(draw_np))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        draw_np.nothing  # noqa: B018


# A user's settings and folders.


@pytest.mark.parametrize(
    "settings, backend",
    [
        (b"", "nonsense"),
        (b"backend: nonsense", ""),
        (b"image.origin: lower\ntext.usetex: True", ""),
        (b"\xff\xfe", "tkagg"),
    ],
)
def test_a_user_s_matplotlib_is_not_asked(here, settings, backend):
    assert started(*SAMPLE, MPLBACKEND="agg").stderr == b""
    plain = Path("a.png").read_bytes()
    Path("settings").write_bytes(settings)
    child = started(*SAMPLE[:-1], "b.png", MPLBACKEND=backend, MATPLOTLIBRC=str(here / "settings"))
    assert child.returncode == 0 and child.stderr == b""
    assert Path("b.png").read_bytes() == plain


def test_settings_in_this_folder_that_are_no_text_end_in_a_line(here):
    Path("matplotlibrc").write_bytes(b"\xff\xfe")
    child = started(*SAMPLE)
    assert child.returncode == 1 and not Path("a.png").exists()
    assert child.stderr.splitlines()[-1].startswith(b"draw_np: Matplotlib, which draws, cannot start: ")
    assert b"Traceback" not in child.stderr


NOBODY = """
import os, pwd, sys
del os.environ["HOME"]
def nobody(uid): raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = nobody
from draw_np.cli import main
sys.exit(main())
"""


@posix
@pytest.mark.parametrize("argv", [TRAIN, EVALUATE, SAMPLE, ("datasets",)], ids=lambda argv: argv[0])
def test_no_home_folder(here, argv):
    child = started(*argv, program=("-c", NOBODY), DRAW_NP_DATA="", HOME="x")
    assert b"Traceback" not in child.stderr
    if argv[0] == "datasets":
        assert child.returncode == 1 and child.stderr.count(b"\n") == 1
        assert b"the home folder in ~/.cache/draw_np is not known: name a folder in DRAW_NP_DATA" in child.stderr
    else:
        assert child.returncode == 0 and (argv[0] != "sample" or child.stderr == b"")


@posix
def test_the_home_folder_of_nobody(here):
    child = started("datasets", DRAW_NP_DATA="~nosuchuser/x")
    assert child.returncode == 1 and child.stderr.count(b"\n") == 1 and b"~nosuchuser/x is not known" in child.stderr


@pytest.mark.parametrize("name, format", [("A.PNG", "PNG"), ("a.Gif", "GIF")])
def test_endings_in_any_case(here, name, format):
    assert started(*SAMPLE[:-1], name).returncode == 0
    assert Image.open(name).format == format


@posix
def test_ctrl_c_when_all_is_done(here):
    """While Python ends it changes nothing."""
    program = "import atexit, os, signal; atexit.register(os.kill, os.getpid(), signal.SIGINT)" + INTERRUPTED
    child = started("none", "presets", "tiny", program=("-c", program))
    assert child.returncode == 0 and child.stderr == b"" and child.stdout.startswith(b"tiny: ")
