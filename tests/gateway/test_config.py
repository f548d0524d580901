"""What the settings may be, one by one and together."""

from dataclasses import fields
from pathlib import Path

import pytest

from gateway.config import BadSetting, Config, address, is_loopback


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
        (":9000", ("0.0.0.0", 9000)),
    ],
)
def test_an_address_is_host_and_port(listen, expected):
    assert address(listen) == expected


@pytest.mark.parametrize(
    "listen",
    ["", "9000", "host", "host:", "host:http", "::1:9000", "h:65536", "h:-1", "h:" + "9" * 5000],
    ids=lambda listen: listen[:9],
)
def test_what_is_no_address_is_refused(listen):
    with pytest.raises(BadSetting, match="listen"):
        Config(listen=listen, default_bucket_acl="private")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.1", False), ("localhost.evil.example", False),
     ("my-host", False)],
)  # fmt: skip
def test_loopback_is_what_only_this_machine_reaches(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
def test_on_loopback_new_buckets_are_public_read(listen):
    """BTIP-25 "Access Control Lists (ACLs)": the default permission is public-read."""
    assert Config(listen=listen).default_bucket_acl == "public-read"


@pytest.mark.parametrize("listen", [":9000", "0.0.0.0:9000", "[::]:9000", "10.0.0.1:9000"])
def test_elsewhere_the_default_acl_must_be_said(listen):
    with pytest.raises(BadSetting, match="--default-bucket-acl"):
        Config(listen=listen)
    for acl in ("private", "public-read", "public-read-write"):
        assert Config(listen=listen, default_bucket_acl=acl).default_bucket_acl == acl


@pytest.mark.parametrize(
    "wrong",
    [
        {"default_bucket_acl": "authenticated-read"},
        {"durability": "maybe"},
        {"import_profile": "unixfs-v9"},
        {"log_format": "xml"},
        {"log_level": "LOUD"},
        {"tls": "manual"},
        {"workers": -1},
        {"workers": 257},
        {"workers": 10**400},
        {"inline_bytes": -1},
        {"inline_bytes": 2 << 20},
        {"drain_seconds": -0.1},
        {"drain_seconds": float("nan")},
        {"drain_seconds": float("inf")},
        {"max_object_bytes": 6 * 1024**4},
        {"max_header_bytes": 10},
        {"region": ""},
        {"region": "eu/west"},
        {"content_hash_metadata": ("CID",)},
        {"content_hash_metadata": ("a b",)},
        {"emails": ("a@example.com",)},
        {"emails": ("a=KEY",)},
        {"default_object_acl": "public-read"},
        {"tls_cert": Path("cert.pem")},
        {"tls_key": Path("key.pem")},
        {"tls": "auto", "tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")},
    ],
    ids=lambda wrong: str(wrong)[:60],
)
def test_a_setting_that_cannot_be_is_refused_by_name(wrong):
    with pytest.raises(BadSetting, match="|".join(wrong)):
        Config(**wrong)


def test_every_row_says_what_it_is_for():
    assert all(each.metadata["help"] for each in fields(Config))
