"""Sentiment from silver documents."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings

DOCUMENTS = dg.AssetKey(["silver", "sentiment", "documents"])
SCORED = [
    dg.AssetKey(["gold", "sentiment", "document_scores"]),
    dg.AssetKey(["silver", "sentiment", "document_groups"]),
    dg.AssetKey(["silver", "sentiment", "document_mentions"]),
]
SCORE = ["document_id", "session_date", "kind", "language", "score", "vader"]
RANKS = ["document_id", "duplicate_rank", "flood_rank"]


@dg.asset(
    key=["gold", "sentiment", "document_scores"],
    deps=[DOCUMENTS],
    description="Score of the text of every English and Japanese document, each one scored once.",
    metadata={"parameters": "document_scores"},
    kinds={"python", "vader"},
    code_version="2",
)
def document_scores(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Score of every document, by the lexicons or your model; only new and changed ones are read."""
    from atlas_assets.orchestration.plots import sentiment as plots
    from atlas_assets.orchestration.updating.document_scores import scored_documents
    from atlas_assets.sentiment import tables

    run, models = AssetRun(context, lake), configured_settings().models
    documents = run.read("silver.documents", columns=["document_id", "language"])
    scored = scored_documents(run, documents, models.document_scores)
    return run.publish(
        scored.table,
        metadata={
            "engine": models.document_scores.engine,
            "documents": len(documents),
            "documents_by_language": dg.MetadataValue.json(tables.by_language(documents)),
            "documents_scored_now": scored.now,
            **tables.means_of_scores(scored.table),
        },
        plot=plots.document_scores(scored.table, threshold=models.sentiment.threshold),
    )


@dg.asset(
    key=["gold", "sentiment", "daily_sentiment"],
    deps=[*SCORED, dg.AssetKey(["silver", "market", "instruments"])],
    description="Sentiment of English and Japanese news and posts by day and market, copies and floods counted less.",
    metadata={"parameters": "sentiment"},
    kinds={"python", "numpy"},
    code_version="4",
)
def daily_sentiment(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Sentiment of every day's documents, from the score of each."""
    from atlas_assets.orchestration.plots import sentiment as plots
    from atlas_assets.sentiment import tables

    run, parameters = AssetRun(context, lake), configured_settings().models.sentiment
    table = tables.daily_sentiment_table(
        run.read("gold.document_scores", columns=SCORE),
        run.read("silver.document_groups", columns=RANKS),
        run.read("silver.document_mentions", columns=["document_id", "instrument_id"]),
        run.read("silver.instruments"),
        threshold=parameters.threshold,
    )
    return run.publish(
        table,
        metadata={
            "threshold": parameters.threshold,
            "documents_scored": tables.documents_scored(table),
            **tables.mean_of_days(table),
        },
        plot=plots.daily_sentiment(table),
    )


@dg.asset(
    key=["gold", "sentiment", "instrument_sentiment"],
    deps=SCORED,
    description="Sentiment of the news and of the posts that mention an instrument, with disagreement and novelty.",
    metadata={"parameters": "sentiment"},
    kinds={"python", "numpy"},
    code_version="2",
)
def instrument_sentiment(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Sentiment of every instrument's documents by day."""
    from atlas_assets.orchestration.plots import sentiment as plots
    from atlas_assets.sentiment import tables

    run, parameters = AssetRun(context, lake), configured_settings().models.sentiment
    table = tables.instrument_sentiment_table(
        run.read("gold.document_scores", columns=SCORE),
        run.read("silver.document_groups", columns=RANKS),
        run.read("silver.document_mentions", columns=["document_id", "instrument_id", "symbol", "candidates"]),
        threshold=parameters.threshold,
    )
    return run.publish(
        table,
        metadata={
            "threshold": parameters.threshold,
            "instruments": int(table["instrument_id"].nunique()),
            "mentions": tables.documents_scored(table),
            **tables.means_of_instruments(table),
        },
        plot=plots.instrument_sentiment(table),
    )
