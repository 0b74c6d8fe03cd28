"""Regimes, states and groups."""

from atlas_assets.contracts.columns import Contract, Date, Flag, Integer, Number, Text, Utc, column
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


class MarketStates(Contract):
    """Hidden Markov states and change points of daily returns. One row per (instrument_id, session_date).

    A row knows returns up to its session only: states are filtered, with parameters of a training sample that ended
    before it (``fitted_until``), and change points are those told by then.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    session_date: Date = column("Session date")
    log_return: Number = column("Close-to-close log return", unit="fraction")
    state: Integer = column("Most probable hidden state, from 0, the calmest", ge=0)
    regime: Text = column("The state in words", isin=["calm", "moderate", "unsettled", "turbulent"])
    state_probability: Number = column("Filtered probability of that state", unit="fraction", ge=0, le=1)
    turbulent_probability: Number = column(
        "Filtered probability of the state of the largest variance", unit="fraction", ge=0, le=1
    )
    expected_volatility_ann: Number = column(
        "Volatility of the next session by the states' probabilities, annualised", unit="fraction a year", gt=0
    )
    log_predictive_density: Number = column(
        "Log density of the return given the sessions before, by the hidden Markov model; low is surprising"
    )
    change_probability: Number = column(
        "Probability that mean or variance changed within the recent sessions", unit="fraction", ge=0, le=1
    )
    run_length: Integer = column("Likeliest number of sessions since the last change, this one included", ge=1)
    segment_start: Date = column("Session with which the likeliest current segment began")
    is_change_point: Flag = column("Whether the probability of a recent change rose past its threshold in this session")
    fitted_until: Date = column("Last session of the training sample behind the states")

    state_at_least_as_probable_as_turbulent = rule("state_probability >= turbulent_probability")
    segment_began_before = rule("segment_start <= session_date")
    fitted_before = rule("fitted_until <= session_date")

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date"]


class OrderFlowFeatures(Contract):
    """Who trades in a time bucket, how much, how fast and on which side. One row per (instrument_id, bucket_start).

    Buckets without trades have no row, nor has the first traded day, whose trades have no earlier sizes to be compared
    with. A trade is small, medium or large by the sizes of the traded days before its day.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    source: Text = column("Source whose trades count: the one that has most of the instrument's")
    bucket_start: Utc = column("First instant of the bucket (UTC)")
    bucket_end: Utc = column("First instant after the bucket (UTC): when the row is known")
    close: Number = column("Last price of the bucket", unit="quote currency", gt=0)
    volume: Number = column("Volume of the bucket", unit="base units", gt=0)
    log_mean_trade_size: Number = column("Logarithm of the mean trade size in base units")
    log_volume: Number = column("Logarithm of the volume in base units")
    log_trades_small: Number = column("Logarithm of one more than the number of small trades", ge=0)
    log_trades_medium: Number = column("Logarithm of one more than the number of medium trades", ge=0)
    log_trades_large: Number = column("Logarithm of one more than the number of large trades", ge=0)
    volume_share_small: Number = column("Share of small trades in the volume", unit="fraction", ge=0, le=1)
    volume_share_medium: Number = column("Share of medium trades in the volume", unit="fraction", ge=0, le=1)
    volume_share_large: Number = column("Share of large trades in the volume", unit="fraction", ge=0, le=1)
    imbalance_small: Number = column("Bought minus sold volume of small trades over both", unit="fraction", ge=-1, le=1)
    imbalance_medium: Number = column(
        "Bought minus sold volume of medium trades over both", unit="fraction", ge=-1, le=1
    )
    imbalance_large: Number = column("Bought minus sold volume of large trades over both", unit="fraction", ge=-1, le=1)
    log_duration: Number = column("Logarithm of one more than the mean seconds since the trade before", ge=0)
    duration_variation: Number = column(
        "Deviation of the times between trades over their mean: 0 is regular, 1 is Poisson, more is bursts", ge=0
    )

    starts_before_it_ends = rule("bucket_start <= bucket_end")

    class Config(Contract.Config):
        unique = ["instrument_id", "bucket_start"]


