"""Sentiment from silver documents."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource

TEXTS = [
    dg.AssetKey(["silver", "sentiment", "documents"]),
    dg.AssetKey(["silver", "sentiment", "document_groups"]),
    dg.AssetKey(["silver", "sentiment", "document_mentions"]),
]
DOCUMENT = ["document_id", "session_date", "kind", "language", "title", "body"]
RANKS = ["document_id", "duplicate_rank", "flood_rank"]


@dg.asset(
    key=["gold", "sentiment", "daily_sentiment"],
    deps=[*TEXTS, dg.AssetKey(["silver", "market", "instruments"])],
    description="Sentiment of English and Japanese news and posts by day and market, copies and floods counted less.",
    kinds={"python", "vader"},
    code_version="3",
)
def daily_sentiment(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Sentiment of every day's documents, by the lexicons of finance and of Japanese."""
    from atlas_assets.orchestration.plots import sentiment as plots
    from atlas_assets.sentiment import tables

    run = AssetRun(context, lake)
    documents = run.read("silver.documents", columns=DOCUMENT)
    table = tables.daily_sentiment_table(
        documents,
        run.read("silver.document_groups", columns=RANKS),
        run.read("silver.document_mentions", columns=["document_id", "instrument_id"]),
        run.read("silver.instruments"),
    )
    return run.publish(
        table,
        metadata={
            "documents": len(documents),
            "documents_scored": tables.documents_scored(table),
            "documents_by_language": dg.MetadataValue.json(tables.by_language(documents)),
            **tables.mean_of_days(table),
        },
        plot=plots.daily_sentiment(table),
    )


@dg.asset(
    key=["gold", "sentiment", "instrument_sentiment"],
    deps=TEXTS,
    description="Sentiment of the news and of the posts that mention an instrument, with disagreement and novelty.",
    kinds={"python", "vader"},
    code_version="1",
)
def instrument_sentiment(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Sentiment of every instrument's documents by day."""
    from atlas_assets.orchestration.plots import sentiment as plots
    from atlas_assets.sentiment import tables

    run = AssetRun(context, lake)
    table = tables.instrument_sentiment_table(
        run.read("silver.documents", columns=DOCUMENT),
        run.read("silver.document_groups", columns=RANKS),
        run.read("silver.document_mentions", columns=["document_id", "instrument_id", "symbol", "candidates"]),
    )
    return run.publish(
        table,
        metadata={
            "instruments": int(table["instrument_id"].nunique()),
            "mentions": tables.documents_scored(table),
        },
        plot=plots.instrument_sentiment(table),
    )
