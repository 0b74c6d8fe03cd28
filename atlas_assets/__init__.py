"""Atlas Quanta: a lakehouse for market data in which every dataset and model is an asset."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlas_assets.lake import Lake
    from atlas_assets.settings import Settings

__all__ = ["open_lake"]


def open_lake(settings: "Settings | None" = None, **overrides: Any) -> "Lake":
    """The lake of the configured environment, ready to read.

    Parameters
    ----------
    settings
        Read from ``config/<ATLAS_ENV>.yaml`` and the environment unless given.
    **overrides
        Settings that replace those read.

    Examples
    --------
    >>> lake = open_lake()                                            # doctest: +SKIP
    >>> lake.read("silver.daily_bars", symbols=["GSPC"])              # doctest: +SKIP
    """
    from atlas_assets.lake import Lake, LakeConfig
    from atlas_assets.settings import load_settings

    settings = settings or load_settings(**overrides)
    lake = settings.lake
    config = LakeConfig(
        root=settings.path(lake.root),
        catalog=lake.catalog.get_secret_value(),
        objects=lake.objects,
        memory_limit=lake.memory_limit,
        threads=lake.threads,
    )
    return Lake(config, now=settings.now)
