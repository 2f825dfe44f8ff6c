"""Every core at work: processes that each take a shard of the batch through its own forward and backward pass.

Processes, not threads: between two NumPy calls a thread needs the interpreter's lock, which the others hold.
"""

import importlib
import multiprocessing
import signal

import numpy as np
from threadpoolctl import threadpool_limits

from .step import losses_and_gradient
from .trees import map_leaves

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What asks a run to stop. It comes to all processes and is for the one that saves."""


class Shards:
    """`count` processes, this one among them. To be used in a `with`, or closed."""

    def __init__(self, count):
        context = multiprocessing.get_context("spawn")
        self.connections = []
        before = [signal.signal(number, signal.SIG_IGN) for number in SIGNALS]  # the processes inherit that
        for _ in range(count - 1):
            ours, theirs = context.Pipe()
            context.Process(target=serve, args=(theirs,), daemon=True).start()
            theirs.close()
            self.connections.append(ours)
        for number, handler in zip(SIGNALS, before):
            signal.signal(number, handler)

    def losses_and_gradient(self, params, model, config, images, noise, ops):
        """As `step.losses_and_gradient`, over all shards.

        The sums are added in the order of the shards: the same bits every time, and the same numbers up to rounding
        whatever the number of shards. Raises ValueError for fewer images than shards, ChildProcessError when a process
        has died.
        """
        count = len(self.connections) + 1
        if count > len(images):
            raise ValueError(
                f"{count} shards of a batch of {len(images)} images: some would be empty; use fewer threads"
            )
        parts = list(zip(np.array_split(images, count), np.array_split(noise, count, axis=1)))
        try:
            for connection, (images_k, noise_k) in zip(self.connections, parts[1:]):
                connection.send((params, model.__name__, config, images_k, noise_k, ops.__name__))
            found = [losses_and_gradient(params, model, config, *parts[0], ops)]
            found += [connection.recv() for connection in self.connections]
        except (EOFError, ConnectionError) as error:
            raise ChildProcessError(
                "a process that computes a shard of the batch has died: was memory short?"
            ) from error
        shares = [len(images_k) / len(images) for images_k, _ in parts]
        nats = sum(share * np.array(nats) for share, (nats, _) in zip(shares, found))
        gradient = map_leaves(
            lambda *leaves: sum(leaf * leaf.dtype.type(share) for share, leaf in zip(shares, leaves)),
            *(gradient for _, gradient in found),
        )
        return nats.tolist(), gradient

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for connection in self.connections:
            connection.close()  # the other end then reads the end of the file, and its process ends


def serve(connection):
    """What a process does: gradients of what it is sent, until the other end is closed or its process is gone."""
    with threadpool_limits(1):
        while True:
            try:
                params, model, config, images, noise, ops = connection.recv()
            except EOFError:
                return
            model, ops = importlib.import_module(model), importlib.import_module(ops)
            connection.send(losses_and_gradient(params, model, config, images, noise, ops))
