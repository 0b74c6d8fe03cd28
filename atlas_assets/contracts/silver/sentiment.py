"""Silver tables of what people write and how they feel."""

from atlas_assets.contracts.columns import Contract, Date, Flag, Integer, Number, Text, Utc, column
from atlas_assets.contracts.rules import rule
from atlas_assets.contracts.silver.provenance import Provenance


class Documents(Provenance):
    """Articles and posts of every source. One row per (document_id).

    The text and the counts are those of ``ingested_at``, which may be later than ``published_at``: texts are
    corrected and counts grow. What was withdrawn stays as a row without its text.
    """

    document_id: Text = column("Surrogate id: the source and what names the document there")
    kind: Text = column("article or post", isin=["article", "post"])
    feed: Text = column("Where it was found: feed, subreddit, board, search, topic or file")
    session_date: Date = column("UTC day of publication")
    language: Text = column("Language, ISO 639-1; und when unknown")
    language_method: Text = column(
        "sent by the source, or detected from the text where it was not", isin=["sent", "detected"]
    )
    author_hash: Text = column(
        "SHA-256 of a fixed prefix, the source and the author's name or id: a pseudonym, the same in every lake",
        nullable=True,
    )
    title: Text = column("Title without markup, entities resolved, NFKC, white space folded; empty when there is none")
    body: Text = column("Text without markup, entities resolved, NFKC, white space folded", nullable=True)
    title_raw: Text = column("Title as sent", nullable=True)
    body_raw: Text = column("Text as sent", nullable=True)
    url: Text = column("Address of the document", nullable=True)
    score: Integer = column("Votes for it less votes against it, when it was received", unit="votes", nullable=True)
    like_count: Integer = column("Likes when it was received", unit="likes", ge=0, nullable=True)
    comment_count: Integer = column("Comments or replies when it was received", unit="comments", ge=0, nullable=True)
    repost_count: Integer = column("Reposts and quotes when it was received", unit="reposts", ge=0, nullable=True)
    is_withdrawn: Flag = column("Whether its author or an operator has taken it away")

    class Config(Contract.Config):
        unique = ["document_id"]


class DocumentGroups(Provenance):
    """Copies and floods among documents. One row per (document_id).

    Groups and ranks follow from earlier documents alone; the sizes also count later ones and are for weights in
    hindsight only. Each group is named after its first document.
    """

    document_id: Text = column("Document")
    session_date: Date = column("UTC day of publication")
    duplicate_group: Text = column(
        "First document of the week before with an equal text or nearly so; itself when there is none"
    )
    duplicate_rank: Integer = column("Place in the group by publication, from 1", ge=1)
    duplicate_size: Integer = column("Documents in the group, later ones included", ge=1)
    flood_group: Text = column(
        "First document of an unbroken run of one author's posts or of one text, each within an hour of another one, a "
        "day at most"
    )
    flood_rank: Integer = column("Place in the run by publication, from 1", ge=1)
    flood_size: Integer = column("Documents in the run, later ones included", ge=1)

    duplicate_rank_within_size = rule("duplicate_rank <= duplicate_size")
    flood_rank_within_size = rule("flood_rank <= flood_size")

    class Config(Contract.Config):
        unique = ["document_id"]


class InstrumentTerms(Contract):
    """The terms by which texts name instruments. One row per (instrument_id, term_kind, term)."""

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker without exchange suffix")
    term_kind: Text = column(
        "ticker (of a pair also the coin's), code of Tokyo's exchange, or name", isin=["ticker", "code", "name"]
    )
    term: Text = column("Ticker or code in capitals; name in lower case without punctuation")

    class Config(Contract.Config):
        unique = ["instrument_id", "term_kind", "term"]


class DocumentMentions(Provenance):
    """Instruments that documents mention, with the evidence. One row per (document_id, position, instrument_id).

    The text is the title and, on a line of its own, the body.
    """

    document_id: Text = column("Document")
    position: Integer = column("Place of the evidence's first character in the text; the first is 1", ge=1)
    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker without exchange suffix")
    method: Text = column("How it is named: cashtag, ticker, code or name", isin=["cashtag", "ticker", "code", "name"])
    evidence: Text = column("What the text says there")
    candidates: Integer = column("Instruments that the evidence may mean, this one included", ge=1)
    session_date: Date = column("UTC day of publication")

    class Config(Contract.Config):
        unique = ["document_id", "position", "instrument_id"]


class FearGreed(Provenance):
    """Sentiment indices with revisions. One row per (index_name, source, session_date, known_from).

    Read as of an instant with ``known_from <= t and t < known_to``, or today with ``is_current``. What a source says
    first counts from its publication, a different value from when the lake received it.
    """

    index_name: Text = column("Index: alternative_me (crypto), cnn (US stocks), or as a dropped file names it")
    session_date: Date = column("Day the index speaks of: UTC for alternative_me, New York for cnn")
    value: Number = column("Value; of alternative_me and cnn 0 extreme fear to 100 extreme greed", unit="index points")
    classification: Text = column("Label of the source", nullable=True)
    known_from: Utc = column("When this value became the known one (UTC): published_at")
    known_to: Utc = column("When another one took its place (UTC); 9999-12-31 while none has")
    is_current: Flag = column("Whether it is the latest known value of its day")

    validity_in_order = rule("known_from < known_to")

    class Config(Contract.Config):
        unique = ["index_name", "source", "session_date", "known_from"]
