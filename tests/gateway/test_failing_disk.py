"""A data directory that can no longer be written, or is gone, under a running server."""

import os
import signal
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

from tests.gateway.server_process import ServerProcess
from tests.torture.disk import Disk, impossible

BODIES = {"small": b"small", "large": bytes(range(256)) * 1024}


def put_all(s3):
    s3.create_bucket(Bucket="bucket")
    for key, body in BODIES.items():
        s3.put_object(Bucket="bucket", Key=key, Body=body)


def got(s3):
    return {key: s3.get_object(Bucket="bucket", Key=key)["Body"].read() for key in BODIES}


def refused(call, key="more", **arguments) -> bool:
    with pytest.raises(ClientError) as caught:
        call(Bucket="bucket", Key=key, **arguments)
    return caught.value.response["Error"]["Code"] == "ServiceUnavailable"


def test_on_a_file_system_that_turned_read_only_reads_go_on(tmp_path):
    if (why := impossible("ext4")) is not None:
        pytest.skip(why)
    with Disk(tmp_path / "disk", "ext4") as disk:
        directory = disk.path / "data"
        with ServerProcess(directory, "--workers", "1") as server:
            s3 = server.ready().client()
            put_all(s3)
            disk.turn_read_only()

            for body in BODIES.values():
                assert refused(s3.put_object, Body=body)
            assert refused(s3.delete_object, key="small")
            assert got(s3) == BODIES
            assert [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]] == [
                *("large", "small")
            ]
        with ServerProcess(directory, "--workers", "1") as server:
            assert server.ended() != 0
            assert "Read-only file system" in server.err.text
            assert "Traceback" not in server.err.text


@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "an empty one in its place"])
def test_a_data_directory_that_was_moved_away_is_not_made_again(tmp_path, replaced):
    """Its file system was unmounted, say. Once it is back, so is the server."""
    directory, away = tmp_path / "data", tmp_path / "away"
    with ServerProcess(directory, "--workers", "2") as server:
        s3 = server.ready().client()
        put_all(s3)
        directory.rename(away)
        if replaced:
            directory.mkdir()

        for body in BODIES.values():
            assert refused(s3.put_object, Body=body)
        for key, body in BODIES.items():
            with suppress(ClientError):
                assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == body
        os.kill(server.workers[0], signal.SIGKILL)
        server.err.wait_for("cannot run")
        assert list(directory.iterdir() if replaced else tmp_path.glob("data")) == []

        if replaced:
            directory.rmdir()
        away.rename(directory)
        server.err.wait_for("accepts again")
        assert got(s3) == BODIES
        s3.put_object(Bucket="bucket", Key="more", Body=b"more")
