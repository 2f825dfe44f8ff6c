"""The paper's equations in plain array code, one file a section: read these first.

`arguments` is no section: it is how each of them refuses arrays of shapes that it does not take.
"""

from .attention import (
    Window,
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
from .likelihood import error_image, negative_log_likelihood, pixel_means, sample_image
from .linear import bounded_exp, linear, loop_invariant, shared, sigmoid
from .lstm import LSTMState, lstm

__all__ = [
    "LSTMState", "Window", "attention_window", "bounded_exp", "cross_entropy", "error_image", "filter_means",
    "filterbank", "filterbanks", "glimpse", "kl", "linear", "log_posterior_over_prior", "loop_invariant", "lstm",
    "negative_log_likelihood", "pixel_means", "posterior", "read", "read_without_attention", "sample",
    "sample_image", "shared", "sigmoid", "softmax", "write", "write_without_attention", "writing_patch",
]  # fmt: skip
