"""What texts say of a day and of an instrument, and the mood of the markets."""

from atlas_assets.contracts.columns import Contract, Date, Integer, Number, Text, Utc, column
from atlas_assets.contracts.rules import rule

_SHARE = {"unit": "fraction", "ge": 0, "le": 1, "nullable": True}
_PERCENTILE = {"unit": "0-100", "ge": 0, "le": 100, "nullable": True}


class DocumentScores(Contract):
    """What the text of each document says. One row per (document_id).

    The text is the title and, on a line of its own, the body, of which the first 2,000 characters are read (or what
    ``models.document_scores`` says). Documents in other languages have no engine and no row; one without text has a row
    without scores. A score depends on the text, the parameters and the code version alone, so the same text has the
    same score whenever it is read.
    """

    document_id: Text = column("Document")
    session_date: Date = column("UTC day of publication")
    kind: Text = column("article or post", isin=["article", "post"])
    language: Text = column("en, ja or und (no language: signs and tickers)", isin=["en", "ja", "und"])
    engine: Text = column(
        "What scored it: vader_finance, or japanese where the text itself is Japanese, whatever its source calls it; "
        "transformer where the settings name a model",
        nullable=True,
        isin=["vader_finance", "japanese", "transformer"],
    )
    negative_share: Number = column("What of the text is negative", **_SHARE)
    neutral_share: Number = column("What of it has no tone", **_SHARE)
    positive_share: Number = column("What of it is positive", **_SHARE)
    score: Number = column(
        "Compound score: English by VADER with finance terms, Japanese by its lexicon",
        unit="-1 to 1",
        ge=-1,
        le=1,
        nullable=True,
    )
    vader: Number = column(
        "Compound score by plain VADER where the language is en, to compare with",
        unit="-1 to 1",
        ge=-1,
        le=1,
        nullable=True,
    )

    class Config(Contract.Config):
        unique = ["document_id"]


class _Tone(Contract):
    """Tone of a group of documents: the n-th copy of a text and the n-th document of a flood count 1/n."""

    document_count: Integer = column("Documents scored, copies included", ge=1)
    effective_count: Number = column("Sum of the documents' weights", unit="documents", gt=0)
    sentiment_mean: Number = column(
        "Weighted mean score: English by VADER with finance terms, Japanese by its lexicon",
        unit="-1 to 1",
        ge=-1,
        le=1,
    )
    sentiment_std: Number = column("Weighted standard deviation of the scores (ddof 0)", unit="-1 to 1", ge=0, le=1)
    positive_share: Number = column(
        "Share of the weights with a score of at least the threshold, 0.35 unless models.sentiment says otherwise",
        unit="fraction",
        ge=0,
        le=1,
    )
    negative_share: Number = column(
        "Share of the weights with a score of at most minus the threshold", unit="fraction", ge=0, le=1
    )
    disagreement: Number = column(
        "0 where all that have a tone agree, 1 where as much weight is for as against; missing where none has a tone",
        unit="fraction",
        ge=0,
        le=1,
        nullable=True,
    )
    novelty: Number = column("Share of documents that are no copies of earlier ones", unit="fraction", ge=0, le=1)

    shares_within_whole = rule("positive_share + negative_share <= 1")
    weights_within_count = rule("effective_count <= document_count")


class _BesideVader(Contract):
    """What plain VADER says of the same documents."""

    vader_mean: Number = column(
        "Weighted mean score of plain VADER over the English ones, to compare with",
        unit="-1 to 1",
        ge=-1,
        le=1,
        nullable=True,
    )


class DailySentiment(_Tone, _BesideVader):
    """Sentiment of news and posts by day. One row per (session_date, market, kind, language).

    Rows of ``all`` are the other rows together: pick one of each key, or documents count twice.
    """

    session_date: Date = column("UTC day of publication")
    market: Text = column(
        "crypto: documents that mention a crypto pair or coin; stocks: those that do not; all",
        isin=["crypto", "stocks", "all"],
    )
    kind: Text = column("article, post or all", isin=["article", "post", "all"])
    language: Text = column(
        "en, ja, und (no language: signs and tickers) or all; documents in others have no engine and are left out",
        isin=["en", "ja", "und", "all"],
    )

    class Config(Contract.Config):
        unique = ["session_date", "market", "kind", "language"]


