"""Scores of documents: a run reads the texts of those that are new or changed, a part of them at a time."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_assets.model_settings import DocumentScoreSettings
from atlas_assets.orchestration.publishing import AssetRun

if TYPE_CHECKING:
    import pandas as pd

TABLE = "silver.documents"
COLUMNS = ["document_id", "session_date", "kind", "language", "title", "body"]
MOST_DOCUMENTS = 50_000
"""Whose texts are in memory at a time."""


@dataclass(frozen=True)
class Scored:
    """The score of every document, and how many of them this run scored."""

    table: pd.DataFrame
    now: int


def scored_documents(run: AssetRun, documents: pd.DataFrame, parameters: DocumentScoreSettings) -> Scored:
    """The score of every document in a language that is scored.

    A row that is there stays unless the document changed or is gone; after a change of code version, or of the
    parameters, which are part of it, none stays.

    Parameters
    ----------
    documents
        document_id and language of all there are.
    parameters
        How texts are scored.
    """
    import pandas as pd

    from atlas_assets.sentiment.document_scores import SCORED_LANGUAGES, score_documents

    wanted = documents.loc[documents["language"].isin(SCORED_LANGUAGES), "document_id"]
    kept = _unchanged(run)
    kept = kept[kept["document_id"].isin(wanted)]
    due = sorted(wanted[~wanted.isin(kept["document_id"])])
    parts = [score_documents(texts, **parameters.model_dump()) for texts in _texts(run, due)]
    table = pd.concat([kept, *parts]).sort_values(["session_date", "document_id"], ignore_index=True)
    return Scored(table, len(due))


def _unchanged(run: AssetRun) -> pd.DataFrame:
    """The asset's rows of documents that are what they were when they were scored."""
    from atlas_assets.lake.reading import to_pandas

    changed = run.changed(TABLE, by=["document_id"])
    if changed is None:
        return to_pandas(run.no_rows())
    rows = run.lake.read(run.table.name, as_of=run.snapshot)
    return rows[~rows["document_id"].isin(changed["document_id"])]


def _texts(run: AssetRun, documents: list[str]) -> Iterator[pd.DataFrame]:
    """Documents with their texts in parts, each one a range of ids: what lies outside of it need not be read."""
    for start in range(0, len(documents), MOST_DOCUMENTS):
        part = documents[start : start + MOST_DOCUMENTS]
        within = "document_id BETWEEN ? AND ? AND document_id IN (SELECT unnest(?::VARCHAR[]))"
        yield run.read(TABLE, columns=COLUMNS, where=(within, [part[0], part[-1], part]))
