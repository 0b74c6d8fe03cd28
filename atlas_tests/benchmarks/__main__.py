"""Print the figures: ``python -m atlas_tests.benchmarks [group …]``."""

from __future__ import annotations

import argparse
import logging
import time
from importlib import import_module

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from atlas_tests.benchmarks.measure import Figure, machine

GROUPS = {
    "shell": "Shell",
    "lake": "Lake",
    "silver": "Silver",
    "minutes": "Silver of minutes",
    "macro": "Macro vintages",
    "ingestion": "Ingestion and judgement",
    "streaming": "Streaming",
    "models": "Models",
    "indicators": "Indicators",
    "clustering": "Clusters and regimes",
    "risk_management": "Risk",
    "sentiment": "Sentiment",
    "demo": "Demo",
}
# Left out unless they are named.
LONG = {"minutes"}
WIDTH = 190


def main() -> None:
    """Measure the chosen groups, all but the long ones unless told otherwise."""
    parser = argparse.ArgumentParser(description="Measures this machine; each figure comes from this very run.")
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="group",
        help=f"some of {', '.join(GROUPS)}; all unless given, but for {', '.join(LONG)}",
    )
    chosen = parser.parse_args().groups or [name for name in GROUPS if name not in LONG]
    if unknown := [name for name in chosen if name not in GROUPS]:
        parser.error(f"no group {', '.join(unknown)}: choose among {', '.join(GROUPS)}")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    console, started = Console(width=WIDTH, highlight=False), time.perf_counter()
    console.print(
        f"{machine()}. Times are best / median of several repetitions; a ratio below 1 is faster than the peer."
    )
    for name in chosen:
        table = _empty_table(GROUPS[name])
        for figure in import_module(f"atlas_tests.benchmarks.{name}").figures():
            table.add_row(*_row(figure))
        console.print(table)
    console.print(f"Measured in {time.perf_counter() - started:.0f} s.")


def _empty_table(title: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    for heading in ("what", "best / median", "rate", "peer best / median", "ratio", "peer", "promise"):
        table.add_column(heading, justify="right" if heading[0] in "br" or heading.startswith("peer b") else "left")
    return table


def _row(figure: Figure) -> tuple[str, ...]:
    peer = figure.peer
    return (
        figure.what,
        f"{_seconds(figure.ours.best)} / {_seconds(figure.ours.median)}",
        figure.rate,
        f"{_seconds(peer.best)} / {_seconds(peer.median)}" if peer else "",
        figure.ratio,
        figure.peer_is,
        figure.kept,
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


if __name__ == "__main__":
    main()
