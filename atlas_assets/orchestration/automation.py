"""When assets run by themselves. Assets name a condition; nobody composes one inline."""

import dagster as dg

MADE_TOGETHER = {"silver": ("silver",), "gold": ("gold", "model"), "model": ("gold", "model")}
"""Layers that one run makes with a layer; what stands on others waits until their content has changed."""


def when_inputs_change(layer: str) -> dg.AutomationCondition:
    """Run once when an input's content, the code or a parameter changed, or the asset was never made.

    Same bytes give the same data version and trigger nothing: gold waits for what silver became, and
    runs with the gold that it stands on. ``execution_failed().newly_true()``
    buys a failed run exactly one more try: the data version changes for one tick only, and a bare
    ``execution_failed()`` would retry for ever. Waits until no input is missing or in progress
    and every blocking check of the inputs has passed.
    """
    condition = dg.AutomationCondition
    new_content = condition.any_deps_match(condition.data_version_changed() & ~condition.executed_with_root_target())
    remade_with_it = condition.any_deps_match(condition.will_be_requested())
    new_data = new_content | remade_with_it.allow(dg.AssetSelection.key_prefixes(*MADE_TOGETHER[layer]))
    changed = new_data | condition.code_version_changed() | condition.execution_failed().newly_true()
    never_made = condition.missing() & ~condition.execution_failed()
    quiet = ~condition.any_deps_missing() & ~condition.any_deps_in_progress() & ~condition.in_progress()
    return (
        (changed.since_last_handled() | never_made)  # pyright: ignore[reportAttributeAccessIssue]
        & quiet
        & condition.all_deps_blocking_checks_passed()
    ).with_label("inputs changed")