class OrderFlowClusters(Contract):
    """Time buckets grouped by order flow. One row per (instrument_id, bucket_start).

    Buckets without trades have no row. Clusters were fitted to buckets up to ``fitted_until``, whose features were
    compared with what is usual at their time of day; the numbers of clusters keep their meaning from fit to fit.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    bucket_start: Utc = column("First instant of the bucket (UTC)")
    bucket_end: Utc = column("First instant after the bucket (UTC): when the row is known")
    cluster: Integer = column("Cluster, from 0, the smallest mean trade size at the first fit; -1 is in none", ge=-1)
    behaviour: Text = column("How the cluster's centre differs from what is usual at the time of day, in words")
    distance: Number = column("Distance from the centre of the cluster", unit="standard deviations", ge=0)
    probability: Number = column("Membership of the cluster", unit="fraction", ge=0, le=1)
    log_mean_trade_size: Number = column("Logarithm of the mean trade size in base units")
    log_volume: Number = column("Logarithm of the volume in base units")
    imbalance_small: Number = column(
        "Bought minus sold volume of small trades over both; small is by the sizes of earlier days",
        unit="fraction", ge=-1, le=1,
    )  # fmt: skip
    imbalance_medium: Number = column(
        "Bought minus sold volume of medium trades over both", unit="fraction", ge=-1, le=1
    )
    imbalance_large: Number = column("Bought minus sold volume of large trades over both", unit="fraction", ge=-1, le=1)
    duration_variation: Number = column(
        "Deviation of the times between trades over their mean: 0 is regular, 1 is Poisson, more is bursts", ge=0
    )
    refit_agreement: Number = column(
        "Share of the buckets since the fit before that both fits put into the same cluster; missing for the first",
        unit="fraction", ge=0, le=1, nullable=True,
    )  # fmt: skip
    fitted_until: Utc = column("End of the last bucket of the training sample (UTC)")

    starts_before_it_ends = rule("bucket_start <= bucket_end")
    fitted_before = rule("fitted_until <= bucket_start")

    class Config(Contract.Config):
        unique = ["instrument_id", "bucket_start"]


class BehaviourDeviation(Contract):
    """Robust distance of time buckets from the usual order flow. One row per (instrument_id, bucket_start).

    Buckets without trades have no row. The usual behaviour is that of buckets up to ``fitted_until``, at the same time
    of day.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    bucket_start: Utc = column("First instant of the bucket (UTC)")
    bucket_end: Utc = column("First instant after the bucket (UTC): when the row is known")
    close: Number = column("Last price of the bucket", unit="quote currency", gt=0)
    volume: Number = column("Volume of the bucket", unit="base units", gt=0)
    distance: Number = column("Robust Mahalanobis distance of the features", unit="standard deviations", ge=0)
    threshold: Number = column("Distance beyond which a bucket is unusual", unit="standard deviations", ge=0)
    p_value: Number = column("Of the distance, were the usual features normal", unit="fraction", ge=0, le=1)
    empirical_p_value: Number = column(
        "Share of training buckets at least as far, the bucket itself counted", unit="fraction", gt=0, le=1
    )
    is_unusual: Flag = column("Whether the empirical p-value is at most the significance level")
    leading_feature: Text = column("Feature that lies farthest from its usual value at the time of day")
    leading_deviation: Number = column("How far, with sign", unit="standard deviations")
    fitted_until: Utc = column("End of the last bucket of the training sample (UTC)")

    starts_before_it_ends = rule("bucket_start <= bucket_end")
    fitted_before = rule("fitted_until <= bucket_start")
    unusual_beyond_the_threshold = rule("is_unusual == (distance > threshold)")

    class Config(Contract.Config):
        unique = ["instrument_id", "bucket_start"]
