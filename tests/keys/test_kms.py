"""KMS keys: made once, found by any of their names, sealed where they lie."""

import shutil

import pytest

from keys.errors import InvalidKey, KeyExists, NoSuchKmsKey, SealBroken
from keys.kms import DEFAULT, key_id
from keys.table import Table
from keys.wrapping import WrappingKey, derived

KEY = bytes(32)


@pytest.fixture
def table(tmp_path):
    table = Table(tmp_path)
    yield table
    table.close()


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("photos", "photos"),
        ("alias/photos", "photos"),
        ("alias/aws/s3", "aws/s3"),
        ("arn:aws:kms:eu-west-1:111122223333:key/photos", "photos"),
        ("arn:aws:kms:eu-west-1:111122223333:alias/aws/s3", "aws/s3"),
    ],
)
def test_a_key_has_many_names(name, id):
    assert key_id(name) == id


def test_a_key_is_there_after_a_restart(tmp_path, table):
    table.kms.create("one")
    wrapped = table.kms.load("one").wrap(KEY, b"here")
    again = Table(tmp_path)

    assert again.kms.known("one") is None
    assert again.kms.load("alias/one").unwrap(wrapped, b"here") == KEY
    assert again.kms.known("one") is not None
    again.close()


def test_the_default_key_is_always_there(tmp_path, table):
    wrapped = table.kms.known(DEFAULT).wrap(KEY, b"")
    again = Table(tmp_path)

    assert again.kms.known(DEFAULT).unwrap(wrapped, b"") == KEY
    again.close()


def test_a_wrapped_key_opens_in_its_place_only(table):
    table.kms.ensure(["one", "two"])
    one, two = table.kms.load("one"), table.kms.load("two")
    wrapped = one.wrap(KEY, b"here")

    for key, place in ((one, b"there"), (two, b"here"), (table.kms.objects, b"here")):
        with pytest.raises(SealBroken):
            key.unwrap(wrapped, place)
    with pytest.raises(SealBroken):
        one.unwrap(b"", b"here")


def test_a_sealed_key_moved_to_another_id_does_not_open(table):
    table.kms.ensure(["one", "two"])
    table._database.execute(
        "UPDATE kms_key SET sealed = (SELECT sealed FROM kms_key WHERE id = 'one')"
    )

    with pytest.raises(SealBroken):
        table.kms.load("two")


def test_a_key_is_made_once(table):
    table.kms.create("one")
    with pytest.raises(KeyExists):
        table.kms.create("one")
    table.kms.ensure(["one", "two"])

    assert [key.id for key in table.kms.all()] == ["one", "two"]


@pytest.mark.parametrize("id", ["", "a b", "aws/s3", "x" * 257, "é"])
def test_an_id_that_no_header_could_name_is_refused(table, id):
    with pytest.raises(InvalidKey):
        table.kms.create(id)


def test_an_unknown_key_is_not_found(table):
    with pytest.raises(NoSuchKmsKey):
        table.kms.load("nobody")


def test_keys_for_different_purposes_have_nothing_in_common():
    made = {derived(KEY, "a"), derived(KEY, "b"), derived(KEY, "a", b"salt"), KEY}

    assert len(made) == 4
    assert "object at" in repr(WrappingKey(KEY))


def test_a_table_of_the_first_schema_gets_room_for_them(tmp_path, table):
    table.import_key("AKIA0000000000000000", "secret-of-this-key")
    table._database.execute("DROP TABLE kms_key")
    table._database.execute("DROP TABLE wrapping_key")
    table._database.execute("PRAGMA user_version = 1")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("keys.sqlite", "master.key"):
        shutil.copy2(tmp_path / name, copy / name)
    old = Table(copy)

    old.kms.create("one")
    assert old.get("AKIA0000000000000000").secret == "secret-of-this-key"
    old.close()
