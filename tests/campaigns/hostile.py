"""Damaged and hostile files, each made from a good one: crafted by what has once gone wrong, or at random.

`cases(good, rng)` gives Case after Case without end: every crafted one once, then random ones. `good` has the paths of
good files by kind.
"""

import gzip
import io
import itertools
import json
import os
import warnings
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

NESTED = "[" * 990 + "]" * 990
STRANGE = [
    None, True, -1, 0, 3, 0.5, -1e308, 10**6, 2**31, 2**63, 2**64, 10**30, 10**400, float("inf"), float("nan"), "", "x",
    "a\nb", "\x1b[31mred", "x" * 10**5, [], [1, 2], [True], [[]], json.loads("[" * 300 + "]" * 300), {}, {"a": 1},
    {"state": {"a": []}},
]  # fmt: skip
BOMB = "{'descr': '<f4', 'fortran_order': False, 'shape': (393216000,), }"


class Case(NamedTuple):
    """A file to be written: `same` says that it may be used only if it gives what the good file gives."""

    kind: str
    label: str
    write: Callable  # of the path
    same: bool = False


def cases(good, rng):
    crafted = itertools.chain(
        *(archives(kind, good[kind], rng) for kind in ("weights", "classifier", "vae", "checkpoint")),
        metrics(good["metrics"]),
        arrays(good["images"]),
        plain(good),
        strange_files(good),
    )
    yield from crafted
    while True:
        kind = list(good)[rng.integers(len(good))]
        yield damaged(kind, good[kind].read_bytes(), rng)
        if good[kind].suffix == ".npz":
            yield resealed(kind, good[kind], rng)


# Archives of arrays


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(found, how=zipfile.ZIP_STORED):
    """The function that writes an archive of members, as a dict or as pairs."""

    def write(path):
        pairs = found.items() if isinstance(found, dict) else found
        with zipfile.ZipFile(path, "w", how) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a name twice
            for name, data in pairs:
                with archive.open(zipfile.ZipInfo(name) if how == 0 else name, "w", force_zip64=True) as file:
                    for piece in [data] if isinstance(data, bytes) else data:
                        file.write(piece)

    return write


def npy(array, header=None):
    """The bytes of a .npy file, also with a header that is none of it."""
    file = io.BytesIO()
    if header is None:
        np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
        return file.getvalue()
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + np.asarray(array).tobytes()


def text(meta):
    return npy(np.array(meta if isinstance(meta, str) else json.dumps(meta)))


def changed(tree, place, value):
    """A copy of nested dicts with another value at a place, a tuple of keys."""
    key, *rest = place
    return {**tree, key: changed(tree[key], rest, value) if rest else value}


def places(tree, above=()):
    for key, value in tree.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from places(value, (*above, key))


def headers():
    form = "{'descr': %s, 'fortran_order': %s, 'shape': %s, }"
    for descr in (
        "'<f4'",
        "'|O'",
        "'<U0'",
        "'|V0'",
        "[('a', '<f4')]",
        "('<f4', (9, 9))",
        "'<f16'",
        "'>f2'",
        "'x'",
        "5",
    ):
        yield form % (descr, "False", "(5,)")
    for shape in (
        "(2**9,)",
        "(-1, -5)",
        "(4294967296, 4294967296)",
        "(99999999999999999999,)",
        "(0, 10)",
        "5",
        "(True,)",
    ):
        yield form % ("'<f4'", "False", shape)
    yield from (form % ("'<f4'", "3", "(5,)"), "(" * 900, "-" * 900 + "1", "{}", "", "x" * 60_000, "[" * 5_000)


