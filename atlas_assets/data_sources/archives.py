"""Zip archives of one file, read with bounded memory."""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib

LARGEST_MEMBER = 2**30
HIGHEST_RATIO = 200
"""Repetitive candles shrink 30 times; deflate's bombs a thousand times."""

# Below this, a ratio says nothing.
_SMALL_MEMBER = 2**20
_STEP = 2**20

# What zipfile raises for archives that are not as they should be; some of these are no ValueError.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    UnicodeDecodeError,
)


def only_member(
    content: bytes, *, suffix: str, max_bytes: int = LARGEST_MEMBER, max_ratio: int = HIGHEST_RATIO
) -> bytes:
    """The one file of a zip archive, its checksum verified.

    Parameters
    ----------
    content
        The archive.
    suffix
        Ending of the file's name.
    max_bytes, max_ratio
        Bounds on its unpacked size, and on that in relation to the packed one.

    Raises
    ------
    ValueError
        When the archive is damaged, has other members, a name with a path, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _unpacked(archive, suffix, min(max_bytes, max(_SMALL_MEMBER, max_ratio * len(content))))
    except _ZIP_ERRORS as error:
        problem = f"{type(error).__name__}: {error}"
    raise ValueError(f"the archive is damaged ({problem})")


def _unpacked(archive: zipfile.ZipFile, suffix: str, bound: int) -> bytes:
    members = archive.infolist()
    if len(members) != 1:
        raise ValueError(f"the archive holds {len(members)} files, not one")
    (member,) = members
    # What the archive says; zipfile mends the other name.
    name = member.orig_filename
    if not re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,200}}{re.escape(suffix)}", name):
        raise ValueError(f"the archive's file is named {name[:80]!r}, not plainly with {suffix}")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"the archive uses compression {member.compress_type}")
    if member.file_size > bound:
        raise ValueError(f"the archive unpacks to {member.file_size} bytes, more than {bound}")
    unpacked = bytearray()
    with archive.open(member) as file:
        # The announced size may be a lie; zipfile stops there and then misses the checksum.
        while step := file.read(_STEP):
            unpacked += step
            if len(unpacked) > bound:
                raise ValueError(f"the archive unpacks to more than {bound} bytes")
    return bytes(unpacked)
