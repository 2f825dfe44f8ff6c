"""JupyterLite, the course in the browser: which lessons run there, their files, and the Python that runs them."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import equation_map
import npm
from lessons.build import only_lines_on, student_guide
from tools import pyodide

ROOT, HERE = equation_map.ROOT, Path(__file__).resolve().parent
# How long a notebook took the browser, in seconds of one core; where it was stopped, how long it had taken. Exercises
# are "exercises/NN"; they were measured solved, beside other work, so that they take less on a core of their own.
SECONDS = json.loads((HERE / "seconds.json").read_text("utf-8"))
LIMIT = 120
LINK = re.compile(r"\[([^][]*)\]\(((?:\.\./|exercises/)?\d\d_\w+\.ipynb)\)")
CLOCKS = "time.process_time", "time.perf_counter"  # the first is always 0 in the browser's Python
OWN = {  # what our own wheels need of the others
    "draw_np": ["autograd", "matplotlib", "numpy", "pillow", "scipy", "threadpoolctl", "tqdm"],
    "autograd": ["numpy"],
    "comm": ["traitlets"],
    "ipywidgets": ["comm", "ipython", "traitlets"],
    "tqdm": ["ipywidgets"],  # for its bars in notebooks
}
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"


class LiteError(Exception):
    """JupyterLite cannot be made; the message says why."""


def reason(name):
    """Why a notebook, lessons/[exercises/]NN_..., does not run in the browser, in a sentence; None if it does."""
    folder, _, file = name.rpartition("/")
    exercises = folder.endswith("exercises")
    number = f"exercises/{file[:2]}" if exercises else file[:2]
    it, does, takes = ("These exercises", "do", "they take") if exercises else ("This lesson", "does", "it takes")
    if number not in SECONDS:
        return f"{it} {does} perhaps not run in the browser: that has not been tried."
    if SECONDS[number] is None:
        return f"{it} {does} not run in the browser: tried there, an error came up."
    if SECONDS[number] < LIMIT:
        return None
    return f"{it} {does} not run in the browser: {takes} more than two minutes there."


def write_files(folder):
    """Fill a folder with what JupyterLite shows: the lessons that run there, exercises that do, guide and glossary."""
    shutil.rmtree(folder, ignore_errors=True)
    lessons = ROOT / "lessons"
    paths = [*sorted(lessons.glob("[0-9]*.ipynb")), *sorted(lessons.glob("exercises/[0-9]*.ipynb"))]
    paths = [path for path in paths if reason(path.relative_to(ROOT).as_posix()) is None]
    (folder / "exercises").mkdir(parents=True)

    def lead(match):
        return match.group() if (path.parent / match[2]).resolve() in paths else match[1]  # to what is not there

    for path in paths:
        text = LINK.sub(lead, path.read_text("utf-8").replace(*CLOCKS))
        (folder / path.relative_to(lessons)).write_text(text, "utf-8")
    names = [path.relative_to(lessons).as_posix() for path in paths]
    for name, shown in ("README.md", student_guide), ("glossary.md", only_lines_on):
        (folder / name).write_text(shown((lessons / name).read_text("utf-8"), names), "utf-8")


def write_pyodide(folder, where, cache):
    """Fill a folder with Pyodide and with our own wheels, and with a lock file that knows both.

    `where`: a folder with a release of Pyodide 0.27, or the address of one, whose packages the browser then fetches
    from there; its core and its lock file come from npm's package. Every package is compared with the lock file's
    SHA-256: here, or by the browser. Raises DatasetError, pyodide.PyodideError, LiteError, OSError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if "://" in where:
        npm.unpack("pyodide-0.27.7.tgz", tuple(pyodide.CORE), folder, cache)
        lock = json.loads((folder / pyodide.LOCK).read_bytes())
        for entry in lock["packages"].values():
            entry["file_name"] = where.rstrip("/") + "/" + entry["file_name"]
    else:
        read = lambda name: (Path(where) / name).read_bytes()  # noqa: E731
        wanted = pyodide.hashes(read(pyodide.LOCK), pyodide.COURSE)
        pyodide.check(wanted, read)
        for name in [*wanted, *pyodide.CORE]:
            (folder / name).write_bytes(read(name))
        lock = json.loads(read(pyodide.LOCK))
    for wheel in own_wheels(folder, cache):
        name, version = wheel.name.split("-")[:2]
        lock["packages"][name.replace("_", "-")] = {
            "name": name, "version": version, "file_name": wheel.name, "install_dir": "site", "package_type": "package",
            "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(), "imports": [name], "depends": OWN[name],
            "unvendored_tests": False,
        }  # fmt: skip
    (folder / pyodide.LOCK).write_text(json.dumps(lock))


