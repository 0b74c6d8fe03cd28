"""Atlas Quanta: a lakehouse for market data in which every dataset and model is an asset."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlas_assets.lake import Lake

__all__ = ["open_lake"]


def open_lake(**overrides: Any) -> "Lake":
    """The lake of the configured environment, ready to read.

    Parameters
    ----------
    **overrides
        Settings that replace those of ``config/<ATLAS_ENV>.yaml`` and the environment.

    Examples
    --------
    >>> lake = open_lake()                                            # doctest: +SKIP
    >>> lake.read("silver.daily_bars", symbols=["GSPC"])              # doctest: +SKIP
    """
    from atlas_assets.settings import load_settings, open_configured_lake

    return open_configured_lake(load_settings(**overrides))
