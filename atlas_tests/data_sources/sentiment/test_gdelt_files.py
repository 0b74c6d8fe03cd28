"""GDELT's files: which are asked for, which are missing, which documents are kept, hostile archives."""

import hashlib
import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from pydantic import ValidationError

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.coverage import State
from atlas_assets.data_sources.fields import FormatChanged
from atlas_assets.data_sources.sentiment.gdelt_files import (
    DocumentsQuery,
    FileTopic,
    GdeltDocuments,
    GdeltFilesSettings,
)
from atlas_assets.lake import CommitInfo, Lake, LakeConfig
from atlas_assets.orchestration import coverage
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition

DAY = date(2018, 12, 30)
LATER = datetime(2019, 1, 4, 12, tzinfo=UTC)
NOON = datetime(2018, 12, 30, 12, tzinfo=UTC)
TOPICS = (
    FileTopic(name="stocks", themes=("ECON_STOCKMARKET",), words=("stock market", "earnings")),
    FileTopic(name="fed", organisations=("Federal Reserve",)),
)
QUERY = DocumentsQuery(start=DAY, end=DAY, as_of=LATER, topics=TOPICS)
TONE = "-1.5,2.5,4.0,6.5,20.25,1.75,321"


def line(number=1, *, seen=NOON, themes="", organisations="", title=None, tone=TONE, url="https://a.example/1"):
    """A document with the 27 values of the codebook; those that are not read are not empty."""
    values = [f"x{place}" for place in range(27)]
    values[0], values[1] = f"{seen:%Y%m%d%H%M%S}-{number}", f"{seen:%Y%m%d%H%M%S}"
    values[3], values[4] = "a.example", url
    values[7], values[13], values[15] = themes, organisations, tone
    values[26] = "<PAGE_LINKS>y</PAGE_LINKS>" + ("" if title is None else f"<PAGE_TITLE>{title}</PAGE_TITLE>")
    return "\t".join(values)


def zipped(text, name="20181230120000.gkg.csv"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)  # of no time: the same bytes again
    return packed.getvalue()


def read(*lines, end="\n"):
    return GdeltDocuments.transform(zipped(end.join([*lines, ""]).encode(errors="surrogateescape")), QUERY)


def kept(*lines):
    return {row["gkg_record_id"].rpartition("-")[2]: row["topics"] for row in read(*lines).rows.to_pylist()}


class Files:
    """Answers with a file for each quarter of an hour but the ``missing`` ones, and with the list of all files."""

    def __init__(self, *missing, content=None, listed=True, sums=None):
        self.missing, self.content, self.listed, self.sums = set(missing), content, listed, sums or {}
        self.asked, self.ranges = [], []

    def file(self, stamp):
        return self.content or zipped("", f"{stamp}.gkg.csv")

    def list(self):
        moments = [NOON - timedelta(days=1) + number * timedelta(minutes=15) for number in range(96 * 3)]
        lines = ["e9f8ff http://data.gdeltproject.org/gdeltv2/20181228000000.mentions.CSV.zip"]  # a line that is cut
        for stamp in (f"{moment:%Y%m%d%H%M%S}" for moment in moments):
            digest = self.sums.get(stamp, hashlib.md5(self.file(stamp)).hexdigest())
            address = f"http://data.gdeltproject.org/gdeltv2/{stamp}"
            lines += [f"123 {'f' * 32} {address}.export.CSV.zip", f"123 {digest} {address}.gkg.csv.zip"]
        return "\n".join(lines) + "\n"

    def __call__(self, request):
        name = request.url.path.rpartition("/")[2]
        if name == "masterfilelist.txt":
            self.ranges.append(request.headers["range"])
            return httpx.Response(206, text=self.list()) if self.listed else httpx.Response(404)
        stamp = name.removesuffix(".gkg.csv.zip")
        self.asked.append(stamp)
        return httpx.Response(404) if stamp in self.missing else httpx.Response(200, content=self.file(stamp))


@pytest.fixture
def make(source_of):
    def source(handler, now=LATER):
        return source_of(GdeltDocuments, handler, section=GdeltFilesSettings(topics=list(TOPICS)), now=lambda: now)

    return source


