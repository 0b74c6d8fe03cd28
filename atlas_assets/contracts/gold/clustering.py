"""Regimes and groups."""

from atlas_assets.contracts.columns import Contract, Date, Flag, Number, Text, column
from atlas_assets.contracts.rules import rule


class Regimes(Contract):
    """Volatility regimes from a Markov-switching model. One row per (instrument_id, session_date).

    Probabilities are filtered: they use data up to the session only. Parameters come from the
    training sample, marked ``in_sample``.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    session_date: Date = column("Session date")
    log_return: Number = column("Close-to-close log return", unit="fraction")
    turbulent_probability: Number = column(
        "Filtered probability of the high-variance state", unit="fraction", ge=0, le=1
    )
    regime: Text = column("More probable state", isin=["calm", "turbulent"])
    in_sample: Flag = column("Whether the session belongs to the training sample")

    turbulent_when_more_probable = rule("regime != 'turbulent' or turbulent_probability >= 0.5")
    calm_when_more_probable = rule("regime != 'calm' or turbulent_probability <= 0.5")

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date"]
