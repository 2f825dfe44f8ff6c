"""DRAW: A Recurrent Neural Network For Image Generation (Gregor et al. 2015), from scratch in explicit NumPy."""

import importlib

__all__ = ["datasets", "equations", "kernels", "load_pretrained"]
__version__ = "0.1.0"
ROOMS = ("backend", "datasets", "equations", "kernels", "models", "pretrained", "training")


def __getattr__(name):
    """Import a part when it is first asked for: what comes before `python -m draw_np` should take no time."""
    if name == "load_pretrained":
        from .pretrained import load_pretrained

        return load_pretrained
    if name in ROOMS:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *ROOMS, *__all__})