def archives(kind, good, rng):
    """Files of weights, and checkpoints: what they say of themselves is changed, and the rest is not."""
    found = members(good)
    meta = json.loads(str(np.load(io.BytesIO(found["meta.npy"]))))
    small, *_, largest = sorted(found.keys() - {"meta.npy"}, key=lambda name: (len(found[name]), name))

    def case(label, changes, how=zipfile.ZIP_STORED):
        kept = {name: data for name, data in (found | changes).items() if data is not None}
        return Case(kind, label, packed(kept, how))

    for place in places(meta):
        for value in STRANGE if kind in ("weights", "checkpoint") else STRANGE[::5]:
            yield case(f"meta {'/'.join(place)} = {value!r:.40}", {"meta.npy": text(changed(meta, place, value))})
    for key in ("wings", "a\nb", "\x1b[31m", "y" * 10**6):
        yield case(f"a key {key!r:.20}", {"meta.npy": text(changed(meta, ("config", key), 1))})
    for sizes in ({"hidden": 10_000}, {"height": 10**9}, {"steps": 50_000}, {"steps": 10**6}, {"hidden": 10**4000}):
        yield case(f"sizes {sizes!r:.30}", {"meta.npy": text({**meta, "config": {**meta["config"], **sizes}})})
    for said in ("", "{", "[1]", "null", NESTED, "[" * 100_000, "9" * 5000, '{"model": "draw"}', "\0", "x" * 2_000_000):
        yield case(f"meta {said:.20}", {"meta.npy": text(said)})
    for said in (np.array(3.0), np.array([{}], object), np.array(b"{}"), np.zeros((2, 0)), np.array(["{}"] * 2)):
        yield case(f"meta of {said.dtype}", {"meta.npy": npy(said)})
    for header in headers():
        for name in (small, "meta.npy"):
            yield case(f"a header {header[:60]}", {name: npy(np.ones(5, np.float32), header)})
    for value in (1e4, 1e10, -1e10, 1e30, -3e38, 1e-45, np.nan, np.inf):
        of_one = {
            name: npy(np.full_like(np.load(io.BytesIO(data)), value))
            for name, data in found.items()
            if name != "meta.npy"
        }
        yield case(f"all {value}", of_one)
        yield case(f"{largest} {value}", {largest: of_one[largest]})
    for name in (largest, small):
        array = np.load(io.BytesIO(found[name]))
        others = [array.astype(form) for form in (">f4", "f8", "f2", "i8", "c8", "S9")]
        for other in (*others, array.T, array[:-1], np.asfortranarray(array), array[None]):
            yield case(f"{name} as {other.dtype.str} {other.shape}", {name: npy(other)})
        yield case(f"without {name}", {name: None})
        yield case(f"{name} that is none", {name: b"hello"})
        yield case(f"{name} too long", {name: found[name] + b"0000"})
    deep = "/".join("a" * 2000)
    for name in (f"{deep}.npy", "params.npy", "optimiser.npy", "average.npy", "params/a\nb.npy", "\x1b[31m.npy", "x",
                 "params//.npy", "/.npy", f"{small[:-4]}/c.npy", "../x.npy", "n" * 60_000 + ".npy"):  # fmt: skip
        yield case(f"one more: {name[:30]!r}", {name: npy(np.ones(3, np.float32))})
    yield Case(kind, "a name twice", packed([*found.items(), (small, found[small])]))
    for how in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield case(f"packed with method {how}", {}, how)
        yield case(f"a bomb of method {how}", {"x.npy": itertools.repeat(bytes(1 << 20), 64)}, how)
    yield Case(kind, "deflated", packed(found, zipfile.ZIP_DEFLATED), same=True)
    bomb = itertools.chain([npy([], BOMB)], itertools.repeat(bytes(1 << 20), 1500))
    yield case("1.5 GB, deflated", {"x.npy": bomb}, zipfile.ZIP_DEFLATED)
    if kind == "weights":
        yield case("200,000 members", {f"{number}.npy": b"" for number in range(200_000)})
    for name in (f"{number}" for number in range(300)):
        found = {**found, f"params/{name}.npy": npy(1.0)}
    yield Case(kind, "300 members", packed(found))
    encrypted = bytearray(good.read_bytes())
    encrypted[encrypted.rindex(b"PK\x01\x02") + 8] |= 1
    yield Case(kind, "encrypted", lambda path: path.write_bytes(encrypted))


def resealed(kind, good, rng):
    """One member is damaged, and the archive has the right checksums all the same."""
    found = members(good)
    name = list(found)[rng.integers(len(found))]
    data = bytearray(found[name])
    for _ in range(rng.integers(1, 4)):
        data[rng.integers(min(len(data), 200 if rng.random() < 0.7 else len(data)))] = rng.integers(256)
    return Case(kind, f"{name} with other bytes", packed({**found, name: bytes(data)}, int(rng.choice([0, 8]))))


# Other files


