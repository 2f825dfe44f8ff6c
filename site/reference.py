"""Pages made from the code without running it: the API reference from docstrings, and sources that pages link to."""

import ast
import inspect
import re
from pathlib import Path
from typing import NamedTuple

import equation_map

ROOT = equation_map.ROOT
ROOMS = "equations", "kernels", "models", "datasets", "training"
FENCE = 10 * "`"
LANGUAGES = {".py": "python", ".json": "json", ".toml": "toml"}
DOCTEST = re.compile(r"^(?:>>>|\.\.\.) .*(?:\n.+)*", re.MULTILINE)


class Definition(NamedTuple):
    """A function or a class of a module; `begin` and `end` are its first line and the one after its last."""

    node: ast.AST
    begin: int
    end: int

    @property
    def name(self):
        return self.node.name


def definitions(text):
    """The top-level Definitions of a module, each with its decorators and the comment above it."""
    lines, found = text.splitlines(), []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            begin = min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1
            while begin and lines[begin - 1].startswith("#"):
                begin -= 1
            found.append(Definition(node, begin, node.end_lineno))
    return found


def fenced(text, language="none"):
    return f"{FENCE}{language}\n{text.strip(chr(10))}\n{FENCE}\n"


def code_name(path):
    """The page on which a file of the repository is shown."""
    return f"code/{path}.md"


def code_page(path):
    """A file as a page; of Python a heading for each function and class, to which links lead."""
    text = (ROOT / path).read_text("utf-8")
    language = LANGUAGES.get(Path(path).suffix, "none")
    title = path.replace("_", "\\_")  # or __init__ would be bold
    pieces, last, lines = [f"---\norphan: true\n---\n\n# {title}\n"], 0, text.splitlines()
    for each in definitions(text) if language == "python" else []:
        if between := "\n".join(lines[last : each.begin]).strip("\n"):
            pieces.append(fenced(between, language))
        pieces.append(f"## `{each.name}`\n\n" + fenced("\n".join(lines[each.begin : each.end]), language))
        last = each.end
    if rest := "\n".join(lines[last:]).strip("\n"):
        pieces.append(fenced(rest, language))
    return "\n".join(pieces)


def modules(room):
    """The modules of a room that have something to tell, as paths in the repository: first what the room offers."""
    folder = ROOT / "draw_np" / room
    offers = re.findall(r"^from \.(\w+) import", (folder / "__init__.py").read_text("utf-8"), re.MULTILINE)
    paths = sorted(folder.glob("*.py"), key=lambda path: (path.stem not in ["__init__", *offers], path.name))
    return [path.relative_to(ROOT).as_posix() for path in paths if public(path.read_text("utf-8"))]


def public(text):
    """The Definitions of a module that are for others: without an underscore, and with a docstring."""
    return [each for each in definitions(text) if each.name[0] != "_" and ast.get_docstring(each.node)]


def api_page(room, lessons):
    """The reference of one room. `lessons`: {number: (title, path of its page)}."""
    package = f"draw_np/{room}/__init__.py"
    pieces = [f"# draw_np.{room}\n", markdown(ast.get_docstring(ast.parse((ROOT / package).read_text("utf-8"))))]
    for path in modules(room):
        text = (ROOT / path).read_text("utf-8")
        name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if path != package:
            pieces.append(f"## {name.rpartition('.')[2]}\n\n{markdown(ast.get_docstring(ast.parse(text)) or '')}")
        pieces.append(f"```{{py:module}} {name}\n```\n")
        pieces.extend(entry(each.node, path, lessons) for each in public(text))
    return "\n".join(pieces)


def entry(node, path, lessons):
    """A function or class with its docstring, and where its source, its equations, test and lessons are."""
    source = f"[source](../{code_name(path)}#{node.name.lower()})"
    taught = [row for row in equation_map.rows() if (row.file, row.function) == (path, node.name)]
    links = [source]
    if taught:
        links.append(f"[{equation_map.numbers(taught)}](../{equation_map.PAGE})")
        tests = dict.fromkeys((row.test, row.test_file) for row in taught)
        links += [f"tested by [`{test}`](../{code_name(file)}#{test})" for test, file in tests]
        numbers = sorted({number for row in taught for number in row.lessons} & lessons.keys())
        links += [f"[lesson {lessons[number][0]}](../{lessons[number][1]})" for number in numbers]
    kind = "function" if isinstance(node, ast.FunctionDef) else "class"
    inner = [markdown(ast.get_docstring(node)), *(methods(node) if kind == "class" else []), "; ".join(links) + "\n"]
    return described(kind, f"{node.name}{signature(node)}", "\n".join(inner), 8)


def described(kind, what, inner, ticks):
    fence = ticks * "`"
    return f"{fence}{{py:{kind}}} {what}\n\n{inner}{fence}\n"


def methods(node):
    """A class's own functions with docstrings."""
    found = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name[0] != "_"]
    kinds = {each: "property" if has(each, "property") else "method" for each in found if ast.get_docstring(each)}
    for each, kind in kinds.items():
        what = each.name + (signature(each, skip=1) if kind == "method" else "")
        yield described(kind, what, markdown(ast.get_docstring(each)), 6)


def has(node, decorator):
    return any(ast.unparse(each).split("(")[0].endswith(decorator) for each in node.decorator_list)


def signature(node, skip=0):
    """The arguments of a function, or the fields of a class that is made of fields; "" for other classes."""
    if isinstance(node, ast.FunctionDef):
        arguments = node.args
        for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            each.annotation = None
        arguments.args = arguments.args[skip:]
        return f"({ast.unparse(arguments)})"
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    if fields:
        return (
            "("
            + ", ".join(ast.unparse(f.target) + (f"={ast.unparse(f.value)}" if f.value else "") for f in fields)
            + ")"
        )
    made = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    return signature(made[0], skip=1) if made else ""


def markdown(docstring):
    """A docstring as Markdown, which it nearly is: only its examples need to be told."""
    text = inspect.cleandoc(docstring)
    return DOCTEST.sub(lambda found: f"```pycon\n{found.group()}\n```", text) + "\n"
