"""What the lake needs now and then so that it stays fast."""

from __future__ import annotations

import logging

from atlas_assets.lake import Lake, LakeError
from atlas_assets.lake.compaction import tables_of_many_files

MOST_FILES = 64
"""A run adds a file to each table that it changes, and one to each ledger."""

logger = logging.getLogger(__name__)


def keep_few_files(lake: Lake) -> None:
    """Merge the files of every table that lies in more than `MOST_FILES`; one that cannot be merged now waits.

    What the tables hold and held, the change feed and their versions stay as they are.
    """
    with lake.reader() as connection:
        crowded = tables_of_many_files(connection, more_than=MOST_FILES)
    for table in crowded:
        try:
            before, after = lake.compact(table)
            logger.info("%s: %d files are %d now.", table, before, after)
        except LakeError as error:
            logger.warning("%s", error)