def ask(source, day=DAY):
    (query,) = source.queries(day, day)
    return query, list(source.extract(query))


def test_a_day_is_96_files_and_one_part_of_the_list(make):
    server = Files()
    source = make(server)
    query, replies = ask(source)
    assert len(replies) == len(set(server.asked)) == 96
    assert (server.asked[0], server.asked[-1]) == ("20181230000000", "20181230234500")
    assert server.ranges == ["bytes=-245000"]
    assert replies[0].request["published_md5"] == hashlib.md5(replies[0].content).hexdigest()
    assert replies[0].request["url"] == "https://data.gdeltproject.org/gdeltv2/20181230000000.gkg.csv.zip"
    assert query not in source.shortfalls
    ask(source, date(2018, 12, 31))
    assert len(server.ranges) == 1, "the list is asked for once for all later days"


def test_the_future_is_not_asked_for(make):
    now = NOON + timedelta(minutes=7)
    server = Files("20181230120000")
    source = make(server, now)
    query, replies = ask(source)
    assert server.asked[-1] == "20181230120000"
    assert len(replies) == 48
    assert query not in source.shortfalls, "it may still come"
    assert ask(source, date(2018, 12, 31))[1] == []


def test_quarters_that_never_came_are_told(make):
    source = make(Files("20181230031500", "20181230110000"))
    query, replies = ask(source)
    assert len(replies) == 94
    assert source.shortfalls[query] == (
        DAY,
        "2 of 96 quarters of an hour have no file, the first at 2018-12-30 03:15 UTC",
    )


@pytest.mark.parametrize(("hours", "is_told"), [(0.5, False), (1, True)])
def test_what_is_missing_is_told_when_the_day_is_final(make, hours, is_told):
    source = make(Files("20181230031500"), datetime(2018, 12, 31, tzinfo=UTC) + timedelta(hours=hours))
    query, _ = ask(source)
    assert (query in source.shortfalls) == is_told


def test_a_day_without_any_file_is_a_wrong_address_or_too_early(make):
    def nothing(request):
        return httpx.Response(404)

    with pytest.raises(PermanentError, match="there is no file from 2018-12-30 00:00 on; check base_url"):
        ask(make(nothing))


def test_gaps_are_in_the_ledger_and_only_what_is_new_is_asked_for_again(make, tmp_path):
    lake = Lake(LakeConfig(root=tmp_path / "lake", extensions=tmp_path / "extensions"))
    days = [DAY - timedelta(days=1), DAY]
    partitions = [Partition(day.isoformat(), day, day) for day in days]
    content = zipped(line(themes="ECON_STOCKMARKET"))
    server = Files("20181229031500", "20181230031500", content=content)

    def load(now):
        server.asked.clear()
        source = make(server, now)
        ingestion = Ingestion(source, partitions=partitions, lake=lake, now=now, run_id="test")
        for batch in ingestion.batches():
            lake.replace(
                source.table.name,
                batch.rows,
                schema=arrow_schema(source.table.contract),
                keys=source.table.key,
                window=batch.windows,
                commit=CommitInfo(run_id="test", asset=source.table.name),
                records=batch.records,
            )
        spans = coverage.painted(lake, "gdelt_files", "documents", *days)["*"]
        return {day: (span.state, span.reason) for span in spans for day in (span.first, span.last)}

    told = load(NOON)
    assert told[days[0]][0] == State.PARTIAL
    assert "1 of 96 quarters of an hour have no file" in told[days[0]][1]
    assert told[days[1]] == (State.PARTIAL, None)
    told = load(NOON + timedelta(hours=6))
    assert {stamp[:8] for stamp in server.asked} == {"20181230"}
    told = load(LATER)
    assert told[days[1]][1] == "1 of 96 quarters of an hour have no file, the first at 2018-12-30 03:15 UTC"
    load(LATER)
    assert server.asked == []


def test_files_are_verified_where_the_list_names_them(make):
    with pytest.raises(TransientError, match="published checksum"):
        ask(make(Files(sums={"20181230100000": "0" * 32})))
    _, replies = ask(make(Files(listed=False)))
    assert len(replies) == 96
    assert "published_md5" not in replies[0].request
    with pytest.raises(TransientError, match="something else than an archive"):
        ask(make(Files(listed=False, content=b"<html>maintenance</html>")))


