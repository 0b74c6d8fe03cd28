"""What every fitted grouping says when its optimiser has not found its end, or has nothing to begin with."""


class NoFit(ValueError):
    """The training sample tells too little: it has too few rows, or they do not differ."""


class ConvergenceWarning(UserWarning):
    """The optimiser stopped before it found a maximum of the likelihood: do not trust the parameters."""
