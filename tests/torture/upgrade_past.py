"""Data directories as earlier releases left them: everything in use that they knew, in their form.

Made by today's code, then taken back: rows go into tables of the earlier schema, and the journal is
written again without the fields that were added since.
"""

import shutil
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import msgspec
from msgspec import Struct

from keys import database as key_database
from keys import migrations as key_migrations
from store import changes, migrations
from store.database import FILE
from store.journal import Journal, Tail, store_of
from store.lock import write_lock
from tests.torture.model_bodies import body
from tests.torture.model_door import Door

FIRST = 4
"""No store was ever written with fewer steps: it could not say how far it had come."""
VERSIONS, LOCKS, MESSAGES = 5, 6, 7
"""The steps that brought them."""
KEY_STEPS = {4: 1, 5: 1, 6: 2, 7: 2}
"""Of the key table, beside so many of the store."""
ENCRYPTION = 2
"""The step of the key table that brought keys of objects."""
SMALL, LARGE, OTHER = (bytes((n,)) * size for n, size in ((1, 900), (2, 70_000), (3, 80_000)))
WEBHOOKS = ("hook=http://127.0.0.1:9/",)


def fill(door: Door, steps: int) -> None:
    """Use all that a release with so many steps had."""
    _plain(door)
    if steps >= VERSIONS:
        _versions(door)
    if steps >= LOCKS:
        _locks(door)
    if steps >= MESSAGES:
        _told(door)
    if KEY_STEPS[steps] >= ENCRYPTION:
        _sealed(door)


def ask(
    door: Door,
    line: str,
    query: dict[str, str] | None = None,
    sent: bytes = b"",
    **headers: str,
) -> str:
    """What the answer calls the version that was made."""
    door.clock.now += 1001
    method, _, path = line.partition(" ")
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = door.ask("A", method, path, query, fields, sent)
    assert answer.status < 300, (line, answer.body)
    if query and "uploads" in query:
        return answer.text("UploadId")
    return answer.headers.get("x-amz-version-id", "")


def _plain(door: Door) -> None:
    ask(door, "PUT /plain")
    ask(door, "PUT /plain/small", sent=SMALL, x_amz_meta_a="b", x_amz_tagging="k=v")
    ask(door, "PUT /plain/large", sent=LARGE, x_amz_acl="public-read")
    ask(door, "PUT /plain/twin", x_amz_copy_source="/plain/large")
    ask(door, "PUT /plain/replaced", sent=OTHER)
    ask(door, "PUT /plain/replaced", sent=SMALL)
    ask(door, "PUT /plain/gone", sent=SMALL)
    ask(door, "DELETE /plain/gone")
    ask(door, "PUT /plain", {"acl": ""}, x_amz_acl="public-read")
    for key, completed in (("parts", True), ("going", False)):
        id = ask(door, f"POST /plain/{key}", {"uploads": ""})
        for number, part in enumerate((OTHER, LARGE), 1):
            query = {"partNumber": str(number), "uploadId": id}
            ask(door, f"PUT /plain/{key}", query, part)
        if completed:
            listed = f"<Part><PartNumber>2</PartNumber><ETag>{body(LARGE).etag}</ETag></Part>"
            document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
            ask(door, f"POST /plain/{key}", {"uploadId": id}, document.encode())


def _versioning(door: Door, bucket: str, status: str) -> None:
    document = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
    ask(door, f"PUT /{bucket}", {"versioning": ""}, document.encode())


def _versions(door: Door) -> None:
    for bucket in ("kept", "paused"):
        ask(door, f"PUT /{bucket}")
        ask(door, f"PUT /{bucket}/k", sent=b"null version")
        _versioning(door, bucket, "Enabled")
        ids = [ask(door, f"PUT /{bucket}/k", sent=sent) for sent in (LARGE, SMALL, OTHER)]
        ask(door, f"DELETE /{bucket}/k", {"versionId": ids[1]})
        ask(door, f"PUT /{bucket}/hidden", sent=LARGE)
        ask(door, f"DELETE /{bucket}/hidden")
    _versioning(door, "paused", "Suspended")
    ask(door, "PUT /paused/k", sent=b"null again")
    ask(door, "DELETE /paused/hidden")