class InstrumentSentiment(_Tone):
    """Sentiment of news and posts that mention an instrument. One row per (instrument_id, session_date, kind).

    A document counts once for each instrument it mentions; where the mention may mean one of several, each gets an
    equal part of its weight.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker without exchange suffix")
    session_date: Date = column("UTC day of publication")
    kind: Text = column("article (news), post (social) or all", isin=["article", "post", "all"])

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date", "kind"]


class FearGreedIndex(Contract):
    """Own fear and greed index of stocks and of crypto. One row per (market, session_date).

    Each component's value is ranked among its own values of the look-back (100 the greediest); the index is the
    weighted mean of those that are there. All of it was known at ``known_at``.
    """

    market: Text = column("stocks or crypto", isin=["stocks", "crypto"])
    session_date: Date = column("Session of the market's leading instrument")
    known_at: Utc = column("End of the session's UTC day; nothing published later enters")
    index_value: Number = column("0 extreme fear to 100 extreme greed", unit="index points", ge=0, le=100)
    classification: Text = column(
        "Extreme Fear below 25, Fear below 45, Neutral to 55, Greed below 75, Extreme Greed",
        isin=["Extreme Fear", "Fear", "Neutral", "Greed", "Extreme Greed"],
    )
    component_count: Integer = column("Components that were there", ge=1)
    weight_present: Number = column("Their part of all components' weights", unit="fraction", gt=0, le=1)
    vendor_value: Number = column(
        "Index of CNN (stocks) or alternative.me (crypto) for the day, as known then",
        unit="index points",
        ge=0,
        le=100,
        nullable=True,
    )
    vendor_classification: Text = column("Its label", nullable=True)
    momentum: Number = column("Close of the leading instrument over its mean, less 1", unit="fraction", nullable=True)
    momentum_score: Number = column("Its percentile", **_PERCENTILE)
    price_strength: Number = column(
        "Stocks at a high of the window less those at a low, of all stocks", unit="fraction", ge=-1, le=1, nullable=True
    )
    price_strength_score: Number = column("Its percentile", **_PERCENTILE)
    breadth: Number = column(
        "McClellan's volume summation index: running sum of the oscillator of rising less falling traded value",
        unit="fraction of traded value, summed",
        nullable=True,
    )
    breadth_score: Number = column("Its percentile", **_PERCENTILE)
    volatility: Number = column(
        "Implied (stocks) or realised (crypto) volatility over its mean, less 1", unit="fraction", nullable=True
    )
    volatility_score: Number = column("100 less its percentile", **_PERCENTILE)
    safe_haven: Number = column(
        "Log return of stocks over the window less that of safe bonds", unit="fraction", nullable=True
    )
    safe_haven_score: Number = column("Its percentile", **_PERCENTILE)
    junk_spread: Number = column("Yield of risky bonds less that of safe ones", unit="percentage points", nullable=True)
    junk_spread_score: Number = column("100 less its percentile", **_PERCENTILE)
    dominance: Number = column(
        "The leading coin's part of the traded value of its venue", unit="fraction", ge=0, le=1, nullable=True
    )
    dominance_score: Number = column("100 less its percentile", **_PERCENTILE)
    news_sentiment: Number = column("Weighted mean score of the last days' news", unit="-1 to 1", nullable=True)
    news_sentiment_score: Number = column("Its percentile", **_PERCENTILE)
    social_sentiment: Number = column("Weighted mean score of the last days' posts", unit="-1 to 1", nullable=True)
    social_sentiment_score: Number = column("Its percentile", **_PERCENTILE)

    fear_is_low = rule("classification != 'Extreme Fear' or index_value < 25")
    greed_is_high = rule("classification != 'Extreme Greed' or index_value >= 75")

    class Config(Contract.Config):
        unique = ["market", "session_date"]
