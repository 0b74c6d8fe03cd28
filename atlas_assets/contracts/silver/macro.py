"""Silver tables of the economy: values, series and releases, with vintages."""

from atlas_assets.contracts.columns import Contract, Date, Flag, Integer, Number, Text, Utc, column
from atlas_assets.contracts.rules import rule
from atlas_assets.contracts.silver.provenance import Provenance

FOREVER = "9999-12-31"


class MacroObservations(Provenance):
    """Macro series with vintages. One row per (source, series_id, frequency, period, known_from).

    Read as of a day with ``known_from <= day and day <= known_to`` (``lake.read(…, known_on=day)``). A vintage that
    repeats the value before makes no row. Periods that a vintage does not reach yet have no row: ragged edges stay.
    """

    series_id: Text = column("Series of the source; of the IMF, flow and key: IMF.STA:CPI/USA.CPI._T.IX.M")
    frequency: Text = column("Frequency: d, w, m, q, s or a; the series' own when empty")
    period: Date = column("First day of the period observed")
    value: Number = column("Value in the series' own units; missing unless published", nullable=True)
    status: Text = column(
        "published; missing: the source had none yet; withdrawn: the source took a published value back",
        isin=["published", "missing", "withdrawn"],
    )
    known_from: Date = column("First day on which this was what the source said")
    known_to: Date = column(f"Last such day; {FOREVER} while it still is")

    validity_in_order = rule("known_from <= known_to")

    class Config(Contract.Config):
        unique = ["source", "series_id", "frequency", "period", "known_from"]


class MacroSeries(Provenance):
    """What is known about macro series, with vintages. One row per (source, series_id, frequency, known_from).

    The row of today has known_to 9999-12-31; a changed base year or unit is another row.
    """

    series_id: Text = column("Series of the source, as in macro_observations")
    frequency: Text = column("Frequency: d, w, bw, m, q, sa or a; empty where the source does not say it")
    title: Text = column("Title", nullable=True)
    units: Text = column("Units in words", nullable=True)
    unit_exponent: Integer = column("Values are in units times ten to this power", nullable=True)
    seasonal_adjustment: Text = column("SA, NSA, SAAR …; missing where the source does not say it", nullable=True)
    release_id: Integer = column("Release that brings it, as in release_calendar", nullable=True)
    first_period: Date = column("First day of the first period")
    last_period: Date = column("First day of the last period; one that falls behind has ended or was renamed")
    last_updated: Utc = column("When the source last updated it (UTC)", nullable=True)
    known_from: Date = column("First day on which this was what the source said")
    known_to: Date = column(f"Last such day; {FOREVER} while it still is")

    validity_in_order = rule("known_from <= known_to")
    periods_in_order = rule("first_period <= last_period")

    class Config(Contract.Config):
        unique = ["source", "series_id", "frequency", "known_from"]


class ReleaseCalendar(Provenance):
    """Days on which macro releases came out or are to come out. One row per (source, release_id, release_date)."""

    release_id: Integer = column("Release of the source")
    release_date: Date = column("Day of the release, as its source announces it")
    release_name: Text = column("Name of the release", nullable=True)
    is_press_release: Flag = column("Whether it comes with a press release", nullable=True)

    class Config(Contract.Config):
        unique = ["source", "release_id", "release_date"]
