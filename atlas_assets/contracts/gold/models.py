"""Fitted models and their forecasts."""

from atlas_assets.contracts.columns import Contract, Date, Integer, Number, Text, column


class TvpVarFit(Contract):
    """Fitted TVP-VAR: filtered coefficients and innovation covariance.

    One row per (session_date, equation, parameter).
    """

    session_date: Date = column("Session after whose close the parameter was known")
    equation: Text = column("Variable on the left-hand side")
    parameter: Text = column("intercept, lag<k>.<variable> or covariance.<variable>")
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
