"""The master key is rotated beside a running server: nobody notices."""

import json

from click.testing import CliRunner

from gateway.__main__ import cli
from tests.gateway.server_process import ServerProcess

KINDS = (
    {"ServerSideEncryption": "AES256"},
    {"ServerSideEncryption": "aws:kms"},
    {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "photos"},
)
CONNECTIONS = 4
"""Each may come to either worker."""


def _rotate(directory):
    done = CliRunner().invoke(cli, ["keys", "rotate-master", "--data-dir", str(directory)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_two_workers_go_on_through_a_rotation(tmp_path):
    directory = tmp_path / "data"
    options = ("--workers", "2", "--kms-keys", "photos")
    with ServerProcess(directory, *options) as server:
        clients = [server.ready().client() for _ in range(CONNECTIONS)]
        clients[0].create_bucket(Bucket="sealed")
        bodies = {}
        for turn in range(2):
            for number, client in enumerate(clients):
                key, kind = f"{turn}-{number}", KINDS[number % len(KINDS)]
                client.put_object(Bucket="sealed", Key=key, Body=key.encode(), **kind)
                bodies[key] = key.encode()
            if turn < 1:
                assert _rotate(directory)["kept"].startswith(str(directory / "master.key."))
        for client in clients:
            read = {
                key: client.get_object(Bucket="sealed", Key=key)["Body"].read() for key in bodies
            }
            assert read == bodies
