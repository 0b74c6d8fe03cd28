"""What texts say of a day."""

from atlas_assets.contracts.columns import Contract, Date, Integer, Number, column
from atlas_assets.contracts.rules import rule


class DailySentiment(Contract):
    """News sentiment by day. One row per session_date."""

    session_date: Date = column("UTC day of publication")
    document_count: Integer = column("Documents scored, identical ones once", ge=1)
    sentiment_mean: Number = column("Mean compound score", unit="-1 to 1", ge=-1, le=1)
    sentiment_std: Number = column("Standard deviation of the scores (ddof 0)", unit="-1 to 1", ge=0, le=1)
    positive_share: Number = column("Share of documents with a score of at least 0.05", unit="fraction", ge=0, le=1)
    negative_share: Number = column("Share of documents with a score of at most -0.05", unit="fraction", ge=0, le=1)

    shares_within_whole = rule("positive_share + negative_share <= 1")

    class Config(Contract.Config):
        unique = ["session_date"]
