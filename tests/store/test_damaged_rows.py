"""A row of an object with a flipped bit answers for nothing."""

import random
from contextlib import closing, suppress

import apsw
import pytest
from storing import make_bucket, noise, opened, put
from test_scrub import flipped

from store import database
from store.errors import Damaged
from store.records import ENABLED
from store.version_rows import COLUMNS

NAMES = [name for name in COLUMNS.split(", ") if name not in ("bucket", "key")]
"""With another bucket or key it is a row of that, which a scrub finds: it was never asked for."""


@pytest.fixture
async def directory(tmp_path):
    async with opened(tmp_path / "data") as store:
        bucket = await make_bucket(store)
        await store.set_bucket_versioning(bucket, ENABLED)
        await put(store, bucket, b"key", noise(1, 100_000))
        await put(store, bucket, b"key", noise(2, 3000))
    return tmp_path / "data"


@pytest.mark.parametrize("table", ["entry", "version"])
async def test_no_bit_of_it_is_believed(directory, table):
    chance = random.Random(table)
    path = directory / database.FILE
    async with opened(directory) as store:
        old = store.list_versions(store.bucket("bucket")).versions[1].version
    sound = path.read_bytes()
    for column in (*NAMES, "crc"):
        path.write_bytes(sound)
        with closing(apsw.Connection(str(path))) as db:
            ((value,),) = db.execute(f"SELECT {column} FROM {table}")
            other = 1 if value is None else flipped(value or b"\0", chance)
            db.execute(f"UPDATE {table} SET {column} = ?", (other,))

        async with opened(directory) as store:
            bucket = store.bucket("bucket")
            with suppress(Damaged):  # or it has the number of another version, and is not found
                found = store.version(bucket, b"key", old)
                assert table == "entry" or found is None, column
            if table == "entry":
                with pytest.raises(Damaged):
                    store.entry(bucket, b"key")
