"""Config: one row per setting - name, default, help. Nothing else in the gateway has a setting."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def row(default: Any, help: str) -> Any:
    """A setting: its default (units are in its name) and what it does."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """All settings, final and checked. ``S3GW_<NAME>`` and ``--<name>`` map by name."""

    data_dir: Path = row(Path("data"), "directory that holds everything")
    listen: str = row("127.0.0.1:9000", "HOST:PORT to answer on")
    workers: int = row(0, "worker processes; 0 means one per CPU, at most 4")
    region: str = row("us-east-1", "region the gateway says it is in")
    strict_region: bool = row(False, "refuse signatures made for another region")
    base_domains: tuple[str, ...] = row(
        ("localhost", "s3.localhost"), "BUCKET.<domain> addresses a bucket (virtual-host style)"
    )
    default_bucket_acl: str = row(
        "", "ACL of a bucket created without one; empty: public-read on loopback, else refuse to start"
    )
    block_public: bool = row(False, "ignore every public ACL: only owners get in")
    content_hash_metadata: tuple[str, ...] = row(
        ("cid", "btfs-hash"), "object metadata names under which the CID is shown"
    )
    import_profile: str = row("unixfs-v1-2025", "UnixFS profile of new buckets")
    sigv2: bool = row(True, "verify SigV2 presigned URLs (boto3's default in us-east-1)")
    durability: str = row("commit", "commit, interval or none: what a 200 promises")
    inline_bytes: int = row(16 * 1024, "bodies up to this size live in the database")
    segment_bytes: int = row(1 << 30, "size at which a segment file is closed")
    trash_grace_seconds: float = row(60.0, "freed bytes stay on disk this long")
    collect_seconds: float = row(30.0, "pause between two rounds of the collector")
    upload_days: float = row(7.0, "unfinished multipart uploads are dropped after this")
    keepalive_seconds: float = row(60.0, "an idle connection is closed after this")
    header_seconds: float = row(20.0, "a request head must be complete within this")
    body_idle_seconds: float = row(30.0, "a body that stalls this long is cut off")
    body_bytes_per_second: int = row(1024, "a body slower than this after 60 s is cut off")
    drain_seconds: float = row(10.0, "how long a stopping server waits for running requests")
    max_header_bytes: int = row(16 * 1024, "request head limit")
    max_connections: int = row(0, "per worker; 0 means the descriptor limit less a reserve")
    max_object_bytes: int = row(5 * 1024**4, "object size limit")
    max_put_bytes: int = row(5 * 1024**3, "limit of one PUT or part")
    tls_cert: Path | None = row(None, "PEM certificate chain; with tls_key turns TLS on")
    tls_key: Path | None = row(None, "PEM private key")
    tls: str = row("", "auto: make a self-signed certificate and print its fingerprint")
    log_format: str = row("logfmt", "logfmt or json")
    log_level: str = row("INFO", "DEBUG, INFO, WARNING or ERROR")
    cors_allow_origin: tuple[str, ...] = row((), "origins browsers may call from; * for all")
    cors_allow_methods: tuple[str, ...] = row((), "methods allowed by CORS")
    cors_allow_headers: tuple[str, ...] = row((), "request headers allowed by CORS")
    cors_expose_headers: tuple[str, ...] = row((), "response headers shown to scripts")
    s3_compatible_api: bool = row(True, "BTIP-25 S3CompatibleAPI.Enable: answer S3 at all")
    master_key_file: Path | None = row(None, "key that seals the secrets; default DATA_DIR/master.key")
