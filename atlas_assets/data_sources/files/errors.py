"""Why a dropped file is not taken."""


class FileRefused(Exception):
    """A dropped file cannot be taken at all; the message is one sentence for the person who dropped it."""
