"""Packages of npm that the pages carry, so that they ask no other host: MathJax, and Pyodide's core.

npm fetches them, where it is installed, from the registry that it is set to; else Python does from the public one. The
SHA-512 is that of the published package.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import urllib.request

REGISTRY = "https://registry.npmjs.org"
SHA512 = {
    "mathjax-3.2.2.tgz": "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
    "pyodide-0.27.7.tgz": "RUSVJlhQdfWfgO9hVHCiXoG+nVZQRS5D9FzgpLJ/VcgGBLSAKoPL8kTiOikxbHQm1kRISeWUBdulEgO26qpSRA==",
}
MATHJAX = "es5/tex-chtml-full.js", "es5/output/chtml/fonts/woff-v2/", "LICENSE"


class NpmError(Exception):
    """A package cannot be had; the message is one line."""


def unpack(name, members, folder, cache):
    """Write those members of a package, files or folders that end in a slash, into `folder`. Raises NpmError."""
    with tarfile.open(fetch(name, cache)) as archive:
        for member in archive.getmembers():
            inside = member.name.removeprefix("package/")
            if member.isfile() and inside.startswith(members):
                target = folder / inside.removeprefix("es5/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())


def fetch(name, cache):
    """The package's file, in the folder `cache`, as published."""
    path = cache / name
    if not is_published(path):
        cache.mkdir(parents=True, exist_ok=True)
        package, _, version = name.removesuffix(".tgz").rpartition("-")
        if npm := shutil.which("npm"):
            subprocess.run(
                [npm, "pack", f"{package}@{version}", "--silent"], cwd=cache, capture_output=True, check=False
            )
        if not is_published(path):
            download(f"{REGISTRY}/{package}/-/{name}", path)
    return path


def download(address, path):
    try:
        with urllib.request.urlopen(address, timeout=60) as reply:
            path.write_bytes(reply.read())
    except OSError as error:
        raise NpmError(f"{address} cannot be had ({error}): put it into {path.parent}") from None
    if not is_published(path):
        path.unlink()
        raise NpmError(f"{address} is not the published file")


def is_published(path):
    return path.exists() and base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode() == SHA512[path.name]
