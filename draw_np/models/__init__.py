"""How the equations are wired into models, each a module with the same names.

Models of images have `Config`, `init_params`, `sample_noise`, `bound`, `loss`, `log_importance_weight` and `generate`.
A classifier has `Config`, `init_params`, `look`, `cross_entropy` and `loss`, with labels where the others have noise.
"""

from . import draw, glimpse_classifier, vae

MODELS = {"draw": draw, "vae": vae, "glimpse_classifier": glimpse_classifier}


def is_classifier(model):
    """Whether a model names what images show, rather than drawing them."""
    return hasattr(model, "cross_entropy")