def _locks(door: Door) -> None:
    ask(door, "PUT /locked", x_amz_bucket_object_lock_enabled="true")
    rule = "<DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention>"
    said = f"<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>{rule}</Rule>"
    document = f"<ObjectLockConfiguration>{said}</ObjectLockConfiguration>".encode()
    ask(door, "PUT /locked", {"object-lock": ""}, document)
    id = ask(door, "PUT /locked/a", sent=LARGE)
    ask(door, "PUT /locked/a", sent=SMALL)
    hold = b"<LegalHold><Status>ON</Status></LegalHold>"
    ask(door, "PUT /locked/a", {"legal-hold": "", "versionId": id}, hold)


def _told(door: Door) -> None:
    ask(door, "PUT /told")
    queue = "<Queue>arn:s3gw:sqs::hook:webhook</Queue><Event>s3:ObjectCreated:*</Event>"
    said = f"<QueueConfiguration>{queue}</QueueConfiguration>"
    document = f"<NotificationConfiguration>{said}</NotificationConfiguration>".encode()
    ask(door, "PUT /told", {"notification": ""}, document)
    ask(door, "PUT /told/of", sent=SMALL)


def _sealed(door: Door) -> None:
    door.keys.kms.create("photos")
    header = "x_amz_server_side_encryption"
    ask(door, "PUT /plain/sealed", sent=OTHER, **{header: "AES256"})
    named = {header: "aws:kms", f"{header}_aws_kms_key_id": "photos"}
    ask(door, "PUT /plain/photo", sent=SMALL, **named)


# --- back in time ------------------------------------------------------------------------------


def age(today: Path, target: Path, steps: int) -> None:
    """A copy of the directory, whose server is stopped, as a release with so many steps has it."""
    shutil.copytree(today, target, ignore=shutil.ignore_patterns("*.sqlite*", "*.log"))
    store = store_of(today / "journal")
    with patch.object(migrations, "STEPS", migrations.STEPS[:steps]):
        migrations.migrate(target / FILE, store=store)
    _copy_rows(today / FILE, target / FILE)
    _age_keys(today / key_database.FILE_NAME, target / key_database.FILE_NAME, KEY_STEPS[steps])
    assert store is not None
    _age_journal(today, target, store)


def _copy_rows(today: Path, target: Path) -> None:
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS today", (str(today),))
        tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
        for (table,) in connection.execute(tables).fetchall():
            columns = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
            listed = ", ".join(f'"{column}"' for column in columns)
            connection.execute(
                f"INSERT OR REPLACE INTO main.{table} ({listed}) SELECT {listed} FROM today.{table}"
            )


def _age_keys(today: Path, target: Path, steps: int) -> None:
    with (
        patch.object(key_migrations, "STEPS", key_migrations.STEPS[:steps]),
        patch.object(key_database, "SCHEMA", steps),
    ):
        key_database.open_database(target).close()
    _copy_rows(today, target)


def _age_journal(today: Path, target: Path, store: uuid.UUID) -> None:
    """The same changes, without fields that have their defaults."""
    lock = write_lock(target)
    try:
        aged = Journal(target / "journal", store, lock.file)
        tail = Tail(0, 0, 0)
        for record in Journal(today / "journal", store, -1).records():
            said = changes.decode(record.payload)
            last = record.lsn + len(said) - 1
            tail = aged.append(tail, record.lsn, last, msgspec.msgpack.encode(_older(said)))
        aged.close()
    finally:
        lock.close()


def _older(value: object) -> object:
    """As it was encoded before its last fields were there."""
    if isinstance(value, Struct) and value.__struct_config__.array_like:
        return [*_tag(value), *map(_older, _without_defaults(value))]
    if isinstance(value, list | tuple):
        return [_older(each) for each in value]
    return value


def _tag(value: Struct) -> Sequence[object]:
    tag = value.__struct_config__.tag
    return () if tag is None else (tag,)


def _without_defaults(value: Struct) -> list[object]:
    fields = [getattr(value, name) for name in value.__struct_fields__]
    for default in reversed(value.__struct_defaults__):
        empty = default.factory() if hasattr(default, "factory") else default
        if fields[-1] != empty:
            break
        fields.pop()
    return fields
