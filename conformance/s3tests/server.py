"""The gateway as the suite wants it: fresh, on loopback, with its accounts and settings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import boto3

ROOT = Path(__file__).parent.parent.parent
GATEWAY = (sys.executable, "-m", "gateway")
MAIN = ("MAINKEY0000000000001", "main" * 10, "tester@ceph.com")
ALT = ("ALTKEY00000000000002", "alt0" * 10, "alt@ceph.com")
DAY_SECONDS = 10
SETTINGS = {
    "default-bucket-acl": "private",
    "default-object-acl": "private",
    "content-hash-metadata": "",
    "emails": ",".join(f"{email}={key}" for key, _, email in (MAIN, ALT)),
    "kms-keys": "testkey-1,testkey-2",
    "lifecycle-day": str(DAY_SECONDS),
    "lifecycle-seconds": "1",
    "log-level": "WARNING",
}
"""Ceph's buckets are private, show no metadata but the user's, and keep days of ten seconds."""


@contextmanager
def gateway(directory: Path, compat: str) -> Iterator[Path]:
    """The suite's configuration file, for a gateway that runs until the end of the block."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("S3GW_")}
    data = str(directory / "data")
    for key, secret, _ in (MAIN, ALT):
        command = [*GATEWAY, "keys", "import", key, secret, "--data-dir", data]
        subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
    settings = {**SETTINGS, "compat": compat, "listen": "127.0.0.1:0"}
    process = subprocess.Popen(
        [*GATEWAY, "serve", data, *(f"--{name}={value}" for name, value in settings.items())],
        cwd=ROOT,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            yield _configuration(directory / "s3tests.conf", _ready(process))
        finally:
            process.terminate()


def _ready(process: "subprocess.Popen[str]") -> str:
    """The endpoint, once it answers."""
    for line in process.stdout or ():
        if line.startswith("s3gw is ready"):
            return line.split()[-1]
    raise SystemExit("the gateway did not start")


def _configuration(file: Path, endpoint: str) -> Path:
    main, alt = _account(endpoint, *MAIN), _account(endpoint, *ALT)
    address = urlsplit(endpoint)
    suite = ConfigParser(interpolation=None)
    suite["DEFAULT"] = {
        "host": address.hostname or "",
        "port": str(address.port),
        "is_secure": "False",
        "ssl_verify": "False",
    }
    suite["fixtures"] = {
        "bucket prefix": "s3tests-{random}-",
        "iam name prefix": "s3tests-",
        "iam path prefix": "/s3tests/",
    }
    suite["s3 main"] = {
        **main,
        "api_name": "eu-west-1",  # a region whose name GetBucketLocation says, unlike us-east-1
        "lc_debug_interval": str(DAY_SECONDS),
    }
    suite["s3 alt"] = alt
    suite["s3 tenant"] = {**main, "tenant": ""}
    suite["iam"] = suite["iam root"] = main  # must be there, whatever is run
    suite["iam alt root"] = alt
    with file.open("w") as written:
        suite.write(written)
    return file


def _account(endpoint: str, key: str, secret: str, email: str) -> dict[str, str]:
    """An account is whom the server says the key's owner is."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    owner = client.list_buckets()["Owner"]
    return {
        "access_key": key,
        "secret_key": secret,
        "user_id": owner["ID"],
        "display_name": owner["DisplayName"],
        "email": email,
    }
