"""Copies, near copies and floods: what joins, what does not, and that neither order of work nor the future matters."""

from __future__ import annotations

import random

import pytest

from atlas_assets.sentiment.duplicates import (
    DAY,
    HOUR,
    LEAST_JACCARD,
    Document,
    Groups,
    comparable,
    group_documents,
    jaccard,
)

STORY = "Acme Holdings beats estimates as cloud revenue grows faster than analysts had expected this quarter"
STORY_JA = "アクメ社は第三四半期の決算を発表し、クラウド事業の売上高が市場予想を大きく上回ったと説明した"


def groups_of(*texts: str, apart: int = 2 * HOUR, authors: tuple[str | None, ...] = ()) -> list[Groups]:
    """The groups of texts that follow each other in equal steps; ids are 0, 1, 2 …"""
    named = authors or (None,) * len(texts)
    return group_documents([Document(str(n), n * apart, text, named[n]) for n, text in enumerate(texts)])


def duplicates(*texts: str, apart: int = 2 * HOUR) -> list[str]:
    return [groups.duplicate_group for groups in groups_of(*texts, apart=apart)]


@pytest.mark.parametrize(
    "copy",
    [
        STORY,
        STORY.upper() + "!",
        f"RT @wire: {STORY} https://t.co/abc",
        f"{STORY} - Reuters",
        STORY.replace("faster", "quicker"),
    ],
)
def test_copies_join(copy: str) -> None:
    assert duplicates(STORY, "Something else entirely was written here in between", copy) == ["0", "1", "0"]


def test_near_copies_in_japanese_join() -> None:
    assert duplicates(STORY_JA, STORY_JA.replace("大きく", "大幅に") + "。") == ["0", "0"]
    assert duplicates(STORY_JA, "本日は晴天なので、商店街の人出は昨年よりもかなり増えていると感じている") == ["0", "1"]


@pytest.mark.parametrize(
    "other",
    [
        "Acme Holdings misses estimates as cloud revenue shrinks and analysts cut their targets for next year",
        STORY + " of 2018",
        STORY + " $ACME",
        "Yay!",
        "",
    ],
)
def test_other_texts_do_not(other: str) -> None:
    assert duplicates(STORY, other) == ["0", "1"]


def test_documents_without_text_are_alone() -> None:
    assert duplicates("", "", "https://t.co/a", "https://t.co/b") == ["0", "1", "2", "3"]


def test_short_texts_are_copies_only_when_equal() -> None:
    assert duplicates("Sell now ok", "SELL NOW OK!", "Sell now oh") == ["0", "0", "2"]


def test_a_group_lives_for_a_week() -> None:
    assert duplicates(STORY, STORY, apart=7 * DAY) == ["0", "0"]
    assert duplicates(STORY, STORY, apart=7 * DAY + 1) == ["0", "1"]
    # Told by its first document: a daily repetition begins anew after a week.
    assert duplicates(*[STORY] * 10, apart=DAY) == ["0"] * 8 + ["8"] * 2


def test_floods() -> None:
    texts = [f"Message of its own, number {word}" for word in ("one", "two", "three", "four")]
    assert [one.flood_group for one in groups_of(*texts, apart=HOUR, authors=("a", "b", "a", "c"))] == list("0123")
    assert [one.flood_group for one in groups_of(*texts, apart=HOUR // 2, authors=("a", "b", "a", "c"))] == list("0103")
    assert [one.flood_group for one in groups_of(*[STORY] * 3, apart=HOUR)] == list("000")
    day_long = groups_of(*[STORY] * 26, apart=HOUR)
    assert [one.flood_group for one in day_long] == ["0"] * 25 + ["25"]


def _many() -> list[Document]:
    """A month of stories, copied, edited and flooded at random."""
    dice = random.Random(7)
    words = [f"word{chr(97 + n // 26)}{chr(97 + n % 26)}".replace("word", "w") for n in range(400)]
    stories = [" ".join(dice.choices(words, k=20)) for _ in range(60)]
    at = sorted(dice.randrange(30 * DAY) for _ in range(900))
    found = []
    for number, moment in enumerate(at):
        text = dice.choice(stories)
        if dice.random() < 0.5:
            text = text.replace(dice.choice(text.split()), dice.choice(words), 1)
        found.append(Document(f"{number:04}", moment, text, dice.choice([None, *"abcdefgh"])))
    return found


def test_going_on_from_known_groups_ends_where_all_at_once_ends() -> None:
    documents = _many()
    at_once = group_documents(documents)
    assert 60 < len({groups.duplicate_group for groups in at_once}) < 450
    for day in (8, 15, 22):
        start, state = day * DAY, (day - 7) * DAY
        rest = [(doc, groups) for doc, groups in zip(documents, at_once, strict=True) if doc.published_at >= state]
        given = [
            doc._replace(**groups._asdict()) if doc.published_at < start else doc  # what is before is known
            for doc, groups in rest
        ]
        assert group_documents(given) == [groups for _, groups in rest]


def test_documents_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="in the order of their publication"):
        group_documents([Document("b", 2, "text"), Document("a", 1, "text")])


def test_the_future_changes_nothing() -> None:
    documents = _many()
    assert group_documents(documents)[:300] == group_documents(documents[:300])


def test_found_as_by_comparing_all_with_all() -> None:
    """The oracle compares every pair; bands may miss one in three hundred at the threshold."""
    documents = _many()
    texts = [comparable(document.text) for document in documents]
    leaders: list[int] = []
    expected = []
    for place, document in enumerate(documents):
        like = [
            one
            for one in leaders
            if document.published_at - documents[one].published_at <= 7 * DAY
            and (texts[one] == texts[place] or jaccard(texts[one], texts[place]) >= LEAST_JACCARD)
        ]
        equal = [one for one in like if texts[one] == texts[place]]
        expected.append(documents[max(equal or like)].document_id if like else document.document_id)
        if not like:
            leaders.append(place)
    found = [groups.duplicate_group for groups in group_documents(documents)]
    differing = sum(one != other for one, other in zip(found, expected, strict=True))
    assert differing <= 9
