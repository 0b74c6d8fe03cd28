"""Value at risk and its backtests."""

from atlas_assets.contracts.columns import Contract, Date, Flag, Integer, Number, Text, column
from atlas_assets.contracts.rules import rule


class ValueAtRisk(Contract):
    """One-day value at risk and expected shortfall.

    One row per (instrument_id, session_date, method, tail_probability). Both are returns (negative
    numbers) for the session, from data up to the session before.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    session_date: Date = column("Session the forecast is for")
    method: Text = column("historical or parametric", isin=["historical", "parametric"])
    tail_probability: Number = column("Probability of a worse return", unit="fraction", gt=0, lt=1)
    value_at_risk: Number = column("Return that is undercut with that probability", unit="fraction")
    expected_shortfall: Number = column("Mean return beyond it", unit="fraction")
    log_return: Number = column("Return that came", unit="fraction")
    is_breach: Flag = column("Whether the return undercut the value at risk")

    shortfall_beyond_value_at_risk = rule("expected_shortfall <= value_at_risk")
    breach_is_undercut = rule("is_breach == (log_return < value_at_risk)")

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date", "method", "tail_probability"]


class VarBacktests(Contract):
    """Kupiec's test of each value-at-risk series. One row per (instrument_id, method, tail_probability)."""

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    method: Text = column("historical or parametric", isin=["historical", "parametric"])
    tail_probability: Number = column("Probability of a worse return", unit="fraction", gt=0, lt=1)
    observations: Integer = column("Sessions tested", ge=1)
    breaches: Integer = column("Sessions with a return below the value at risk", ge=0)
    expected_breaches: Number = column("Sessions expected below it", ge=0)
    kupiec_statistic: Number = column("Likelihood ratio of unconditional coverage", ge=0)
    kupiec_p_value: Number = column("Its p-value, chi-squared with one degree of freedom", unit="fraction", ge=0, le=1)

    breaches_among_observations = rule("breaches <= observations")
    expected_among_observations = rule("expected_breaches <= observations")

    class Config(Contract.Config):
        unique = ["instrument_id", "method", "tail_probability"]
