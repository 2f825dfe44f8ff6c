"""DRAW: A Recurrent Neural Network For Image Generation (Gregor et al. 2015), from scratch in explicit NumPy."""

from . import datasets, equations, kernels
from .pretrained import load_pretrained

__all__ = ["datasets", "equations", "kernels", "load_pretrained"]
__version__ = "0.1.0"
