"""A notebook as the web pages show it: with links at its head and end, and words for its pictures."""

import ast
import json
import re

import equation_map
import lite
import reference

TELLING = "title", "xlabel", "ylabel", "label", "set_title", "set_xlabel", "set_ylabel", "suptitle", "text"


def page(text, name, titles, links):
    """A notebook, as its JSON text, for the page `name`, a path. `titles`: {path of a notebook: its title}.

    `links(text, name)` makes the links of a text lead to other pages.
    """
    notebook = json.loads(text)
    part = ""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            part = ([part] + re.findall(r"^##? (.+)$", source, re.MULTILINE))[-1]
            cell["source"] = links(source, name)
        elif any("image/png" in output.get("data", {}) for output in cell["outputs"]):
            cell["metadata"]["mystnb"] = {"image": {"alt": alternative(source, part)}}
    title, _, rest = "".join(notebook["cells"][0]["source"]).partition("\n")
    notebook["cells"][0]["source"] = f"{title}\n\n{head(name, titles)}\n{rest}"
    if code := in_code(name):
        notebook["cells"].append({"cell_type": "markdown", "id": "in-code", "metadata": {}, "source": code})
    return json.dumps(notebook)


def head(name, titles):
    """The lines below a title: how to run the notebook, and what belongs to it."""
    folder, _, file = name.rpartition("/")
    if folder == "lessons":
        what, other = "this lesson", f"exercises/{file}"
        more = f"[Its exercises]({other})" if f"lessons/{other}" in titles else ""
    else:
        what, other = "these exercises", f"lessons/{file}"
        more = f"[The lesson {titles[other]}](../{file})" if other in titles else ""
    if reason := lite.reason(name):
        return f'<span class="not-run">{reason}</span> {more}\n'
    address = f"{'../' * name.count('/')}lite/lab/index.html?path={name.removeprefix('lessons/')}"
    wide = f'<span class="wide">On a wider screen a button here runs {what} in the browser.</span>'
    return f'<a class="run lab" href="{address}">Run {what} in the browser</a>{wide} {more}\n'


def in_code(name):
    """Where the equations of a lesson are in the code, and their tests."""
    folder, _, file = name.rpartition("/")
    taught = [row for row in equation_map.rows() if folder == "lessons" and file[:2] in row.lessons]
    lines = ["## In the code\n"] if taught else []
    for row in {(row.function, row.test): row for row in taught}.values():
        its = [each for each in taught if (each.function, each.test) == (row.function, row.test)]
        lines.append(
            f"- {equation_map.numbers(its)}: {row.reference} "
            f"([source](../{reference.code_name(row.file)}#{row.function})), "
            f"tested by [`{row.test}`](../{reference.code_name(row.test_file)}#{row.test})"
        )
    return "\n".join(lines)


def alternative(source, part):
    """A picture in words: the part of the lesson it stands in, and what the cell that made it writes into it."""
    words = []
    for node in ast.walk(ast.parse(re.sub(r"^[%!].*", "", source, flags=re.MULTILINE))):
        if isinstance(node, ast.keyword) and node.arg in TELLING:
            words += strings(node.value)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in TELLING:
            words += [word for argument in node.args for word in strings(argument)]
    told = "; ".join(dict.fromkeys(words))
    part = re.sub(r" \(.* minutes?\)$", "", plain(part))
    return f"Picture in “{part}”" + (f", with the words: {told}" if told else "")


def strings(node):
    """The words of a string in the code; what is computed in it is left out."""
    if isinstance(node, ast.JoinedStr):
        text = "".join(each.value if isinstance(each, ast.Constant) else "…" for each in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    else:
        return []
    text = plain(text)
    return [text] if re.search(r"\w\w|^\w$", text) else []


def plain(text):
    """A text without the signs of formulas and of code, and without what is computed where it begins."""
    text = re.sub(r"\\(?:var|mathcal\b|mathbf\b)", "", text)
    return re.sub(r"^(?:… )+(?=\w)", "", " ".join(re.sub(r"[$\\{}`*]", "", text).split()))
