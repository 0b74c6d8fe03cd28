"""Sentences of the newswire, by polarity; ``{entity}`` and the like are filled in."""

from __future__ import annotations

from collections.abc import Mapping

AUTHORS = ("A. Moreau", "J. Okafor", "S. Lindqvist", "M. Tanaka", "R. O'Neill", "P. Costa & L. Weber")

ENTITIES: Mapping[str, tuple[str, ...]] = {
    "market_wire": (
        "S&P 500",
        "NASDAQ",
        "Dow futures",
        "Crude oil",
        "Treasury notes",
        "Bank shares",
        "Chip makers",
        "Retail stocks",
    ),
    "crypto_wire": (
        "Bitcoin",
        "Ether",
        "Crypto funds",
        "Bitcoin miners",
        "Altcoins",
        "Stablecoin volumes",
        "Crypto exchanges",
    ),
}

REASONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("market_wire", "positive"): (
        "strong earnings beat forecasts",
        "trade talks made good progress",
        "upbeat payrolls eased recession worries",
        "the central bank hinted at a supportive pause",
        "solid holiday sales lifted confidence",
    ),
    ("market_wire", "negative"): (
        "weak earnings missed forecasts",
        "trade talks broke down",
        "recession fears hit confidence",
        "the rate hike hurt sentiment",
        "a shutdown threat worried investors",
    ),
    ("market_wire", "neutral"): (
        "investors await the central bank's minutes",
        "the exchange keeps its holiday calendar",
        "index weights change at the quarterly review",
        "data for the week come out on Thursday",
    ),
    ("crypto_wire", "positive"): (
        "a large custodian won approval",
        "strong inflows improved liquidity",
        "a successful network upgrade boosted confidence",
        "a friendly ruling pleased investors",
    ),
    ("crypto_wire", "negative"): (
        "a hack at an exchange hurt trust",
        "regulators warned of fraud",
        "miners failed and sold in panic",
        "forced liquidations deepened the losses",
    ),
    ("crypto_wire", "neutral"): (
        "the next block reward change is on the calendar",
        "the exchange moves its maintenance to Sunday",
        "the fork is planned for January",
        "futures expire at the end of the month",
    ),
}

HEADLINES: Mapping[str, tuple[str, ...]] = {
    "positive": (
        "{entity} rally {percent}% as {reason}",
        "{entity} gain strongly: {reason}",
        "Bulls cheer as {entity} climb {percent}%",
        "{entity} surge past {level} on strong demand",
        "Optimism returns: {entity} rise {percent}% after {reason}",
        "Analysts upgrade {entity}, see strong growth in {quarter}",
        "{entity} post best gain in weeks, {percent}% up",
        "Relief for investors as {entity} recover {percent}%",
    ),
    "negative": (
        "{entity} plunge {percent}% as {reason}",
        "{entity} tumble: {reason}",
        "Bears in control as {entity} sink {percent}%",
        "{entity} crash below {level} in panic selling",
        "Fear spreads: {entity} lose {percent}% after {reason}",
        "Analysts downgrade {entity}, warn of weak {quarter}",
        "{entity} suffer worst loss in weeks, {percent}% down",
        "Investors dump {entity} as losses reach {percent}%",
    ),
    "neutral": (
        "{entity} little changed near {level}: {reason}",
        "What to watch in {entity}: {reason}",
        "{entity} trade in a {percent}% range; {reason}",
        "{entity}: the calendar for {quarter}",
        "{entity} flat at {level}, volume near its average",
        "Timetable: {reason}",
    ),
}

BODIES: Mapping[str, tuple[str, ...]] = {
    "positive": (
        "{entity} rose <b>{percent}%</b> as {reason}. Traders were optimistic and buying was strong near {level}.",
        "A strong session: {reason}, and {entity} gained <em>{percent}%</em>. Profits &amp; confidence grew.",
        "Great day for holders of {entity}. Gains of {percent}% came as {reason}, and {quarter} outlooks were raised.",
    ),
    "negative": (
        "{entity} fell <b>{percent}%</b> as {reason}. Traders were worried and selling was heavy near {level}.",
        "A terrible session: {reason}, and {entity} lost <em>{percent}%</em>. Losses grew &amp; confidence is worse.",
        "Bad day for holders of {entity}. Losses of {percent}% came as {reason}, and {quarter} outlooks were cut.",
    ),
    "neutral": (
        "{entity} traded near {level} with a range of {percent}%; {reason}.",
        "In {quarter}, {reason}. {entity} stood at <b>{level}</b> &mdash; volume was near its average.",
    ),
}