def metrics(good):
    lines = good.read_text().splitlines()
    for line in (
        NESTED, "[" * 100_000, '{"update": 3}', '{"update": 1}', lines[0], "{}", "5", "null", '{"update": 1e400}',
        '{"update": %s}' % ("9" * 5000), '{"update": %s}' % ("9" * 400), "\0" * 1000, "x" * 10**7, '{"update": true}',
        lines[1].replace("2", '"2"', 1), lines[0].replace("{", '{"a": [], '), '{"update": -1, "steps": 1}', "\x1b[31m",
        lines[0].replace('"nats": ', '"nats": 9' + "9" * 400 + ", "), "\ud800", '{"update": NaN}',
    ):  # fmt: skip
        for found in ([line, *lines], [*lines, line], [line], [*lines[:2], line * 2, *lines[2:]]):
            data = "\n".join(found).encode(errors="surrogatepass")
            yield Case("metrics", f"a line {line[:30]!r}", lambda path, data=data: path.write_bytes(data))


def arrays(good):
    images = np.load(good)
    for header in headers():
        data = npy(images, header)
        yield Case("images", f"a header {header[:60]}", lambda path, data=data: path.write_bytes(data))
    others = [images.astype(form) for form in (object, int, complex, "S3")]
    others += [images[:0], images[0], images[..., None, None], images * 9, -images, images * np.nan, np.float32(1)]
    for array in others:
        data = npy(array)
        yield Case("images", f"{array.dtype} {array.shape}", lambda path, data=data: path.write_bytes(data))
    yield Case("images", "an archive", lambda path: packed({"a.npy": npy(images)})(path))


def plain(good):
    """Compressed files of bytes, and texts."""
    raw = gzip.decompress(good["idx"].read_bytes())
    for label, data in {
        "another type": raw[:2] + b"\x0d" + raw[3:], "more axes": raw[:3] + b"\xff" + raw[4:], "one short": raw[:-1],
        "one more": raw + b"\0", "lengths": raw[:4] + b"\xff" * 12 + raw[16:], "20 MB": bytes(20 << 20), "none": b"",
    }.items():  # fmt: skip
        yield Case("idx", label, lambda path, data=data: path.write_bytes(gzip.compress(data, 1)), same=True)
    twice = good["idx"].read_bytes() * 2
    yield Case("idx", "two of gzip", lambda path: path.write_bytes(twice), same=True)
    said = good["amat"].read_bytes()
    for label, data in {
        "tabs": said.replace(b" ", b"\t"), "floats": said[:-9] + b"1.000e+00", "NaN": b"nan" + said[3:],
        "one more": said + b" ", "30 MB": bytes(30 << 20), "other line ends": said.replace(b"\n", b"\r"),
        "a two": b"2" + said[1:],
    }.items():  # fmt: skip
        yield Case("amat", label, lambda path, data=data: path.write_bytes(data), same=True)


def strange_files(good):
    """What is no regular file, or has nothing in it."""
    for kind in good:
        yield Case(kind, "a pipe", os.mkfifo)
        yield Case(kind, "a folder", os.mkdir)
        yield Case(kind, "empty", lambda path: path.write_bytes(b""))
        yield Case(kind, "nothing at all", lambda path: None)
        yield Case(kind, "a link to itself", lambda path: path.symlink_to(path.name))
        yield Case(kind, "1 GB of nothing", lambda path: (path.touch(), os.truncate(path, 1 << 30)))
        for device in ("/dev/zero", "/dev/random", "/dev/full", "/dev/null"):
            yield Case(kind, device, lambda path, device=device: path.symlink_to(device))
        for other in good:
            if other != kind:
                data = good[other].read_bytes()
                yield Case(kind, f"a file of {other}", lambda path, data=data: path.write_bytes(data))


def damaged(kind, data, rng):
    """Bytes of a file are changed, lost, doubled or moved."""
    start, end = sorted(rng.integers(0, len(data) + 1, 2))
    end = min(end, start + int(rng.choice([1, 10, 1000, len(data)])))
    label, found = [
        ("bytes changed", lambda: flipped(data, rng)),
        ("cut short", lambda: data[:start]),
        ("bytes lost", lambda: data[:start] + data[end:]),
        ("bytes doubled", lambda: data[:end] + data[start:]),
        ("bytes of zero", lambda: data[:start] + bytes(end - start) + data[end:]),
        ("bytes at random", lambda: data[:start] + rng.bytes(end - start) + data[end:]),
    ][rng.integers(6)]
    found = found()
    return Case(kind, label, lambda path: path.write_bytes(found), same=kind not in ("images", "metrics"))


def flipped(data, rng):
    changed = bytearray(data)
    tail = max(0, len(data) - 2000) if rng.random() < 0.3 else 0  # of an archive, its directory
    for _ in range(rng.integers(1, 5)):
        changed[rng.integers(tail, len(data))] ^= 1 << rng.integers(8)
    return bytes(changed)
