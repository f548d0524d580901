"""``s3gw config``, ``cid``, ``stats`` and ``status``."""

import asyncio
import hashlib
import json
from contextlib import closing

import pytest
from click.testing import CliRunner

from gateway.__main__ import cli
from gateway.policy.grants import kept
from store.prepare import prepare
from store.records import Attributes, Grant
from store.store import Settings, Store


def _run(*words, code=0, input=None, **environ):
    done = CliRunner(env=environ).invoke(cli, [str(each) for each in words], input=input)
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture
def data(tmp_path):
    """A data directory with a bucket of each ACL."""
    settings = Settings(durability="none")
    prepared = prepare(tmp_path, settings)

    async def fill():
        store = Store(tmp_path, settings)
        await store.start()
        for acl in ("private", "public-read", "public-read-write"):
            await store.create_bucket(
                f"{acl}-bucket",
                owner="me",
                path=f"/r/{acl}-bucket",
                acl=acl,
                region="eu",
                profile="unixfs-v1-2025",
            )
        await store.close()

    asyncio.run(fill())
    prepared.close()
    return tmp_path


# --- config ---------------------------------------------------------------------------------------


def test_config_show_gives_each_value_its_source(tmp_path):
    file = tmp_path / "s3gw.toml"
    file.write_text("workers = 3\nregion = 'eu-west-1'")
    words = ["config", "show", "--effective", "--config", file, "--data-dir", "/d"]
    said = json.loads(_run(*words, S3GW_WORKERS="2"))

    assert said["workers"] == {"value": 2, "source": "environment S3GW_WORKERS"}
    assert said["region"] == {"value": "eu-west-1", "source": f"file {file}"}
    assert said["data_dir"] == {"value": "/d", "source": "flag --data-dir"}
    assert said["default_bucket_acl"] == {"value": "public-read", "source": "default"}


def test_config_show_without_effective_gives_what_was_set():
    assert list(json.loads(_run("config", "show", S3GW_REGION="eu"))) == ["region"]


@pytest.mark.parametrize(
    "environ", [{"S3GW_LISTEN": ":80"}, {"S3GW_WORKERS": "x"}, {"S3GW_NOTHING": "1"}], ids=str
)
def test_a_setting_that_cannot_be_is_a_usage_error(environ):
    _run("config", "show", code=2, **environ)


# --- cid ------------------------------------------------------------------------------------------


