"""Training: what a run is, the loop that makes it, its files, and the measures and checks around it.

To read it, begin with `recipe`, what a run is, and `presets`, the paper's models. Then `data` and `batches`, what is
shown; `update`, one step, with `adam` and `trees`; and `loop`, phase by phase. `run` is the folder of a run, `journal`
its metrics, `checkpoint` its files, which `archive` reads; `shards` and `ranks` share the work. `evaluation` measures
the weights, `gradient_check` the gradients, by `finite_differences`; `words` tells a recipe.
"""
