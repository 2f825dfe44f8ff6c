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
from lessons.build import student_guide
from tools import pyodide

ROOT, HERE = equation_map.ROOT, Path(__file__).resolve().parent
# How long a lesson took the browser, in seconds of one core; where it was stopped, how long it had taken.
SECONDS = json.loads((HERE / "seconds.json").read_text("utf-8"))
LIMIT = 120
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


def reason(number):
    """Why a lesson does not run in the browser, in a sentence; None if it does."""
    if number not in SECONDS:
        return "Whether this lesson runs in the browser has not been tried."
    if SECONDS[number] is None:
        return "This lesson does not run in the browser: tried there, it stopped with an error."
    if SECONDS[number] < LIMIT:
        return None
    return "This lesson does not run in the browser: it takes more than two minutes there."


def write_files(folder):
    """Fill a folder with what JupyterLite shows: the lessons that run there, their exercises, the guide."""
    shutil.rmtree(folder, ignore_errors=True)
    names = []
    for path in sorted((ROOT / "lessons").glob("[0-9]*.ipynb")) + sorted(
        (ROOT / "lessons/exercises").glob("[0-9]*.ipynb")
    ):
        if reason(path.name[:2]) is None:
            names.append(path.relative_to(ROOT / "lessons").as_posix())
            (folder / names[-1]).parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text("utf-8").replace(*CLOCKS)
            (folder / names[-1]).write_text(text, "utf-8")
    guide = student_guide((ROOT / "lessons/README.md").read_text("utf-8"), names)
    (folder / "README.md").write_text(guide, "utf-8")


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