def pinned_wheels(cache):
    """The wheels that lite.txt names, {name: path}."""
    pinned = re.findall(r"^(\w+)==(\S+)", (HERE / "lite.txt").read_text("utf-8"), re.MULTILINE)
    return {name: cache / f"{name}-{version}-py3-none-any.whl" for name, version in pinned}


def own_wheels(folder, cache):
    """Bring draw_np's wheel and those of lite.txt that Python needs into a folder; their paths."""
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    wanted = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", str(HERE / "lite.txt")]
    run([*download, *wanted, "-d", str(cache)])
    made = draw_np_wheel(folder)
    return [made, *(Path(shutil.copy(path, folder)) for name, path in pinned_wheels(cache).items() if name in OWN)]


def draw_np_wheel(folder):
    """The package as a wheel, which is a zip file of it: to build one by the rules would take a minute."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "draw_np/__init__.py").read_text("utf-8"))[1]
    info, made = f"draw_np-{version}.dist-info", folder / f"draw_np-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in sorted((ROOT / "draw_np").rglob("*")):
            if path.is_file() and path.suffix in (".py", ".npz", ".gz", ".json", ".csv"):
                wheel.writestr(
                    zipfile.ZipInfo(path.relative_to(ROOT).as_posix()), path.read_bytes(), zipfile.ZIP_DEFLATED
                )
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: draw_np\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return made


def write(folder, work, cache):
    """Write JupyterLite into `folder`, whose sibling `pyodide/` has its Python. Raises LiteError.

    `cache`: where `write_pyodide` has put the wheels of lite.txt.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
    write_files(work / "files")
    options = {
        "lockFileURL": f"../pyodide/{pyodide.LOCK}",
        "packages": ["ssl", "sqlite3", "comm", "jedi", "ipython", "micropip"],
    }
    plugin = {"pyodideUrl": "./../pyodide/pyodide.js", "loadPyodideOptions": options, "disablePyPIFallback": True}
    kernel = Path(sys.prefix) / "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension"
    build = {  # what else is installed with JupyterLab would ask for a server
        "ignore_sys_prefix": ["federated_extensions"],
        "federated_extensions": [str(kernel), str(pinned_wheels(cache)["jupyterlab_widgets"])],
        "contents": [str(work / "files")],
        "output_dir": str(folder),
        "apps": ["lab"],
        "no_sourcemaps": True,
    }
    texts = {
        "jupyter-lite.json": {
            "jupyter-lite-schema-version": 0,
            "jupyter-config-data": {"appName": "DRAW in NumPy", "litePluginSettings": {KERNEL: plugin}},
        },
        "jupyter_lite_config.json": {"LiteBuildConfig": build},
        "overrides.json": {
            "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
            "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # every cell is on the page
        },
    }
    for name, content in texts.items():
        (work / name).write_text(json.dumps(content))
    run([sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", str(work)], cwd=work)


def run(command, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["it says nothing"]
        raise LiteError(f"{' '.join(command[1:4])} failed:\n" + "\n".join(lines[-15:]))
