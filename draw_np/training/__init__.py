"""Training: the optimiser, the loop, its checkpoints, evaluation, and the check of every gradient."""
