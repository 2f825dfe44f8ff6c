"""From SVHN's archives of photographs to 64x64 squares, as Goodfellow et al. (2013) say; done once, in parallel.

The smallest box around all digits, 1.3 times as wide and as high about its centre, cut at the photograph's edge and
resized to 64x64 (Pillow, bilinear). The archives are read from beginning to end and never unpacked. Squares are
appended to `NAME.npy.part` in the archives' order, so what a broken run has done the next one finds.
"""

import io
import re
import tarfile
import zlib
from contextlib import ExitStack, closing, contextmanager
from pathlib import PurePosixPath

import numpy as np
from PIL import Image
from tqdm import tqdm

from draw_np.datasets import digit_struct, disk, growing, workers
from draw_np.datasets.base import DatasetError

SIDE, GROWTH = 64, 1.3
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")  # 8 bits at most: grey becomes colour, alpha is dropped
TASK = 64  # photographs that a worker is given at a time
AGAIN = "delete it and run `python -m draw_np datasets fetch svhn` again"


def square(png, box):
    """Return the pixels around `box` of the photograph in the bytes `png`, uint8 of shape (64, 64, 3).

    `box` is left, top, right and bottom in pixels, as digit_struct.entries gives them. Raises ValueError for a
    broken picture and for a box of which nothing lies in it.
    """
    try:
        image = Image.open(io.BytesIO(png), formats=["PNG"])
        image.load()
    except Exception as error:  # Pillow refuses what is broken in many ways
        raise ValueError(f"broken ({' '.join(str(error).split())})") from None
    if image.mode not in MODES:
        raise ValueError(f"of mode {image.mode}, not of 8 bits a colour")
    left, top, right, bottom = map(float, box)
    inside = 0 < right and left < image.width and 0 < bottom and top < image.height
    if not (np.all(np.isfinite(box)) and left < right and top < bottom and inside):
        where = f"from {left:g}, {top:g} to {right:g}, {bottom:g}"
        raise ValueError(f"{image.width} x {image.height} pixels large with digits {where}")
    x, y, width, height = (left + right) / 2, (top + bottom) / 2, GROWTH * (right - left), GROWTH * (bottom - top)
    west, east = max(x - width / 2, 0), min(x + width / 2, image.width)
    north, south = max(y - height / 2, 0), min(y + height / 2, image.height)
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.BILINEAR, box=(west, north, east, south)))


def boxes(archive, count):
    """Return names, boxes and digits of the `count` photographs of `archive` in its order, a digit_struct.ENTRY each.

    They are kept beside it, since reading them takes minutes. Raises DatasetError for an archive that is damaged,
    has no digitStruct.mat or a bad one, and unless it has a box for each photograph and a photograph for each box.
    """
    kept, mat = _beside(archive, "boxes.npy"), _beside(archive, "digitStruct.mat")
    try:
        entries = np.load(kept, allow_pickle=False)
        if entries.dtype == digit_struct.ENTRY and entries.shape == (count,):
            return entries
    except Exception:  # not there, or no use, which NumPy says in many ways: it is made anew
        pass
    try:
        names = _extract(archive, mat)
        entries = _entries(mat, count)
    except ValueError as error:
        raise DatasetError(f"{archive} has a bad digitStruct.mat ({error}): {AGAIN}") from None
    finally:
        mat.unlink(missing_ok=True)
    entries = _in_order(entries, names, archive)
    save(kept, entries)
    return entries


def save(path, array):
    """Write the .npy file `path`, whole or not at all. Raises DatasetError if it cannot be written."""
    data = io.BytesIO()
    np.save(data, array)
    disk.write(path, [data.getbuffer()])


def preprocess(archives, tables, target, paths, orders):
    """Write the squares of the photographs in `archives` to the .npy files `paths`, uint8 (count, 64, 64, 3).

    `tables` are what `boxes` says of each archive; `target`, int of shape (sum of their lengths,), says which of
    `paths` each entry goes to, -1 for none. `orders` has for each path the order its squares are put in at last,
    None for the archives'. Raises DatasetError for an archive that is damaged or has a photograph that cannot be
    used, and for a full disk; what was done is kept for the next call.
    """
    parts = [path.with_name(f"{path.name}.part") for path in paths]
    counts = np.bincount(target[target >= 0], minlength=len(paths)).tolist()
    with ExitStack() as stack:
        files, done = [], []
        for part, count in zip(parts, counts):
            file, whole = growing.begin(part, (count, SIDE, SIDE, 3))
            files.append(stack.enter_context(file))
            done.append(whole)
        bar = stack.enter_context(tqdm(desc="SVHN", unit="image", initial=sum(done), total=sum(counts)))
        wanted = _wanted(archives, tables, target, done)
        for squares in stack.enter_context(closing(workers.run(_squares, _tasks(wanted)))):
            for i, pixels in squares:
                growing.append(files[i], parts[i], pixels)
            bar.update(len(squares))
    for part, path, order in zip(parts, paths, orders):
        growing.finish(part, path, order)


