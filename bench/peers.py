"""Servers that need more than one command line: configuration files, several ports, a cluster."""

import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from bench import ceph
from bench.servers import (
    CHECKOUT,
    Absent,
    Minio,
    Moto,
    NotReady,
    S3gw,
    Server,
    Site,
    Versitygw,
    package_version,
)


class Weed(Server):
    """SeaweedFS, all in one process. The filer's own store is unsynced even in class D."""

    name, binary = "seaweedfs", "weed"
    tls = False  # it has one; no driver, for want of a binary to try it on
    classes: ClassVar = {"D": "filer rule fsync=true", "B": "default"}
    ports = 8

    def command(self, site: Site) -> list[str]:
        identity = {
            "name": "bench",
            "credentials": [{"accessKey": self.key[0], "secretKey": self.key[1]}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = site.directory / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        names = ("s3", "s3", "master", "master", "volume", "volume", "filer", "filer")
        kinds = ("port", "port.grpc") * 4
        listen = [f"-{n}.{k}={p}" for n, k, p in zip(names, kinds, site.ports, strict=True)]
        fixed = [f"-dir={site.directory}", "-ip=127.0.0.1", "-s3", f"-s3.config={config}"]
        return [self.path, "server", *fixed, *listen, "-master.volumeSizeLimitMB=1024"]

    def after_start(self, site: Site) -> None:
        if site.durability == "D":
            subprocess.run(
                [
                    *(self.path, "shell", f"-master=127.0.0.1:{site.ports[2]}.{site.ports[3]}"),
                    f"-filer=127.0.0.1:{site.ports[6]}.{site.ports[7]}",
                ],
                input="fs.configure -locationPrefix=/buckets/ -fsync=true -apply\n",
                text=True,
                capture_output=True,
                timeout=60,
                check=True,
            )

    def version(self) -> str:
        said = subprocess.run([self.path, "version"], capture_output=True, text=True, check=False)
        return said.stdout.strip()


class Garage(Server):
    """One node, no replicas, no compression; key and layout are made after the start."""

    name = binary = "garage"
    tls = False
    classes: ClassVar = {"D": "metadata_fsync, data_fsync", "B": "default"}
    ports = 3

    def __init__(self, path: str | None = None) -> None:
        super().__init__(path)
        self.key = ("GK" + "0" * 23 + "1", "0" * 63 + "1")

    def command(self, site: Site) -> list[str]:
        sync = "true" if site.durability == "D" else "false"
        (site.directory / "garage.toml").write_text(
            f'metadata_dir = "{site.directory}/meta"\ndata_dir = "{site.directory}/data"\n'
            f'db_engine = "lmdb"\nreplication_factor = 1\ncompression_level = "none"\n'
            f"metadata_fsync = {sync}\ndata_fsync = {sync}\n"
            f'rpc_bind_addr = "127.0.0.1:{site.ports[1]}"\n'
            f'rpc_public_addr = "127.0.0.1:{site.ports[1]}"\n'
            f'rpc_secret = "{secrets.token_hex(32)}"\n'
            f'[s3_api]\ns3_region = "us-east-1"\napi_bind_addr = "127.0.0.1:{site.ports[0]}"\n'
            f'[admin]\napi_bind_addr = "127.0.0.1:{site.ports[2]}"\n'
        )
        return [*self._program(site.directory), "server"]

    def environment(self, site: Site) -> Mapping[str, str]:
        return {"RUST_LOG": "garage=warn"}

    def after_start(self, site: Site) -> None:
        node = self._ask(site.directory, "node", "id", "-q").partition("@")[0].strip()
        self._ask(site.directory, "layout", "assign", "-z", "dc1", "-c", "10G", node)
        self._ask(site.directory, "layout", "apply", "--version", "1")
        self._ask(site.directory, "key", "import", "--yes", "-n", "bench", *self.key)
        self._ask(site.directory, "key", "allow", "--create-bucket", self.key[0])

    def _program(self, directory: Path) -> list[str]:
        return [self.path, "-c", str(directory / "garage.toml")]

    def _ask(self, directory: Path, *words: str) -> str:
        """The node may need a moment before it answers its own command line."""
        for _ in range(50):
            said = subprocess.run(
                [*self._program(directory), *words], capture_output=True, text=True, check=False
            )
            if said.returncode == 0:
                return said.stdout
            time.sleep(0.1)
        raise NotReady(f"garage {words[0]} {words[1]}: {said.stderr[-300:]}")


class Rustfs(Server):
    """New buckets have a durability of their own, so both settings are given."""

    name = binary = "rustfs"
    tls = False  # it has one; no driver, for want of a binary to try it on
    classes: ClassVar = {"D": "strict, new buckets too", "B": "none, new buckets too"}

    def command(self, site: Site) -> list[str]:
        return [self.path, "--address", f"127.0.0.1:{site.ports[0]}", str(site.directory)]

    def environment(self, site: Site) -> Mapping[str, str]:
        mode = {"D": "strict", "B": "none"}[site.durability]
        return {
            "RUSTFS_ACCESS_KEY": self.key[0],
            "RUSTFS_SECRET_KEY": self.key[1],
            "RUSTFS_CONSOLE_ENABLE": "false",
            "RUSTFS_DURABILITY_MODE": mode,
            "RUSTFS_NEW_BUCKET_DURABILITY_MODE": mode,
            "RUST_LOG": "error",
        }


class Radosgw(Server):
    """With a cluster of its own, one monitor and one OSD: see ``bench.ceph``."""

    name = binary = "radosgw"
    classes: ClassVar = {"D": "one BlueStore OSD, one replica"}
    ports = 3

    def __init__(self, path: str | None = None) -> None:
        super().__init__(path)
        missing = [each for each in ceph.PROGRAMS if shutil.which(each) is None]
        if missing:
            raise Absent(f"no {', '.join(missing)} on PATH")

    def command(self, site: Site) -> list[str]:
        endpoint = f"endpoint=127.0.0.1:{site.ports[0]}"
        if site.certificate:
            endpoint = (
                f"ssl_{endpoint} ssl_certificate={site.certificate.chain}"
                f" ssl_private_key={site.certificate.key}"
            )
        monitor = f"{site.ports[1]},{site.ports[2]}"
        program = [sys.executable, "-m", "bench.ceph"]
        return [*program, str(site.directory), endpoint, *self.key, monitor]

    def environment(self, site: Site) -> Mapping[str, str]:
        return {"PYTHONPATH": str(CHECKOUT)}


class Localstack(Server):
    """The runtime without its container, S3 alone: ``localstack-core[runtime]`` by pip.

    2026.3 wants Python 3.13, service_identity, cbor2 < 6, cryptography < 46 and pyopenssl < 25.2.
    """

    name, binary = "localstack", "localstack-supervisor"
    tls = False  # its certificate is fetched from its maker
    ready = ("/no-such-bucket", 404)  # it answers 500 to a presigned ListBuckets
    classes: ClassVar = {"B": "memory and temporary files"}

    def __init__(self, path: str | None = None) -> None:
        super().__init__(path)
        self.key = ("test", "test")  # it looks up secrets nowhere: every key's secret is "test"

    def command(self, site: Site) -> list[str]:
        listen = f"GATEWAY_LISTEN=127.0.0.1:{site.ports[0]}"
        python = str(Path(self.path).with_name("python"))
        return ["/usr/bin/env", listen, python, "-m", "localstack.runtime.main"]

    def environment(self, site: Site) -> Mapping[str, str]:
        return {
            "SERVICES": "s3",
            "EAGER_SERVICE_LOADING": "1",
            "FILESYSTEM_ROOT": str(site.directory),
            "TMPDIR": str(site.directory),
            "DISABLE_EVENTS": "1",
            "DNS_ADDRESS": "0",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "LS_LOG": "error",
        }

    def version(self) -> str:
        return package_version(self.path, "localstack-core")


KINDS: tuple[type[Server], ...] = (
    S3gw,
    Minio,
    Rustfs,
    Weed,
    Garage,
    Versitygw,
    Radosgw,
    Localstack,
    Moto,
)


def present(paths: Mapping[str, str]) -> tuple[list[Server], dict[str, str]]:
    """The servers that can be started here, and for each other its name with the reason."""
    servers: list[Server] = []
    absent: dict[str, str] = {}
    for kind in KINDS:
        try:
            servers.append(kind(paths.get(kind.name)))
        except Absent as reason:
            absent[kind.name] = str(reason)
    return servers, absent
