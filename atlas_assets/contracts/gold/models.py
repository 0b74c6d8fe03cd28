"""Fitted models and their forecasts."""

from atlas_assets.contracts.columns import Contract, Date, Integer, Number, Text, column
from atlas_assets.contracts.rules import rule


class TvpVarFit(Contract):
    """Fitted TVP-VAR: filtered coefficients and innovation covariance.

    One row per (session_date, equation, parameter).
    """

    session_date: Date = column("Session after whose close the parameter was known")
    equation: Text = column("Variable on the left-hand side")
    parameter: Text = column("intercept, lag<k>.<variable>, covariance.<variable>, or forgetting where it adapts")
    value: Number = column("Value of the parameter")

    class Config(Contract.Config):
        unique = ["session_date", "equation", "parameter"]


class TvpVarForecasts(Contract):
    """TVP-VAR forecasts. One row per (origin_date, variable, horizon).

    Past origins carry the one-step forecast and what came; the last origin carries the path ahead.
    """

    origin_date: Date = column("Last session the forecast knows")
    variable: Text = column("Variable forecast")
    horizon: Integer = column("Sessions ahead", ge=1)
    forecast: Number = column("Mean forecast", unit="fraction")
    standard_error: Number = column("Forecast standard deviation", unit="fraction", ge=0)
    realised: Number = column("What came; missing while it is ahead", unit="fraction", nullable=True)

    class Config(Contract.Config):
        unique = ["origin_date", "variable", "horizon"]


class DmaFit(Contract):
    """Fitted dynamic model averaging: what it says of the next session. One row per (origin_date, parameter)."""

    origin_date: Date = column("Last session the parameter knows")
    parameter: Text = column("forecast, variance, expected_size or inclusion.<regressor>")
    value: Number = column("Value of the parameter")

    class Config(Contract.Config):
        unique = ["origin_date", "parameter"]


class DmaForecasts(Contract):
    """Forecasts of one instrument's next return by dynamic model averaging. One row per origin_date."""

    origin_date: Date = column("Last session the forecast knows")
    variable: Text = column("Variable forecast")
    forecast: Number = column("Mean forecast", unit="fraction")
    standard_error: Number = column("Forecast standard deviation", unit="fraction", ge=0)
    expected_size: Number = column("Expected number of regressors", ge=0)
    realised: Number = column("What came; missing while it is ahead", unit="fraction", nullable=True)

    class Config(Contract.Config):
        unique = ["origin_date"]


class Connectedness(Contract):
    """Connectedness of the TVP-VAR's variables by forecast error variance decomposition.

    One row per (session_date, variable, counterpart); the counterpart is another variable, or ``others``: all of
    them together.
    """

    session_date: Date = column("Session after whose close it was known")
    variable: Text = column("Variable spoken of")
    counterpart: Text = column("Another variable, or others: all of them together")
    transmitted: Number = column(
        "Share of the counterpart's error variance that comes from the variable's shocks; of others, their sum",
        unit="percent",
        ge=0,
    )
    received: Number = column(
        "Share of the variable's error variance that comes from the counterpart's shocks", unit="percent", ge=0, le=100
    )
    net: Number = column("Transmitted less received: above 0 a net transmitter", unit="percentage points")
    total: Number = column(
        "Mean of what the variables receive from others, of the session", unit="percent", ge=0, le=100
    )

    net_within_transmitted = rule("net <= transmitted")
    net_within_received = rule("net >= -received")

    class Config(Contract.Config):
        unique = ["session_date", "variable", "counterpart"]


class EnsembleForecasts(Contract):
    """One-step forecasts of one instrument's return: several forecasters, and their ensemble.

    One row per (origin_date, forecaster). Weights and intervals know only what came before the origin's next session.
    An ensemble is no better than what is in it: compare its errors with those of the forecaster ``zero``.
    """

    origin_date: Date = column("Last session the forecast knows")
    variable: Text = column("Variable forecast")
    forecaster: Text = column(
        "ensemble, or who is in it: tvp_var, dma, zero or trailing_mean",
        isin=["ensemble", "tvp_var", "dma", "zero", "trailing_mean"],
    )
    forecast: Number = column("Mean forecast", unit="fraction")
    lower: Number = column(
        "Lower end of the conformal interval; missing until enough errors are known, or where it has no end",
        unit="fraction",
        nullable=True,
    )
    upper: Number = column("Upper end of it", unit="fraction", nullable=True)
    weight: Number = column(
        "Weight in the ensemble; missing for the ensemble itself", unit="fraction", ge=0, le=1, nullable=True
    )
    realised: Number = column("What came; missing while it is ahead", unit="fraction", nullable=True)

    forecast_above_lower = rule("lower <= forecast")
    forecast_below_upper = rule("upper >= forecast")

    class Config(Contract.Config):
        unique = ["origin_date", "forecaster"]
