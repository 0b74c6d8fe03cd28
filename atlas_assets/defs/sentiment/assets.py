"""Sentiment from silver documents."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource


@dg.asset(
    key=["gold", "sentiment", "daily_sentiment"],
    deps=[dg.AssetKey(["silver", "sentiment", "documents"])],
    description="Mean, spread and shares of the sentiment of English news by day (VADER).",
    kinds={"python", "vader"},
    code_version="2",
)
def daily_sentiment(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Sentiment of every day's news."""
    from atlas_assets.orchestration.plots import sentiment as plots
    from atlas_assets.sentiment import news

    run = AssetRun(context, lake)
    documents = run.read("silver.documents")
    # VADER knows English only, and the table is about news.
    is_news = (documents["kind"] == "article") & (documents["language"] == "en")
    table = news.daily_sentiment(documents[is_news])
    return run.publish(
        table,
        metadata={
            "documents": int(table["document_count"].sum()),
            "sentiment_mean": float(table["sentiment_mean"].mean()),
        },
        plot=plots.daily_sentiment(table),
    )