def test_cid_of_a_file_of_a_pipe_and_of_nothing(tmp_path):
    """Up to 1 MiB the digest in the CID is SHA-256 of the bytes (unixfs-v1-2025, raw leaf)."""
    file = tmp_path / "file"
    file.write_bytes(b"hello world")
    from store import cid

    expected = cid.text(cid.raw(hashlib.sha256(b"hello world").digest()))
    assert _run("cid", file) == expected + "\n"
    assert _run("cid", "-", input="hello world") == expected + "\n"
    assert _run("cid", "/dev/null") == cid.text(cid.raw(hashlib.sha256().digest())) + "\n"


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
@pytest.mark.parametrize("profile", ["unixfs-v1-2025", "kubo-cidv1-256k", "unixfs-v0-2015"])
def test_cid_streams_whole_leaves(tmp_path, size, profile):
    from store import cid
    from store.unixfs import PROFILES, leaf_digest, root

    file = tmp_path / "file"
    body = bytes(range(256)) * (size // 256 + 1)
    file.write_bytes(body[:size])
    chunk = PROFILES[profile].chunk
    leaves = b"".join(
        leaf_digest(PROFILES[profile], body[at : min(at + chunk, size)])
        for at in range(0, size, chunk)
    )

    assert _run("cid", file, "--profile", profile).strip() == cid.text(
        root(PROFILES[profile], leaves, size)
    )


def test_cid_of_many_files_names_each(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    lines = _run("cid", tmp_path / "a", tmp_path / "b").splitlines()

    assert [line.split("  ")[1] for line in lines] == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert json.loads(_run("cid", "--json", tmp_path / "a"))["cid"] == lines[0].split()[0]


def test_cid_refuses_what_is_not_there(tmp_path):
    _run("cid", tmp_path / "none", code=3)
    _run("cid", "/dev/null", "--profile", "nothing", code=2)


# --- stats and status -----------------------------------------------------------------------------


def test_stats_counts(data):
    said = json.loads(_run("stats", "--data-dir", data))

    assert (said["buckets"], said["objects"], said["dedup_ratio"]) == (3, 0, 1.0)


def test_status_lists_what_is_public_and_why(data):
    said = json.loads(_run("status", "--data-dir", data))

    assert said["new_buckets"] == "public-read"
    assert [each["bucket"] for each in said["public_buckets"]] == [
        "public-read-bucket",
        "public-read-write-bucket",
    ]
    assert "gives WRITE to AllUsers" in said["public_buckets"][1]["why"]


POLICY = {
    "Statement": {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::private-bucket/*",
    }
}
GRANTS = (
    Grant("READ_ACP", group="http://acs.amazonaws.com/groups/global/AuthenticatedUsers"),
    Grant("WRITE", key="friend"),
)


@pytest.mark.parametrize(
    ("name", "document", "acl", "why"),
    [
        ("policy", json.dumps(POLICY).encode(), "private", "its policy is public"),
        ("acl", kept(GRANTS), "grants", "its ACL gives READ_ACP to AuthenticatedUsers"),
    ],
)
def test_status_tells_of_public_policies_and_grants(name, document, acl, why, data):
    async def configure():
        store = Store(data, Settings(durability="none"))
        await store.start()
        await store.set_bucket_config(store.bucket("private-bucket"), name, document)
        await store.close()

    prepared = prepare(data, Settings(durability="none"))
    asyncio.run(configure())
    prepared.close()
    first, *_ = json.loads(_run("status", "--data-dir", data))["public_buckets"]

    assert (first["bucket"], first["acl"], first["why"]) == ("private-bucket", acl, why)


def test_nothing_is_public_when_public_is_blocked(data):
    said = json.loads(_run("status", "--data-dir", data, S3GW_BLOCK_PUBLIC="true"))

    assert said["public_buckets"] == []


def test_gc_gives_back_what_was_deleted(data):
    """Without a server nobody reads, so nothing is kept for a grace."""
    _delete_a_large_object(data)
    assert json.loads(_run("stats", "--data-dir", data))["trash_bytes"] == 3 << 20

    assert json.loads(_run("gc", "--data-dir", data)) == {"freed_bytes": 3 << 20}
    assert json.loads(_run("stats", "--data-dir", data))["trash_bytes"] == 0
    assert json.loads(_run("gc", "--data-dir", data)) == {"freed_bytes": 0}


def test_gc_beside_a_server_leaves_what_its_readers_may_still_read(data):
    _delete_a_large_object(data)
    with closing(prepare(data, Settings(durability="none"))):
        assert json.loads(_run("gc", "--data-dir", data)) == {"freed_bytes": 0}
        freed = json.loads(_run("gc", "--data-dir", data, S3GW_TRASH_GRACE_SECONDS="0"))
        assert freed == {"freed_bytes": 3 << 20}


class _Bytes:
    """A body of zeros."""

    size = 3 << 20
    digests = frozenset()

    async def __aiter__(self):
        for _ in range(3):
            yield bytes(1 << 20)

    def verify(self, digests):
        pass


def _delete_a_large_object(data):
    async def delete():
        store = Store(data, settings)
        await store.start()
        bucket = store.bucket("private-bucket")
        staged = await store.stage(_Bytes(), profile=bucket.profile)
        await store.put(bucket, b"key", staged, owner="me", attributes=Attributes())
        await store.delete(bucket, [b"key"])
        await store.close()

    settings = Settings(durability="none")
    with closing(prepare(data, settings)):
        asyncio.run(delete())


@pytest.mark.parametrize("command", ["stats", "status", "gc"])
def test_a_directory_without_a_store_is_not_found(tmp_path, command):
    _run(command, "--data-dir", tmp_path / "none", code=3)
    assert not (tmp_path / "none").exists()
