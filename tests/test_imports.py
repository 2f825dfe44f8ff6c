"""Who may import whom: backend <- equations, kernels <- models <- training <- cli, never the other way."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "draw_np"
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / PACKAGE).rglob("*.py"))
}

CORE = {"backend", "equations", "kernels", "models"}
INSIDE = {  # what each part of draw_np may import of the rest of it, beside "files" and "counts", which are for all
    "names": set(),
    "counts": {"names"},
    "files": set(),
    "cores": set(),
    "stderr": set(),
    "backend": set(),
    "datasets": {"cores", "files", "names"},
    "rectangles": set(),
    "plotting": {"rectangles"},
    "diagrams": {"plotting"},
    "equations": {"backend"},
    "kernels": {"backend", "equations"},
    "models": {"backend", "equations", "kernels", "names"},
    "training": CORE | {"cores", "datasets", "files", "names", "stderr", "__init__"},  # the last for the version
    "pretrained": CORE | {"datasets", "names", "training"},
    "play": CORE | {"datasets", "pretrained", "rectangles", "training"},
    "benchmark": CORE | {"cores", "datasets", "stderr", "training"},
    "checks": {"training"},
    "__init__": CORE | {"datasets", "training", "plotting", "pretrained"},
    "cli": CORE
    | {"datasets", "names", "stderr", "training", "plotting", "pretrained", "benchmark", "play", "__init__"},
    "__main__": {"cli"},
}
OUTSIDE = {  # and of other people's packages; any part but the equations may use NumPy
    "files": set(),
    "cores": set(),
    "stderr": set(),
    "counts": set(),
    "backend": {"numpy", "autograd", "cupy", "scipy"},
    "equations": set(),  # NumPy only as backend.np, which autograd differentiates
    "kernels": {"numpy", "autograd", "scipy"},
    "models": {"numpy"},
    "datasets": {"numpy", "requests", "tqdm", "h5py", "PIL", "scipy"},
    "plotting": {"numpy", "matplotlib", "PIL"},
    "training": {"numpy", "threadpoolctl", "tqdm", "mpi4py"},
    "play": {"numpy", "autograd"},  # which it packs for the browser
    "diagrams": {"matplotlib"},
}
ELSEWHERE = {"numpy", "threadpoolctl", "tqdm"}
PEERS = {"torch", "jax", "cupy"}  # to be measured against, in draw_np/benchmark/*_peer.py and gpu.py only


def imports(source, module, is_package=False):
    """What a file imports, as [(dotted name, whether inside a function)]."""
    found = []

    def visit(node, in_function):
        in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.Import):
            found.extend((alias.name, in_function) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            base = parts[: len(parts) - node.level + is_package] if node.level else []
            base += [node.module] if node.module else []
            found.extend((".".join([*base, alias.name]), in_function) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child, in_function)

    visit(ast.parse(source), False)
    return found


def imports_of(module):
    path = FILES[module]
    return imports(path.read_text("utf-8"), module, path.name == "__init__.py")


def imports_inside(module):
    """The modules of draw_np that one of them imports."""
    return {module_of(name) for name, _ in imports_of(module) if name.split(".")[0] == PACKAGE}


def part_of(module):
    """The part of draw_np a dotted name lies in: "equations" for draw_np.equations.lstm.lstm."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def module_of(name):
    """The module of draw_np that a dotted name lies in."""
    while name not in FILES:
        name = name.rpartition(".")[0]
    return name


@pytest.mark.parametrize("module", FILES)
def test_imports_inside_follow_the_layers(module):
    part = part_of(module)
    assert part in INSIDE, f"{part} is new: say here what it may import"
    for imported in imports_inside(module):
        assert part_of(imported) in INSIDE[part] | {part, "files", "counts"}, f"{module} must not import {imported}"


@pytest.mark.parametrize("module", FILES)
def test_imports_of_other_packages(module):
    allowed = OUTSIDE.get(part_of(module), ELSEWHERE) | sys.stdlib_module_names | {PACKAGE}
    for name, _ in imports_of(module):
        peers = PEERS if module.startswith(f"{PACKAGE}.benchmark.") and module.endswith(("_peer", ".gpu")) else set()
        assert name.split(".")[0] in allowed | peers, f"{module} must not import {name}"


def test_importing_draw_np_imports_nothing_that_only_downloads_need():
    code = (
        "import sys, draw_np; print(draw_np.__file__, *sorted({'pooch', 'requests', 'urllib3'} & sys.modules.keys()))"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert child.stdout.split() == [str(ROOT / PACKAGE / "__init__.py")]


@pytest.mark.parametrize("tool", ["ablation", "profile_step", "ship"])
def test_tools_take_the_package_beside_them(tool, tmp_path):
    """Whichever is installed: what is measured and shipped is of this code."""
    (tmp_path / "draw_np.py").write_text("raise SystemExit('another draw_np')")
    command = [sys.executable, ROOT / f"tools/{tool}.py", "--help"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    child = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert child.returncode == 0 and child.stdout.startswith("usage: "), child.stderr


@pytest.mark.parametrize("orders", [["ablation", "x", "--part", "2/2"], ["profile_step", "0"]])
def test_tools_refuse_what_they_cannot_do(orders, tmp_path):
    command = [sys.executable, ROOT / f"tools/{orders[0]}.py", *orders[1:]]
    child = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert child.returncode == 2 and f"'{orders[-1]}'" in child.stderr.splitlines()[-1] and not [*tmp_path.iterdir()]


def test_no_import_cycle():
    graph = {module: imports_inside(module) - {module} for module in FILES}
    while free := {module for module in graph if not graph[module]}:
        graph = {module: needs - free for module, needs in graph.items() if module not in free}
    assert not graph, f"cycle among {sorted(graph)}"


@pytest.mark.parametrize(
    "source, expected",
    [
        ("import torch", [("torch", False)]),
        ("import jax.numpy as jnp, numpy", [("jax.numpy", False), ("numpy", False)]),
        ("from numpy import exp", [("numpy.exp", False)]),
        ("try:\n    import torch\nexcept ImportError: pass", [("torch", False)]),
        ("class A:\n    import torch", [("torch", False)]),
        ("def f():\n    import torch", [("torch", True)]),
        ("from ..backend import np", [("draw_np.backend.np", False)]),
        ("from .. import datasets", [("draw_np.datasets", False)]),
        ("from .draw import loss", [("draw_np.models.draw.loss", False)]),
        ("from lessons import x", [("lessons.x", False)]),
    ],
)
def test_imports_are_found_however_they_are_written(source, expected):
    assert imports(source, "draw_np.models.vae") == expected
    assert module_of("draw_np.backend.np") == "draw_np.backend"


def test_relative_imports_of_a_package_start_at_the_package():
    found = imports("from . import draw", "draw_np.models", is_package=True)
    assert found == [("draw_np.models.draw", False)]
