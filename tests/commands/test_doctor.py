"""``s3gw doctor``: what is wrong is bad, what is risky is said, and the rest is fine."""

import datetime as dt
import http.server
import json
import os
import threading
import time
from contextlib import closing, contextmanager
from email.utils import formatdate

import pytest
from click.testing import CliRunner

from gateway import tls
from gateway.__main__ import cli
from gateway.commands import doctor_machine as machine
from gateway.commands import doctor_setup as setup
from gateway.commands.doctor_machine import BAD, OK, RISK
from gateway.config import Config
from keys.table import Table
from store import database

DAY = dt.timedelta(days=1)


@pytest.fixture
def calm(monkeypatch):
    """A machine on which nothing is wrong."""
    monkeypatch.setattr(machine, "_kernel_says", lambda: 0)
    monkeypatch.setattr(machine, "_kind", lambda directory: "ext4")
    monkeypatch.setattr(machine, "_sync", lambda file, number: 0.001)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda directory: _usage(1 << 40, 1 << 39))
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (1 << 16, 1 << 16))


def _usage(total, free):
    return machine.shutil._ntuple_diskusage(total, total - free, free)


def _run(*words, code=0, **environ):
    done = CliRunner(env=environ).invoke(cli, ["doctor", *map(str, words)])
    assert done.exit_code == code, done.output
    found = json.loads(done.stdout)["checks"]
    return {(each["name"], each["state"]): each["text"] for each in found}


def _states(checks):
    return [each.state for each in checks]


def _text(checks):
    return " ".join(each.text for each in checks)


def test_a_fresh_directory_is_fine(made, calm):
    found = _run(made)

    assert {state for _, state in found} <= {OK, RISK}
    assert {name for name, state in found if state == RISK} <= {"user"}
    names = {"clock", "disk", "file system", "fsync", "limits", "sqlite", "python"}
    assert {name for name, _ in found} >= names | {
        "permissions", "keys", "tls", "public", "settings"
    }  # fmt: skip
    assert "1 access keys" in found["keys", OK]


def test_what_is_bad_ends_with_1_and_is_told_in_text_too(made, calm, monkeypatch):
    monkeypatch.setattr(machine, "_kind", lambda directory: "tmpfs")
    assert "gone with it" in _run(made, code=1)["file system", BAD]


def test_a_directory_that_is_not_there_is_not_made(tmp_path):
    done = CliRunner().invoke(cli, ["doctor", str(tmp_path / "none")])

    assert done.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_it_stays(made):
    def names():
        return sorted(
            path.name for path in made.iterdir() if not path.name.endswith(("-shm", "-wal"))
        )

    before = names()
    CliRunner().invoke(cli, ["doctor", str(made)])

    assert names() == before


def test_syncs_that_do_not_wait_are_a_lie(made, monkeypatch):
    monkeypatch.setattr(machine, "_sync", lambda file, number: 1e-6)

    (check,) = machine.syncs(made)
    assert (check.state, "does not wait" in check.text) == (BAD, True)


def test_syncs_are_timed_on_the_disk_itself(made):
    """Or what a server calls would not be what is measured."""
    (check,) = machine.syncs(made)

    assert "us for 4 KiB" in check.text


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [(1 << 39, 1 << 40, OK), (1 << 29, 1 << 32, RISK), (1 << 35, 1 << 40, RISK)],
)
def test_a_disk_that_is_nearly_full_is_a_risk(made, monkeypatch, free, total, state):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda directory: _usage(total, free))

    assert next(machine.space(made)).state == state


@pytest.mark.parametrize(
    ("kind", "state"), [("ext4", OK), ("xfs", OK), ("overlay", BAD), ("tmpfs", BAD), ("nfs4", RISK)]
)
def test_a_file_system_keeps_or_forgets(made, monkeypatch, kind, state):
    monkeypatch.setattr(machine, "_kind", lambda directory: kind)

    assert _states(machine.file_system(made)) == [state]


def test_the_file_system_is_that_of_the_mount_above(tmp_path):
    assert machine._kind(machine.Path("/proc/self")) == "proc"
    assert machine._kind(tmp_path) != "unknown"


def test_few_descriptors_are_a_risk(monkeypatch):
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (256, 256))

    assert _states(machine.limits()) == [RISK]


def test_an_old_sqlite_is_bad(monkeypatch):
    monkeypatch.setattr(machine.apsw, "SQLITE_VERSION_NUMBER", 3_050_000)

    assert next(machine.versions()).state == BAD


