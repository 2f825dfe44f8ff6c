"""How the equations are wired into models, each a module with the same names.

All have `Config`, `init_params` and the `shapes` of what it makes, `loss` and what training needs to know: `LOSSES`,
the names of the loss's terms, and `losses`, the terms of each image; `given`, what these take besides images (noise, or
labels), and `BATCH_AXIS`, the axis of the batch in it; `MEASURE`, the name of what it is judged by in
`training.evaluation`; `FREE`, the sizes that its parameters do not depend on. Models of images also have
`sample_noise`, `bound`, `log_importance_weight` and `generate`; a classifier `look` and `cross_entropy`.
"""

from . import draw, glimpse_classifier, vae

MODELS = {"draw": draw, "vae": vae, "glimpse_classifier": glimpse_classifier}