def _wanted(archives, tables, target, done):
    """Yield archive, name, PNG, box and target of every photograph that has one and is not done."""
    left, targets = list(done), iter(target.tolist())
    for archive, table in zip(archives, tables):
        entries = zip(table["name"].tolist(), table["box"])
        with _reading(archive):
            for name, file in _members(archive, digit_struct.NAME):
                known, box = next(entries, (None, None))
                if name != known:
                    raise _another(archive)
                i = next(targets)
                if i >= 0 and left[i]:
                    left[i] -= 1
                elif i >= 0:
                    yield archive, name, file.read(), box, i
        if next(entries, None):
            raise _another(archive)


def _another(archive):
    return DatasetError(
        f"{archive} is another than {_beside(archive, 'boxes.npy')} was made of: delete all in this folder but the "
        "archives, and fetch svhn again"
    )


def _tasks(photographs):
    task = []
    for photograph in photographs:
        task.append(photograph)
        if len(task) == TASK:
            yield (task,)
            task = []
    yield (task,)


def _squares(photographs):
    """Return target and square of each; this is what the workers do."""
    squares = []
    for archive, name, png, box, i in photographs:
        try:
            squares.append((i, square(png, box)))
        except ValueError as error:
            raise DatasetError(f"{archive} has a photograph {name} that is {error}: {AGAIN}") from None
    return squares


def _beside(archive, end):
    return archive.with_name(f"{archive.name.partition('.')[0]}_{end}")


def _extract(archive, mat):
    """Write the digitStruct.mat of `archive` to `mat`, and return the names of its photographs in its order."""
    names, found = [], False
    with _reading(archive):
        for name, file in _members(archive, rf"digitStruct\.mat|{digit_struct.NAME}"):
            if name != "digitStruct.mat":
                names.append(name)
            elif not found:
                disk.write(mat, disk.chunks(file))
                found = True
    if not found:
        raise ValueError("there is none")
    return names


def _in_order(entries, names, archive):
    place = {name: i for i, name in enumerate(entries["name"].tolist())}
    for fault, some in (("lacks", place.keys() - set(names)), ("has no box for", set(names) - place.keys())):
        if some:
            raise DatasetError(f"{archive} {fault} {len(some):,} of its photographs, as {min(some)}: {AGAIN}")
    if len(names) > len(entries):
        raise DatasetError(f"{archive} has two photographs of one name: {AGAIN}")
    return entries[[place[name] for name in names]]


def _entries(mat, count):
    found = digit_struct.length(mat)
    if found != count:
        raise ValueError(f"it tells of {found:,} photographs, not {count:,}")
    tasks = [(mat, start, min(start + TASK, count)) for start in range(0, count, TASK)]
    with (
        closing(workers.run(digit_struct.entries, tasks)) as parts,
        tqdm(desc=mat.name, unit="box", total=count) as bar,
    ):
        entries = np.empty(count, digit_struct.ENTRY)
        for (_, start, stop), part in zip(tasks, parts):
            entries[start:stop] = part
            bar.update(len(part))
    if len(np.unique(entries["name"])) < count:
        raise ValueError("two photographs have one name")
    return entries


@contextmanager
def _reading(archive):
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DatasetError(f"{archive} is damaged or cut short ({error}): {AGAIN}") from None


def _members(archive, wanted):
    """Yield name and open file of each regular member whose name, folders aside, is as the pattern `wanted`."""
    with tarfile.open(archive, "r:gz") as tar:
        while member := tar.next():
            tar.members.clear()  # or it remembers all 202,353
            name = PurePosixPath(member.name).name
            if member.isreg() and re.fullmatch(wanted, name):
                yield name, tar.extractfile(member)
