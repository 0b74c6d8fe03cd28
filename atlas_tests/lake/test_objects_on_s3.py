"""Raw objects on a real S3 server."""

from datetime import date

import pytest

from atlas_assets.lake.errors import LakeError
from atlas_assets.lake.objects import ObjectStore
from atlas_tests.s3 import BUCKET, s3_server


def test_a_prefix_of_s3_keeps_objects(monkeypatch):
    with s3_server(monkeypatch):
        store = ObjectStore(f"s3://{BUCKET}/some/prefix")
        kind = {"source": "binance", "dataset": "klines", "received": date(2018, 12, 1)}
        put = [store.put(content, suffix="json", **kind) for content in (b"[1]", b"[2]", b"[1]")]
        assert put[0] == put[2]
        again = ObjectStore(f"s3://{BUCKET}/some/prefix")
        assert sorted(again.paths()) == sorted({one.path for one in put})
        assert [again.get(one.path) for one in put] == [b"[1]", b"[2]", b"[1]"]
        with pytest.raises(LakeError, match="is missing"):
            again.get(put[0].path.replace(put[0].object_id, "0" * 64))
