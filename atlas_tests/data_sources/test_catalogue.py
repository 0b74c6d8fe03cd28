"""The catalogue in ``docs/sources`` is what the sources declare."""

from __future__ import annotations

from atlas_assets.data_sources.catalogue import FOLDER, pages, write
from atlas_assets.data_sources.registry import sources, vendors


def test_the_pages_in_the_repository_are_current():
    assert {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.md")} == pages(), "make catalogue"


def test_every_vendor_says_what_a_user_must_know():
    for vendor in vendors():
        page = pages()[f"{vendor.name}.md"]
        for fact in ("access", "limits", "terms", "conventions"):
            assert f"| {fact} |" in page, f"{vendor.name} says nothing of {fact}"


def test_every_dataset_has_its_columns_in_the_page():
    for source in sources():
        page = pages()[f"{source.vendor.name}.md"]
        assert f"`{'/'.join(source.table.asset_key)}`" in page
        assert all(
            f"| `{name}` |" in page
            for name in source.table.columns
            if name not in {"partition_date", "object_id", "ingested_at"}
        )


def test_pages_of_vendors_that_are_gone_are_removed(tmp_path):
    (tmp_path / "gone.md").write_text("old")
    write(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(pages())
