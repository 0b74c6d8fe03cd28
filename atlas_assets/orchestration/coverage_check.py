"""The check that names the days which a vendor was asked for in vain."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.data_sources.coverage import ONE_DAY, Span, State
from atlas_assets.data_sources.registry import Source
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.orchestration.coverage import instruments, painted
from atlas_assets.orchestration.resources import configured_settings

if TYPE_CHECKING:
    from atlas_assets.lake import Lake

COVERAGE = "coverage"
NAMED_GAPS = 3
SHOWN_GAPS = 100


def coverage_check(source: Source, section: SourceSettings) -> dg.AssetChecksDefinition:
    """The check ``coverage`` of a raw asset: it warns while a day that was asked for is missing.

    Days for which the vendor does not answer any more are counted but warn of nothing: nobody can mend them.
    """
    asset = dg.AssetKey(source.table.asset_key)

    @dg.asset_check(
        asset=asset,
        name=COVERAGE,
        description="Every day that the vendor was asked for is there.",
        required_resource_keys={"lake"},
    )
    def look(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        lake: Lake = context.op_execution_context.resources.lake.open()
        _, vendor, dataset = source.table.asset_key
        known = painted(lake, vendor, dataset)
        wanted = instruments(source, section, configured_settings().now())
        return judge({instrument: known.get(instrument, []) for instrument in wanted})

    return look


def judge(known: dict[str, list[Span]]) -> dg.AssetCheckResult:
    """What the ledger's spans of a dataset's instruments amount to."""
    spans = [(instrument, span) for instrument in known for span in known[instrument]]
    gaps = [(instrument, span) for instrument, span in spans if span.state is State.MISSING and not span.is_settled]
    days = Counter[str]()
    for _, span in spans:
        days["out_of_reach" if span.state is State.MISSING and span.is_settled else span.state] += _days(span)
    metadata: dict[str, Any] = {f"days_{name}": days[name] for name in (*State, "out_of_reach")}
    metadata |= {"instruments": len(known), "instruments_with_gaps": len({instrument for instrument, _ in gaps})}
    if gaps:
        metadata["gaps"] = dg.MetadataValue.table([_record(*gap) for gap in gaps[:SHOWN_GAPS]])
    return dg.AssetCheckResult(
        passed=not gaps, severity=dg.AssetCheckSeverity.WARN, description=_described(gaps), metadata=metadata
    )


def _described(gaps: list[tuple[str, Span]]) -> str:
    if not gaps:
        return "Every day that the vendor was asked for is there."
    named = [f"{instrument} lacks {_period(span)} ({span.reason})" for instrument, span in gaps[:NAMED_GAPS]]
    more = f"; and {len(gaps) - NAMED_GAPS} more gaps" if len(gaps) > NAMED_GAPS else ""
    return f"{'; '.join(named)}{more}."


def _period(span: Span) -> str:
    return f"{span.first}" if span.first == span.last else f"{span.first} to {span.last}"


def _record(instrument: str, span: Span) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "instrument": instrument,
            "first_day": span.first.isoformat(),
            "last_day": span.last.isoformat(),
            "days": _days(span),
            "reason": span.reason or "",
        }
    )


def _days(span: Span) -> int:
    return (span.last - span.first) // ONE_DAY + 1
