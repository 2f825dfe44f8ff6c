"""How the equations are wired into models, each a module with the same names.

`Config`, `init_params`, `sample_noise`, `bound`, `loss`, `log_importance_weight` and `generate`.
"""

from . import draw, vae

MODELS = {"draw": draw, "vae": vae}
