"""The page with NumPy in the browser: a folder of files that any server may send, with Pyodide in it."""

import hashlib
import importlib.metadata
import io
import json
import zipfile
from pathlib import Path

import autograd

from .. import pretrained
from . import engine, page

PACKAGE = Path(__file__).parents[1]
BROUGHT = "pyodide/"  # the folder beside the page
LOCK = "pyodide-lock.json"
SCRIPTS = ("pyodide.mjs", "pyodide.asm.js")
CORE = ("pyodide.asm.wasm", "python_stdlib.zip", LOCK)


class StaticError(Exception):
    """The page cannot be written; the message is one line that says what to do."""


def write(folder, pyodide, name, address=BROUGHT, course=None):
    """Write the page for the weights `name`, shipped ones or a file, into `folder`, with what it needs of a folder with
    Pyodide. Returns how many bytes it has written. Another `address` than its own folder is where that folder will be
    found, as the page sees it: then nothing of it is copied. To `course`, an address too, the page has a link.

    Raises StaticError where Pyodide is not there or damaged, CheckpointError for other weights, OSError.
    """
    network = engine.open_network(name)
    folder, pyodide = Path(folder), Path(pyodide)
    brought = [*SCRIPTS, *CORE, *filter(None, [numpy_wheel(pyodide)])]
    files = {BROUGHT + each: (pyodide / each).read_bytes() for each in brought}
    files["python.zip"] = python_zip(pretrained.find(name))
    loaded = {each: len(content) for each, content in files.items() if not each.endswith(("js", "mjs"))}
    about = page.about(Path(name).name, network.config, {"kind": "pyodide", "folder": address, "files": loaded})
    about["course"] = course
    if address != BROUGHT:
        files = {"python.zip": files["python.zip"]}
    files["about.json"] = json.dumps(about).encode()
    files |= {each: content for each, (_, content) in page.files().items()}
    for each, content in files.items():
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / each).write_bytes(content)
    return sum(map(len, files.values()))


def numpy_wheel(pyodide):
    """The name of NumPy's wheel in a folder with Pyodide, compared with the lock file's SHA-256.

    None if the lock file leads to another host: the browser then compares.
    """
    try:
        entry = json.loads((pyodide / LOCK).read_bytes())["packages"]["numpy"]
        if "://" in entry["file_name"]:
            return None
        name, known = Path(entry["file_name"]).name, entry["sha256"]
        found = hashlib.sha256((pyodide / name).read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StaticError(f"{pyodide} holds no Pyodide with NumPy ({error}): unpack a release of it there") from error
    if found != known:
        raise StaticError(f"{pyodide / name} is damaged: its SHA-256 is not the lock file's")
    return name


def python_zip(weights):
    """The Python that Pyodide does not bring: this package's code, autograd as it is installed here, the weights."""
    files = {f"autograd/{name}": path for name, path in sources(Path(autograd.__file__).parent)}
    licences = [file for file in importlib.metadata.files("autograd") or () if "license" in file.name.lower()]
    files |= {f"autograd/{file.name}": file.locate() for file in licences}
    files |= {f"draw_np/{name}": path for name, path in sources(PACKAGE)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted({**files, "weights.npz": weights}.items()):
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def sources(folder):
    """The Python files of a package, as (name with slashes, path)."""
    return [(path.relative_to(folder).as_posix(), path) for path in folder.rglob("*.py")]
