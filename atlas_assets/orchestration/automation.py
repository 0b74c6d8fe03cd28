"""When assets run by themselves. Assets name a condition; nobody composes one inline."""

import dagster as dg


def when_inputs_change() -> dg.AutomationCondition:
    """Run once when an input's content, the code or a parameter changed, or the asset was never made.

    Same bytes give the same data version and trigger nothing. ``execution_failed().newly_true()``
    buys a failed run exactly one more try: the data version changes for one tick only, and a bare
    ``execution_failed()`` would retry for ever. Waits until no input is missing or in progress
    and every blocking check of the inputs has passed.
    """
    condition = dg.AutomationCondition
    new_data = condition.any_deps_updated().replace("newly_updated", condition.data_version_changed())
    changed = new_data | condition.code_version_changed() | condition.execution_failed().newly_true()
    never_made = condition.missing() & ~condition.execution_failed()
    quiet = ~condition.any_deps_missing() & ~condition.any_deps_in_progress() & ~condition.in_progress()
    return (
        (changed.since_last_handled() | never_made)  # pyright: ignore[reportAttributeAccessIssue]
        & quiet
        & condition.all_deps_blocking_checks_passed()
    ).with_label("inputs changed")
