"""The sandbox's files of GDELT: one each quarter of an hour, a list with their checksums, nothing of the future."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

LIST = "masterfilelist.txt"
FILE = "20181230121500.gkg.csv.zip"


def lines_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return name, [line.split("\t") for line in archive.read(name).decode().splitlines()]


def test_a_file_has_the_documents_of_its_quarter_of_an_hour(ask):
    name, lines = lines_of(ask("gdelt_files", FILE).content)
    assert name == FILE.removesuffix(".zip")
    assert {(len(line), line[1]) for line in lines} == {(27, "20181230121500")}
    assert len({line[0] for line in lines}) == len(lines) > 1
    assert lines[-1][7] == "SOC_GENERALCULTURE"
    positive, negative = ([float(line[15].split(",")[place]) for line in lines] for place in (1, 2))
    assert [float(line[15].split(",")[0]) for line in lines] == [p - n for p, n in zip(positive, negative, strict=True)]


def test_the_list_ends_with_the_newest_file_and_its_checksum(ask):
    whole = ask("gdelt_files", LIST)
    end = ask("gdelt_files", LIST, headers={"range": "bytes=-300"})
    assert (whole.status_code, end.status_code) == (200, 206)
    assert end.content == whole.content[-300:]
    assert (
        end.headers["content-range"]
        == f"bytes {len(whole.content) - 300}-{len(whole.content) - 1}/{len(whole.content)}"
    )
    size, digest, address = end.text.splitlines()[-1].split(" ")
    content = ask("gdelt_files", address.rpartition("/")[2]).content
    assert address.endswith("/20181231234500.gkg.csv.zip")
    assert (int(size), digest) == (len(content), hashlib.md5(content).hexdigest())


@pytest.mark.parametrize(
    "path",
    [
        "20190101000000.gkg.csv.zip",  # the future
        "20181130234500.gkg.csv.zip",  # before the first day
        "20181230121600.gkg.csv.zip",  # not on the grid
        "20181330121500.gkg.csv.zip",
        "20181230121500.export.CSV.zip",
        "lastupdate.txt",
    ],
)
def test_what_is_not_there(ask, path):
    assert ask("gdelt_files", path).status_code == 404
