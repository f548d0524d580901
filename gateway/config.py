"""Config: one row per setting - name, default, bounds, help. Nothing else in the gateway has one.

Where the values come from is ``settings``'s business.
"""

import ipaddress
import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gateway.compat import NAMED, Compat
from store.settings import Settings
from store.unixfs import PROFILES

CANNED_ACLS = ("private", "public-read", "public-read-write")
_EMAIL = re.compile(r"[^=\s,]+@[^=\s,]+=[^=\s,]+")
_WEBHOOK = re.compile(r"[A-Za-z0-9_-]+=https?://[!-~]+")
_TARGET = re.compile(r"[a-z0-9.-]{3,63}=https?://[A-Za-z0-9.:\[\]-]+/?")
_METADATA_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


class BadSetting(ValueError):
    """A setting that cannot be; the text names it and says what would do."""


def row(
    default: object,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    one_of: Collection[str] = (),
) -> Any:  # noqa: ANN401 - it stands where a value of any row's type does
    """A setting: its default (units are in its name), what it does, and what it may be."""
    bounds = {"least": least, "most": most, "one_of": tuple(one_of)}
    return field(default=default, metadata={"help": help, **bounds})


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """All settings, final and checked. ``S3GW_<NAME>`` and ``--<name>`` map by name.

    Raises ``BadSetting``.
    """

    data_dir: Path = row(Path("data"), "directory that holds everything")
    listen: str = row("127.0.0.1:9000", "HOST:PORT to answer on; port 0 takes a free one")
    workers: int = row(0, "worker processes; 0 means one per CPU, at most 4", least=0, most=256)
    region: str = row("us-east-1", "region the gateway says it is in")
    strict_region: bool = row(False, "refuse signatures made for another region")
    base_domains: tuple[str, ...] = row(
        ("localhost", "s3.localhost"), "BUCKET.<domain> addresses a bucket (virtual-host style)"
    )
    website_domains: tuple[str, ...] = row(
        (), "BUCKET.<domain> is the bucket as a website, when it is configured as one"
    )
    default_bucket_acl: str = row(
        "",
        "ACL of a bucket created without one; empty: public-read on loopback, else refuse to start",
        one_of=("", *CANNED_ACLS),
    )
    default_object_acl: str = row(
        "bucket",
        "ACL of an object put without one: its bucket's (BTIP-25), or private to its writer (AWS)",
        one_of=("bucket", "private"),
    )
    emails: tuple[str, ...] = row(
        (), "ADDRESS=KEY pairs: the access keys that grants by e-mail address mean"
    )
    access_log_seconds: float = row(
        300.0, "how often what was logged of buckets becomes objects", least=0.05
    )
    audit_log: Path | None = row(
        None, "directory for a hash-chained log of all requests, files for each worker; empty: none"
    )
    webhooks: tuple[str, ...] = row(
        (), "NAME=URL pairs: who can be told of events, as arn:s3gw:sqs::NAME:webhook"
    )
    replication_targets: tuple[str, ...] = row(
        (), "BUCKET=URL pairs: at which endpoint the bucket is that replication rules name"
    )
    replication_credentials: Path | None = row(
        None, "file with a line BUCKET ACCESS_KEY SECRET_KEY for each of replication_targets"
    )
    block_public: bool = row(False, "ignore every public ACL and policy")
    sandbox_objects: bool = row(
        True, "browsers may show HTML, SVG and XML objects but run nothing in them; not on websites"
    )
    content_hash_metadata: tuple[str, ...] = row(
        ("cid", "btfs-hash"), "object metadata names under which the CID is shown"
    )
    import_profile: str = row(
        "unixfs-v1-2025", "UnixFS profile of new buckets", one_of=PROFILES.keys()
    )
    kms_keys: tuple[str, ...] = row(
        (), "KMS keys (SSE-KMS) that are made at start when they are not there"
    )
    sse_c_over_http: bool = row(
        False, "take customers' encryption keys over plain HTTP from other machines too"
    )
    sigv2: bool = row(
        True, "verify SigV2 too: presigned URLs and forms (boto3's default in us-east-1), headers"
    )
    compat: str = row(
        "aws",
        "aws or rgw: whose answer to give where ceph/s3-tests and AWS disagree",
        one_of=NAMED.keys(),
    )
    durability: str = row(
        "commit",
        "commit, interval or none: what a 200 promises",
        one_of=("commit", "interval", "none"),
    )
    inline_bytes: int = row(
        16 * 1024, "bodies up to this size live in the database", least=0, most=1 << 20
    )
    segment_bytes: int = row(
        1 << 30, "size at which a segment file is closed", least=1 << 12, most=1 << 42
    )
    trash_grace_seconds: float = row(60.0, "freed bytes stay on disk this long", least=0)
    collect_seconds: float = row(30.0, "pause between two rounds of the collector", least=0.01)
    upload_days: float = row(
        7.0,
        "unfinished multipart uploads are dropped after this, unless their bucket has a lifecycle",
        least=0,
    )
    lifecycle_seconds: float = row(
        3600.0, "pause between two rounds of the lifecycle rules", least=0.01
    )
    lifecycle_day: float = row(
        86400.0, "seconds in a day of lifecycle rules; shorten it for tests only", least=0.001
    )
    journal_bytes: int = row(
        1 << 30, "a change journal longer than this, and than the database, is trimmed", least=0
    )
    compact_below: float = row(
        0.25, "segments with a smaller live share are emptied, once a day", least=0, most=1
    )
    scrub_days: float = row(
        30.0, "everything stored is read and checked this often; 0: never by itself", least=0
    )
    upkeep_bytes_per_second: int = row(
        20 << 20, "how fast background checks and copies read; 0: no limit", least=0
    )
    keepalive_seconds: float = row(60.0, "an idle connection is closed after this", least=0.1)
    header_seconds: float = row(20.0, "a request head must be complete within this", least=0.1)
    body_idle_seconds: float = row(30.0, "a body that stalls this long is cut off", least=0.1)
    body_bytes_per_second: int = row(
        1024, "a body slower than this after body_grace_seconds is cut off", least=1
    )
    body_grace_seconds: float = row(20.0, "how long a body may be slow", least=0)
    drain_seconds: float = row(
        10.0, "how long a stopping server waits for running requests", least=0
    )
    max_header_bytes: int = row(16 * 1024, "request head limit", least=1024, most=1 << 20)
    max_connections: int = row(
        0, "per worker; 0, or more: the descriptor limit less a reserve", least=0
    )
    max_connections_per_address: int = row(
        0, "per worker, of one client; 0: no limit. Not of trusted_proxies", least=0
    )
    rate_per_key: float = row(
        0.0, "requests a second with one access key; more get SlowDown. 0: no limit", least=0
    )
    rate_per_address: float = row(0.0, "the same for one client address", least=0)
    rate_per_stranger: float = row(
        0.0, "the same for an address's requests that are anonymous or wrongly signed", least=0
    )
    trusted_proxies: tuple[str, ...] = row(
        (),
        "addresses and networks whose X-Forwarded-For says who the client is; for the SSE-C keys of"
        " clients elsewhere set sse_c_over_http too",
    )
    max_object_bytes: int = row(5 * 1024**4, "object size limit", least=1, most=5 * 1024**4)
    max_put_bytes: int = row(5 * 1024**3, "limit of one PUT or part", least=1, most=5 * 1024**3)
    tls_cert: Path | None = row(None, "PEM certificate chain; with tls_key turns TLS on")
    tls_key: Path | None = row(None, "PEM private key")
    tls: str = row(
        "",
        "auto: make a self-signed certificate and print its fingerprint",
        one_of=("", "auto"),
    )
    log_format: str = row("logfmt", "logfmt or json", one_of=("logfmt", "json"))
    log_level: str = row(
        "INFO", "DEBUG, INFO, WARNING or ERROR", one_of=("DEBUG", "INFO", "WARNING", "ERROR")
    )
    select_processes: int = row(
        2, "queries of objects (S3 Select) at a time, per worker; 0: none", least=0, most=64
    )
    select_memory_bytes: int = row(
        2 << 30, "address space of the process of one query", least=1 << 30, most=1 << 40
    )
    select_cpu_seconds: float = row(60.0, "CPU time of one query", least=1)
    cors_allow_origin: tuple[str, ...] = row((), "origins browsers may call from; * for all")
    cors_allow_methods: tuple[str, ...] = row((), "methods allowed by CORS")
    cors_allow_headers: tuple[str, ...] = row((), "request headers allowed by CORS")
    cors_expose_headers: tuple[str, ...] = row((), "response headers shown to scripts")
    s3_compatible_api: bool = row(True, "BTIP-25 S3CompatibleAPI.Enable: answer S3 at all")
    master_key_file: Path | None = row(
        None, "key that seals the secrets; default DATA_DIR/master.key"
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            _check_bounds(each.name, getattr(self, each.name), **each.metadata)
        host, _ = address(self.listen)
        if not self.region or not self.region.isascii() or set(self.region) & set("/, "):
            raise BadSetting(f"region: {self.region!r} cannot be part of a signature")
        for name in self.content_hash_metadata:
            if not _METADATA_NAME.fullmatch(name):
                raise BadSetting(f"content_hash_metadata: {name!r} is no metadata name")
        for domain in set(self.base_domains) & set(self.website_domains):
            raise BadSetting(f"website_domains: {domain} is one of base_domains")
        for pair in self.webhooks:
            if not _WEBHOOK.fullmatch(pair):
                raise BadSetting(f"webhooks: {pair!r} is not NAME=URL")
        for pair in self.replication_targets:
            if not _TARGET.fullmatch(pair):
                raise BadSetting(f"replication_targets: {pair!r} is not BUCKET=URL")
        if self.replication_targets and self.replication_credentials is None:
            raise BadSetting("replication_targets needs replication_credentials")
        for network in self.trusted_proxies:
            _check_network(network)
        for pair in self.emails:
            if not _EMAIL.fullmatch(pair):
                raise BadSetting(f"emails: {pair!r} is not ADDRESS=KEY")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise BadSetting("tls_cert and tls_key go together")
        if self.tls and self.tls_cert is not None:
            raise BadSetting("tls = auto makes a certificate; leave tls_cert and tls_key out")
        if not self.default_bucket_acl:
            object.__setattr__(self, "default_bucket_acl", _unsaid_acl(host))

    @property
    def replication_urls(self) -> dict[str, str]:
        """``replication_targets``, by bucket."""
        parted = [each.partition("=") for each in self.replication_targets]
        return {bucket: url for bucket, _, url in parted}

    @property
    def webhook_urls(self) -> list[tuple[str, str]]:
        """``webhooks``, by name."""
        return [(name, url) for name, _, url in (each.partition("=") for each in self.webhooks)]

    @property
    def secure(self) -> bool:
        """The listener speaks TLS."""
        return bool(self.tls) or self.tls_cert is not None

    @property
    def differences(self) -> Compat:
        """What ``compat`` decides."""
        return NAMED[self.compat]

    @property
    def store(self) -> Settings:
        """The rows that are the store's."""
        return Settings(
            durability=self.durability,
            inline_bytes=self.inline_bytes,
            segment_bytes=self.segment_bytes,
            trash_grace_seconds=self.trash_grace_seconds,
            collect_seconds=self.collect_seconds,
            upload_days=self.upload_days,
            journal_bytes=self.journal_bytes,
            compact_below=self.compact_below,
            scrub_days=self.scrub_days,
            upkeep_bytes_per_second=self.upkeep_bytes_per_second,
        )


def address(listen: str) -> tuple[str, int]:
    """``127.0.0.1:9000``, ``[::1]:9000`` or ``:9000`` (every IPv4 address) as host and port.

    Raises ``BadSetting``.
    """
    host, colon, port = listen.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    is_port = port.isdecimal() and len(port) <= 5 and int(port) <= 65535
    if not colon or not is_port or (":" in host and not bracketed):
        raise BadSetting(f"listen: {listen!r} is not HOST:PORT (or [IPv6]:PORT)")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - asked for by ":PORT"


def is_loopback(host: str) -> bool:
    """Only this machine can reach it. A name other than localhost is never taken for that."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unsaid_acl(host: str) -> str:
    """BTIP-25 "Access Control Lists (ACLs)": public-read, where only this machine can see it."""
    if is_loopback(host):
        return "public-read"
    raise BadSetting(
        f"default_bucket_acl: listening on {host}, which others can reach, needs a decision."
        " BTIP-25's default makes new buckets readable by everyone; say"
        " --default-bucket-acl private (or public-read), or set S3GW_DEFAULT_BUCKET_ACL"
    )


def _check_network(network: str) -> None:
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        raise BadSetting(f"trusted_proxies: {error}") from error


def _check_bounds(
    name: str,
    value: object,
    *,
    help: str,
    least: float | None,
    most: float | None,
    one_of: tuple[str, ...],
) -> None:
    if one_of and value not in one_of:
        known = ", ".join(each or '""' for each in one_of)
        raise BadSetting(f"{name}: {value!r} is not one of {known}")
    if isinstance(value, int | float):
        endless = isinstance(value, float) and not math.isfinite(value)
        if endless or (least is not None and value < least):
            raise BadSetting(f"{name}: {value} is too small; the least is {least}")
        if most is not None and value > most:
            raise BadSetting(f"{name}: {value} is too large; the most is {most}")