def test_a_list_without_files_is_tried_again_and_refused(make):
    with pytest.raises(TransientError, match="a list of files that names none"):
        ask(make(lambda request: httpx.Response(200, text="<html>")))


def test_documents_as_sent():
    sent = line(7, themes="TAX_FNCACT;ECON_STOCKMARKET", organisations="federal reserve", title="Fed&#x2019;s move")
    (row,) = read(sent).rows.to_pylist()
    assert row == {
        "gkg_record_id": "20181230120000-7",
        "topics": "stocks;fed",
        "date": "20181230120000",
        "seen_at": NOON,
        "source_name": "a.example",
        "url": "https://a.example/1",
        "themes": "TAX_FNCACT;ECON_STOCKMARKET",
        "organisations": "federal reserve",
        "page_title": "Fed&#x2019;s move",
        "tone": -1.5,
        "positive_score": 2.5,
        "negative_score": 4.0,
        "polarity": 6.5,
        "activity_density": 20.25,
        "self_group_density": 1.75,
        "word_count": 321,
    }


def test_only_documents_about_a_topic_are_kept():
    assert kept(
        line(1, themes="ECON_STOCKMARKET"),
        line(2, themes="ECON_STOCKMARKETS;SPORTS"),
        line(3, organisations="federal reserve;acme"),
        line(4, organisations="federal reserve bank of dallas"),
        line(5, title="The Stock Market falls"),
        line(6, title="Livestock markets"),
        line(7, title="Q3 &#x65;arnings, at last"),
        line(8, title="earnings", themes="ECON_STOCKMARKET", organisations="Federal Reserve"),
        line(9),
    ) == {"1": "stocks", "3": "fed", "5": "stocks", "7": "stocks", "8": "stocks;fed"}


def test_a_topic_asks_for_something():
    with pytest.raises(ValidationError, match="topic empty needs themes, organisations or words"):
        FileTopic(name="empty")


def test_other_days_and_empty_files_are_no_rows():
    assert read(line(themes="ECON_STOCKMARKET", seen=NOON - timedelta(days=1))).rows.num_rows == 0
    for content in ("", "\n", line() + "\n"):
        assert GdeltDocuments.transform(zipped(content), QUERY).rows.num_rows == 0


def test_missing_title_and_tone_stay_missing():
    (row,) = read(line(themes="ECON_STOCKMARKET", tone=""), end="\r\n").rows.to_pylist()
    assert (row["page_title"], row["tone"], row["word_count"]) == (None, None, None)


def test_bad_lines_about_a_topic_are_set_aside_by_themselves():
    about = {"themes": "ECON_STOCKMARKET"}
    parsed = read(
        line(1, **about),
        line(2, **about, tone="1,2"),
        line(3, **about).replace("\t20181230120000\t", "\tsoon\t"),
        line(4, **about, tone="1,2,3,4,nan,6,7"),
        line(5, **about, tone="1,2,3,4,5,6,many"),
        line(6, **about) + "\tone too many",
        line(7, **about, url="https://a.example/\udcff"),
        line(8, title="sports") + "\tone too many",
        "",
        line(9, **about),
    )
    assert [row["gkg_record_id"].rpartition("-")[2] for row in parsed.rows.to_pylist()] == ["1", "7", "9"]
    assert parsed.rows["url"][1].as_py() == "https://a.example/\ufffd"
    assert [row.position for row in parsed.rejected] == [2, 3, 4, 5, 6]


def test_a_file_of_other_columns_is_a_change_of_format():
    with pytest.raises(MalformedReply, match="no line has 27 values"):
        read(line(1) + "\tnew", line(2) + "\tnew")
    with pytest.raises(FormatChanged):
        read(line(1, themes="ECON_STOCKMARKET", tone="none"), line(2))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 and more", zipped(line() * 50)[:200], zipped("\0" * 50_000_000), zipped(line(), "../x.csv")],
    ids=["empty", "no zip", "cut", "bomb", "slip"],
)
def test_hostile_archives_are_refused(content):
    with pytest.raises(MalformedReply, match="gdelt_files documents"):
        GdeltDocuments.transform(content, QUERY)
