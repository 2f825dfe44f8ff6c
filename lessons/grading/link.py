"""A line between two processes over which values travel, and calls.

Values travel as copies. Functions, and objects with attributes, stay where they are: the other end gets a `Remote`,
whose calls and attributes come back over the line.
"""

import builtins
import json
import types

import numpy as np

from .values import pack, unpack

LARGEST = 2**28  # bytes of one message


NONSENSE = "sent what cannot be read, or too much"


class Lost(BaseException):
    """The other end is gone, does not answer in time, or sends nonsense; the message says which.

    No `except Exception` of a check may take it for a wrong answer.
    """


class AnswerError(Exception):
    """The other end raised something that has no like here."""


class Link:
    """One end of the line. `names` are the variables of this end, where classes are looked for by name.

    `guarded`: the other end may call what it was given and look at objects of the course, and nothing else.
    """

    def __init__(self, connection, names, guarded):
        self.connection, self.names, self.guarded = connection, names, guarded
        self.given, self.count, self.dropped = {}, 0, []

    # A message is [numbers of Remotes that are no longer needed, what, ..., the number of arrays], then their bytes

    def send(self, *message):
        blobs = []
        packed = [pack(part, blobs, self.give) for part in message]
        dropped, self.dropped = self.dropped, []
        text = json.dumps([dropped, *packed, len(blobs)])
        try:
            for part in text.encode(), *blobs:
                self.connection.send_bytes(part)
        except OSError:
            raise Lost("ended its process") from None

    def receive(self):
        """Return the next message, unpacked."""
        try:
            dropped, *message, count = json.loads(self.connection.recv_bytes(LARGEST))
            blobs, room = [], LARGEST
            for _ in range(count):
                blobs.append(self.connection.recv_bytes(room))
                room -= len(blobs[-1])
            for number in dropped:
                self.given.pop(number, None)
            what, *rest = (unpack(part, blobs, self.take) for part in message)
            return [what, *rest]
        except (EOFError, ConnectionError):
            raise Lost("ended its process") from None
        except Exception:  # whatever another program may have written
            raise Lost(NONSENSE) from None

    def give(self, value):
        """Say which Remote stands for a value: an old one of the other end's, or a new one."""
        if isinstance(value, Remote):
            link, number = place_of(value)
            if link is self:
                return {"yours": number}
        if isinstance(value, types.ModuleType | Remote):
            raise TypeError(f"a {type(value).__name__} cannot be handed over")
        value = value.value if isinstance(value, Held) else value
        self.count += 1
        self.given[self.count] = value
        return {"mine": [self.count, type(value).__name__]}

    def take(self, kind, told):
        if kind == "yours":
            return self.given[told]
        if kind == "mine":
            return remote(self, *told)
        raise ValueError

    def ask(self, *request):
        """Send a request and return the answer, or raise what the other end raised; serves its requests meanwhile."""
        self.send(*request)
        while True:
            what, *rest = self.receive()
            if what == "returned":
                return rest[0]
            if what == "raised":
                raise raised(*map(str, rest))
            self.serve(what, rest)
            del rest  # or the last object would live on while we wait

    def serve(self, what, rest):
        """Do what a request asks for, and send what comes of it."""
        try:
            self.send("returned", self.do(what, *rest))
        except Lost:
            raise
        except BaseException as error:  # an answer may raise SystemExit
            self.send("raised", type(error).__name__, first_line(error))

    def do(self, what, thing, *rest):
        if what == "call":
            arguments, named = rest
            return thing(*arguments, **named)
        if what == "function" and not self.guarded:
            return self.names[thing]
        known = isinstance(thing, list | dict | types.SimpleNamespace | np.random.Generator)
        if self.guarded and not known and self.names.get(type(thing).__name__) is not type(thing):
            raise TypeError(f"a {type(thing).__name__} of the check can only be called")
        if what == "get":
            if rest[0].startswith("_"):
                raise AttributeError(f"no {rest[0]}")
            value = getattr(thing, rest[0])
            return Held(value) if isinstance(value, list | dict) else value
        if what == "items":
            return list(thing)
        if what == "item":
            return thing[rest[0]]
        if what == "len":
            return len(thing)
        if what == "set" and not self.guarded:
            return setattr(thing, *rest)
        raise TypeError(f"a check allows no {what!r:.20}")


class Held:
    """A list or a dict that belongs to an object: of it a Remote is given, and no copy."""

    def __init__(self, value):
        self.value = value


class Remote:
    """Something that lives at the other end."""

    def __call__(self, *arguments, **named):
        return asked(self, "call", arguments, named)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return asked(self, "get", name)

    def __setattr__(self, name, value):
        asked(self, "set", name, value)

    def __getitem__(self, place):
        return asked(self, "item", place)

    def __len__(self):
        return asked(self, "len")

    def __iter__(self):
        return iter(asked(self, "items"))

    def __bool__(self):
        return True

    @property
    def __class__(self):
        """The class of this name at this end, so that isinstance finds a class that both ends have."""
        like = place_of(self)[0].names.get(type(self).__name__)
        return like if isinstance(like, type) else type(self)

    def __del__(self):
        link, number = place_of(self)
        link.dropped.append(number)


def remote(link, number, name):
    """A Remote whose class has the name of the thing's."""
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError
    made = object.__new__(type(name, (Remote,), {}))
    object.__setattr__(made, "_place", (link, number))
    return made


def place_of(thing):
    """Where a Remote's thing is: the link, and its number at the other end."""
    return object.__getattribute__(thing, "_place")


def asked(thing, what, *rest):
    return place_of(thing)[0].ask(what, thing, *rest)


def raised(name, text):
    """The exception that the other end raised, of Python's own class if it has one and only says that it failed."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, StopIteration):
        try:
            return kind(text)
        except TypeError:  # UnicodeDecodeError wants five arguments
            pass
    return AnswerError(f"{name}: {text}")


def first_line(error):
    """The first line of what an exception says, in plain characters and not too long; "" if it says nothing."""
    try:
        text = str(error)
    except BaseException:  # a student's own exception may raise while it is told
        text = ""
    line = next(iter(text.strip().splitlines()), "")
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:300]
