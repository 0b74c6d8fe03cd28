"""FRED's releases: which series come with which, and the days on which they came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from atlas_assets.sandbox import vintages as vintage


@dataclass(frozen=True, slots=True)
class Release:
    """A release: number, name, the sandbox's series in it, page of its source, whether there is a press release."""

    number: int
    name: str
    series: tuple[str, ...]
    link: str
    press_release: bool = True


RELEASES: Mapping[int, Release] = {
    release.number: release
    for release in (
        Release(10, "Consumer Price Index", ("CPIAUCSL", "CPILFESL"), "http://www.bls.gov/cpi/"),
        Release(18, "H.15 Selected Interest Rates", ("TB3MS",), "http://www.federalreserve.gov/releases/h15/"),
        Release(50, "Employment Situation", ("UNRATE",), "http://www.bls.gov/ces/"),
        Release(
            53,
            "Gross Domestic Product",
            ("GDPC1", "PCECC96", "GPDIC1"),
            "https://www.bea.gov/data/gdp/gross-domestic-product",
        ),
        Release(119, "Moody's Corporate Bond Yield Averages", ("AAA", "BAA"), "https://www.moodys.com", False),
        Release(200, "CBOE Market Statistics", ("VIXCLS",), "http://www.cboe.com/", False),
        Release(212, "Spot Prices", ("DCOILWTICO",), "http://www.eia.gov/dnav/pet/pet_pri_spt_s1_d.htm", False),
    )
}


@lru_cache(maxsize=8)
def release_days(seed: int, number: int) -> tuple[date, ...]:
    """The days on which some series of a release got a new value, by the rule of `vintages`."""
    days = {item.known_from for name in RELEASES[number].series for item in vintage.vintages(name, seed=seed)}
    return tuple(sorted(days))


def release_row(release: Release, start: date, end: date) -> dict[str, object]:
    """A release as ``fred/releases`` lists it."""
    return {
        "id": release.number,
        "realtime_start": start.isoformat(),
        "realtime_end": end.isoformat(),
        "name": release.name,
        "press_release": release.press_release,
        "link": release.link,
    }


def date_rows(seed: int, numbers: list[int], start: date, end: date, *, named: bool) -> list[dict[str, object]]:
    """Release dates between two days, oldest first; with the release's name where several are asked for."""
    return [
        {"release_id": number, **({"release_name": RELEASES[number].name} if named else {}), "date": day.isoformat()}
        for day, number in _calendar(seed, tuple(numbers))
        if start <= day <= end
    ]


@lru_cache(maxsize=8)
def _calendar(seed: int, numbers: tuple[int, ...]) -> tuple[tuple[date, int], ...]:
    return tuple(sorted((day, number) for number in numbers for day in release_days(seed, number)))
