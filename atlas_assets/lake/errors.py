"""The one exception that people see."""


class LakeError(Exception):
    """Something about the lake is wrong; the message is one sentence: what, where, and what to do."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error, without the engine's heading or a closing full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__
