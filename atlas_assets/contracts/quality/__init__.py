"""What each silver table should be beyond its contract."""

from atlas_assets.contracts.quality import audit, bars, identity, intraday, macro, sentiment
from atlas_assets.contracts.quality.expectations import Expectation

EXPECTATIONS: dict[str, tuple[Expectation, ...]] = {
    **identity.EXPECTATIONS,
    **bars.EXPECTATIONS,
    **intraday.EXPECTATIONS,
    **macro.EXPECTATIONS,
    **sentiment.EXPECTATIONS,
    **audit.EXPECTATIONS,
}
"""Of each silver table, by name: something of every family."""
