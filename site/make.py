"""Make the web pages, build/site/: `python site/make.py [--pyodide FOLDER|ADDRESS]`.

They are files for any server. The lessons are shown as they are committed; nothing is executed. With an ADDRESS the
browser fetches Pyodide's packages from there, with a FOLDER the pages carry them and ask no other host.
"""

import argparse
import shutil
import subprocess
import sys

import lite
import npm
import pages
from draw_np.datasets.base import DatasetError
from draw_np.play import static
from tools import pyodide

BUILD = pages.ROOT / "build"
SITE, WORK, CACHE = BUILD / "site", BUILD / "site-work", BUILD / "site-cache"
PUBLIC = "https://cdn.jsdelivr.net/pyodide/v0.27.7/full/"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyodide", default=PUBLIC, metavar="FOLDER|ADDRESS", help="where Pyodide is (%(default)s)")
    where = parser.parse_args().pyodide
    try:
        make(where)
    except (DatasetError, pyodide.PyodideError, lite.LiteError, static.StaticError, OSError) as error:
        sys.exit(f"{error}")
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file())
    print(f"{SITE}: {size / 1e6:.0f} MB for any server, say: {sys.executable} -m http.server -d {SITE}")


def make(where):
    say("1 of 4: the pages, by Sphinx")
    shutil.rmtree(SITE, ignore_errors=True)
    pages.write(WORK / "pages")
    npm.unpack("mathjax-3.2.2.tgz", npm.MATHJAX, WORK / "static/mathjax", CACHE)
    options = ["-W", "--keep-going", "-q", "-E", "-c", str(pages.ROOT / "site"), "-d", str(WORK / "doctrees")]
    done = subprocess.run([sys.executable, "-m", "sphinx", "-b", "html", *options, str(WORK / "pages"), str(SITE)])
    if done.returncode:
        sys.exit("Sphinx complains, see above: no page is made with a warning")
    say("2 of 4: Pyodide and our own Python for it")
    lite.write_pyodide(SITE / "pyodide", where, CACHE)
    say("3 of 4: the draw-a-digit page")
    static.write(SITE / "play", SITE / "pyodide", "mnist", "../pyodide/", "../lessons/README.html")
    say("4 of 4: JupyterLite")
    lite.write(SITE / "lite", WORK / "lite", CACHE)


def say(line):
    print(line, flush=True)


if __name__ == "__main__":
    main()
