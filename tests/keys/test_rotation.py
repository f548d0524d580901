"""Another master key: every secret opens as before, for who has the table open too."""

import sqlite3
from contextlib import closing

import pytest

from keys import master_key
from keys.backup import backup
from keys.database import FILE_NAME
from keys.errors import MasterKeyRefused, SealBroken
from keys.kms import DEFAULT
from keys.table import MASTER_KEY_NAME, Table

KEY = bytes(range(32))


@pytest.fixture
def table(tmp_path):
    with closing(Table(tmp_path)) as table:
        yield table


@pytest.fixture
def elsewhere(table, tmp_path):
    """The same table as a worker has it."""
    with closing(Table(tmp_path, monotonic=iter(range(1000)).__next__)) as other:
        yield other


def _rows(directory, statement):
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        return connection.execute(statement).fetchall()


def test_every_row_is_sealed_anew_and_opens_as_before(table, tmp_path):
    made = [table.generate() for _ in range(3)]
    table.kms.create("photos")
    before = _rows(tmp_path, "SELECT sealed FROM access_key UNION SELECT sealed FROM kms_key")
    wrapped = table.kms.load("photos").wrap(KEY, b"here")

    done = table.rotate_master()

    after = _rows(tmp_path, "SELECT sealed FROM access_key UNION SELECT sealed FROM kms_key")
    assert len(after) == 4
    assert not set(before) & set(after)
    assert done.rows == 4 + 2 * 2
    with closing(Table(tmp_path)) as again:
        assert again.all() == made == table.all()
        assert again.kms.load("photos").unwrap(wrapped, b"here") == KEY
    ids = "SELECT master FROM access_key UNION SELECT master FROM kms_key"
    assert _rows(tmp_path, f"{ids} UNION SELECT master FROM wrapping_key") == [(done.new,)]


def test_the_old_key_is_kept_under_its_id_and_opens_nothing_any_more(table, tmp_path):
    made = table.generate()
    old = master_key.read(tmp_path / MASTER_KEY_NAME)

    done = table.rotate_master()

    assert master_key.key_id(old) == done.old
    assert master_key.read(done.kept) == old != master_key.read(tmp_path / MASTER_KEY_NAME)
    assert done.kept.stat().st_mode & 0o777 == 0o400
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        FILE_NAME,
        MASTER_KEY_NAME,
        f"{MASTER_KEY_NAME}.{done.old}",
    ]
    with pytest.raises(MasterKeyRefused, match="another master key"):
        Table(tmp_path, master_key_file=done.kept)
    assert table.get(made.key) == made


def test_keys_of_objects_open_after_any_number_of_rotations(table, tmp_path):
    wrapped = []
    for _ in range(3):
        wrapped += [table.kms.objects.wrap(KEY, b"o"), table.kms.known(DEFAULT).wrap(KEY, b"o")]
        table.rotate_master()

    with closing(Table(tmp_path)) as again:
        for kms in (table.kms, again.kms):
            for objects, default in zip(wrapped[::2], wrapped[1::2], strict=True):
                assert kms.objects.unwrap(objects, b"o") == KEY
                assert kms.known(DEFAULT).unwrap(default, b"o") == KEY
                with pytest.raises(SealBroken):
                    kms.objects.unwrap(default, b"o")


def test_what_is_written_later_does_not_open_with_the_old_key(table, tmp_path):
    """Whoever has the old key and the table as it is now has nothing."""
    old = master_key.read(tmp_path / MASTER_KEY_NAME)
    first = Table(tmp_path).kms.objects
    table.rotate_master()
    wrapped = table.kms.objects.wrap(KEY, b"o")

    with pytest.raises(SealBroken):
        first.unwrap(wrapped, b"o")
    assert old.hex().encode() not in b"".join(
        each.read_bytes() for each in tmp_path.iterdir() if not each.name.startswith("master.key.")
    )


def test_a_worker_that_has_the_table_open_goes_on(table, elsewhere):
    known, late = table.generate(), table.generate()
    assert elsewhere.find(known.key) == known
    table.rotate_master()
    table.rotate_master()

    assert elsewhere.find(known.key) == known
    assert elsewhere.find(late.key) == late
    wrapped = elsewhere.kms.objects.wrap(KEY, b"o")
    assert table.kms.objects.unwrap(wrapped, b"o") == KEY


def test_a_worker_opens_what_another_has_wrapped_after_a_rotation(table, elsewhere):
    table.rotate_master()
    wrapped = table.kms.objects.wrap(KEY, b"o")
    with pytest.raises(SealBroken):
        elsewhere.kms.objects.unwrap(wrapped, b"o")

    elsewhere.kms.renew()

    assert elsewhere.kms.objects.unwrap(wrapped, b"o") == KEY


def test_what_is_made_by_who_has_not_heard_of_it_is_sealed_under_the_new_key(
    table, elsewhere, tmp_path
):
    known = table.generate()
    done = table.rotate_master()

    made, changed = elsewhere.generate(), elsewhere.reset(known.key)
    elsewhere.kms.create("late")

    assert _rows(tmp_path, "SELECT DISTINCT master FROM access_key") == [(done.new,)]
    assert table.all() == [changed, made]
    assert table.kms.load("late")


def test_an_empty_table_can_be_rotated(table, elsewhere):
    table.rotate_master()

    assert elsewhere.generate() == table.all()[0]


def test_a_key_file_elsewhere_is_rotated_where_it_is(tmp_path):
    (tmp_path / "my.key").write_text("5a" * 32)
    (tmp_path / "my.key").chmod(0o400)
    with closing(Table(tmp_path / "data", master_key_file=tmp_path / "my.key")) as table:
        made = table.generate()
        done = table.rotate_master()

    assert done.kept == tmp_path / f"my.key.{done.old}"
    with closing(Table(tmp_path / "data", master_key_file=tmp_path / "my.key")) as table:
        assert table.all() == [made]


def test_a_key_that_is_a_link_is_left_to_who_made_it(tmp_path):
    master_key.create(tmp_path / "real.key")
    (tmp_path / "link.key").symlink_to("real.key")
    with closing(Table(tmp_path / "data", master_key_file=tmp_path / "link.key")) as table:
        made = table.generate()
        with pytest.raises(MasterKeyRefused, match="symbolic link"):
            table.rotate_master()
        assert table.all() == [made]


def test_a_backup_between_two_rotations_has_the_key_of_its_table(table, tmp_path, monkeypatch):
    """The key changes after the table was copied, before the key is."""
    from keys import backup as module

    made, copy, target = table.generate(), module._copy, tmp_path / "copy"
    target.mkdir()

    def copied(directory, path):
        ids = copy(directory, path)
        monkeypatch.setattr(module, "_copy", copy)
        table.rotate_master()
        return ids

    monkeypatch.setattr(module, "_copy", copied)

    assert backup(tmp_path, target, with_master_key=True)
    with closing(Table(target)) as restored:
        assert restored.all() == [made]