def test_a_clock_behind_what_is_stored_is_bad(made, calm):
    assert BAD not in _states(machine.clock(made, None))
    later = time.time() + 3600
    os.utime(made / database.FILE, (later, later))

    assert "it is behind" in _text(machine.clock(made, None))
    assert BAD in _states(machine.clock(made, None))


def test_a_clock_that_nothing_keeps_right_is_a_risk(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_kernel_says", lambda: 5)

    assert _states(machine.clock(tmp_path, None)) == [RISK]


@contextmanager
def _clock(offset):
    """An HTTP server that says what time it is."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response_only(200)
            self.send_header("Date", formatdate(time.time() + offset, usegmt=True))
            self.end_headers()

        def log_message(self, *words):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("offset", "state"), [(0, OK), (3600, BAD), (-3600, BAD)])
def test_another_clock_is_asked_only_when_told_to(tmp_path, calm, offset, state):
    with _clock(offset) as url:
        assert _states(machine.clock(tmp_path, url))[-1] == state
    assert "could not be asked" in _text(machine.clock(tmp_path, url))


def test_modes_that_a_start_would_close_are_a_risk_and_links_are_bad(made):
    (made / "keys.sqlite").chmod(0o644)
    config = Config(data_dir=made)
    assert BAD not in _states(setup.permissions(config))
    assert "keys.sqlite is open to others" in _text(setup.permissions(config))
    (made / "tls").symlink_to("/")

    assert BAD in _states(setup.permissions(config))


def test_a_master_key_that_is_gone_is_bad(made):
    with closing(Table(made)) as table:
        table.rotate_master()
    config = Config(data_dir=made)
    assert _states(setup.master_key(config)) == [OK, RISK]  # the old one is still beside it
    (made / "master.key").unlink()

    assert _states(setup.master_key(config)) == [BAD]


@pytest.mark.parametrize(("ahead", "state"), [(0 * DAY, OK), (390 * DAY, RISK), (400 * DAY, BAD)])
def test_a_certificate_has_an_end(tmp_path, ahead, state):
    config = Config(data_dir=tmp_path, tls="auto")
    assert "first start" in _text(setup.encryption(config))
    tls.self_signed(tmp_path / "tls")

    assert _states(setup.encryption(config, dt.datetime.now(dt.UTC) + ahead)) == [state]


def test_a_certificate_that_cannot_be_used_is_bad(tmp_path):
    (tmp_path / "cert.pem").write_text("none")
    config = Config(data_dir=tmp_path, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "no.pem")

    assert _states(setup.encryption(config)) == [BAD]


@pytest.mark.parametrize(("listen", "state"), [("127.0.0.1:0", OK), ("0.0.0.0:0", RISK)])
def test_plain_http_is_a_risk_where_others_come(tmp_path, listen, state):
    config = Config(data_dir=tmp_path, listen=listen, default_bucket_acl="private")

    assert _states(setup.encryption(config)) == [state]


def test_a_public_bucket_is_told_with_the_reason(made):
    insert = (
        "INSERT INTO bucket (name, owner, path, created, acl, region, profile)"
        " VALUES ('open', 'o', '/r/open', 0, 'public-read', '', 'unixfs-v1-2025')"
    )
    with closing(database.open_writer(made / database.FILE, "none")) as db:
        db.execute(insert)
    (check,) = setup.public(Config(data_dir=made))

    assert check.state == RISK
    assert "bucket open: its ACL gives READ to AllUsers" in check.text
    assert _states(setup.public(Config(data_dir=made, block_public=True))) == [OK]


@pytest.mark.parametrize(
    "setting",
    [
        {"durability": "interval"},
        {"default_bucket_acl": "public-read-write"},
        {"listen": "0.0.0.0:0", "default_bucket_acl": "public-read"},
        {"cors_allow_origin": ("*",)},
        {"sse_c_over_http": True},
        {"sandbox_objects": False},
        {"lifecycle_day": 10.0},
        {"scrub_days": 0.0},
        {"log_level": "DEBUG"},
    ],
)
def test_a_setting_that_gives_something_up_is_a_risk(tmp_path, setting):
    assert _states(setup.settings(Config(data_dir=tmp_path))) == [OK]
    assert _states(setup.settings(Config(data_dir=tmp_path, **setting))) == [RISK]


def test_an_audit_log_that_cannot_be_written_is_bad(tmp_path):
    (tmp_path / "file").write_text("")
    here, there = tmp_path / "audit", tmp_path / "file" / "audit"

    assert BAD not in _states(setup.settings(Config(data_dir=tmp_path, audit_log=here)))
    assert BAD in _states(setup.settings(Config(data_dir=tmp_path, audit_log=there)))
