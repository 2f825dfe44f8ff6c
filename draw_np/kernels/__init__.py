"""The equations once more, with gradients derived by hand: the same names and signatures, faster, proven equal.

Read a file here beside the file of the same name in `draw_np.equations`.
"""

from ..equations import LSTMState, Window, sample_image
from .attention import (
    attention_window,
    filter_means,
    filterbank,
    filterbanks,
    glimpse,
    read,
    read_without_attention,
    write,
    write_without_attention,
    writing_patch,
)
from .classification import cross_entropy, softmax
from .latent import kl, log_posterior_over_prior, posterior, sample
from .likelihood import error_image, negative_log_likelihood, pixel_means
from .linear import bounded_exp, linear, sigmoid
from .lstm import lstm
from .primitive import loop_invariant, shared

__all__ = [
    "LSTMState", "Window", "attention_window", "bounded_exp", "cross_entropy", "error_image", "filter_means",
    "filterbank", "filterbanks", "glimpse", "kl", "linear", "log_posterior_over_prior", "loop_invariant", "lstm",
    "negative_log_likelihood", "pixel_means", "posterior", "read", "read_without_attention", "sample",
    "sample_image", "shared", "sigmoid", "softmax", "write", "write_without_attention", "writing_patch",
]  # fmt: skip
