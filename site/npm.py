"""Packages of npm that the pages carry, so that they ask no other host: MathJax, and Pyodide's core."""

import os
import tarfile

from draw_np.datasets.download import download, is_known

REGISTRY = os.environ.get("npm_config_registry", "https://registry.npmjs.org").rstrip("/")
PUBLISHED = {  # how many bytes a package has, and their hash
    "mathjax-3.2.2.tgz": (6132118, "sha256:1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09"),
    "pyodide-0.27.7.tgz": (5898824, "sha256:89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343"),
}
MATHJAX = "es5/tex-chtml-full.js", "es5/output/chtml/fonts/woff-v2/", "LICENSE"


def unpack(name, members, folder, cache):
    """Write those members of a package, files or folders that end in a slash, into `folder`.

    The package itself comes into the folder `cache`. Raises DatasetError, in one line, where it cannot be had.
    """
    package, path = name.rpartition("-")[0], cache / name
    if not path.exists() or not is_known(path, *PUBLISHED[name]):
        path.unlink(missing_ok=True)
        download(f"{REGISTRY}/{package}/-/{name}", path, *PUBLISHED[name])
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            inside = member.name.removeprefix("package/")
            if member.isfile() and inside.startswith(members):
                target = folder / inside.removeprefix("es5/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())
