"""What every fitted grouping says when its optimiser has not found its end."""


class ConvergenceWarning(UserWarning):
    """The optimiser stopped before it found a maximum of the likelihood: do not trust the parameters."""
