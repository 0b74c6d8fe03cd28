"""What a training sample asks of the past."""


class TooLittleHistory(ValueError):
    """No instrument has the history that a training sample needs; the message says how much, and what to do."""
