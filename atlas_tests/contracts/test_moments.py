"""Times in the forms in which people have them."""

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.moments import seconds_of

SECONDS = [0.0, 1_546_300_800.25]
STAMPS = pd.DatetimeIndex(["1970-01-01", "2019-01-01T00:00:00.25"])


@pytest.mark.parametrize(
    "time",
    [
        SECONDS,
        np.array(SECONDS),
        STAMPS.to_numpy(),
        STAMPS,
        STAMPS.tz_localize("UTC"),
        pd.Series(STAMPS.tz_localize("UTC").tz_convert("America/New_York")),
        pd.Series(STAMPS.tz_localize("UTC")).astype("timestamp[us, UTC][pyarrow]"),
        STAMPS.to_pydatetime(),
    ],
    ids=["list", "floats", "datetime64", "index", "utc", "new york", "arrow", "python"],
)
def test_every_form_is_the_same_moment(time):
    assert seconds_of(time) == pytest.approx(SECONDS, abs=3e-7)  # of a number of seconds since 1970 the last digit


def test_no_rows():
    assert seconds_of([]).shape == (0,)
