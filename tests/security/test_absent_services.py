"""What other servers offer beside S3, and have been broken by: here nobody finds any of it."""

import base64
import json
import re

import pytest

from tests.gateway.sent import exchange, raw
from tests.security import claims

ROLES = (
    "AssumeRole",
    "AssumeRoleWithCertificate",
    "AssumeRoleWithClientGrants",
    "AssumeRoleWithCustomToken",
    "AssumeRoleWithLDAPIdentity",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "GetFederationToken",
    "GetSessionToken",
)
USERS = ("CreateUser", "CreateAccessKey", "AttachUserPolicy", "PutUserPolicy", "ListUsers")
FORM = "application/x-www-form-urlencoded"


def token(algorithm: str, signature: bytes = b"", **claims: object) -> str:
    """A JSON web token."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    head = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
    body = json.dumps({"sub": "admin", "iss": "https://issuer.example", **claims}).encode()
    return f"{part(head)}.{part(body)}.{part(signature)}"


TOKENS = {
    "no algorithm": token("none", exp=2**33),
    "signed by itself": token("HS256", b"0" * 32, exp=2**33),
    "for ever": token("RS256", b"0" * 256),
    "unknown issuer": token("RS256", b"0" * 256, iss="https://evil.example", exp=2**33),
    "none at all": "",
}


def host(gateway) -> dict[str, str]:
    return {"Host": f"{gateway.host}:{gateway.port}"}


def asked_for(action: str, identity: str) -> str:
    return (
        f"Action={action}&Version=2011-06-15&DurationSeconds=3600&RoleSessionName=x"
        f"&RoleArn=arn:aws:iam::1:role/admin&WebIdentityToken={identity}&Token={identity}"
        f"&SAMLAssertion={identity}&LDAPUsername=admin&LDAPPassword=admin"
    )


def plain(body: bytes) -> bytes:
    """Without what differs from one answer to the next."""
    return re.sub(rb"<(RequestId|HostId)>.*?</\1>", b"", body)


@pytest.mark.parametrize("identity", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("action", ROLES)
def test_018_no_token_is_exchanged_for_credentials(gateway, action, identity):
    """CVE-2024-48916 (Ceph), CVE-2026-33322 (MinIO), CVE-2025-24976 (distribution)"""
    text = asked_for(action, identity)
    headers = host(gateway) | {"Content-Type": FORM}
    for answer in (
        exchange(gateway, "POST", "/", headers, text.encode()),
        exchange(gateway, "POST", f"/?{text}", headers),
        exchange(gateway, "GET", f"/?{text}", headers),
    ):
        assert 400 <= answer.status < 500
        assert b"SecretAccessKey" not in answer.body
        assert b"SessionToken" not in answer.body


def test_019_nobody_learns_from_a_refusal_what_was_wrong_with_a_token(gateway):
    """RustFS GHSA-5qfg, GHSA-jxrr: open to all, and each refusal told something else"""
    headers = host(gateway) | {"Content-Type": FORM}
    answers = {
        (answer.status, plain(answer.body))
        for action in (*ROLES, "Nonsense")
        for identity in TOKENS.values()
        for answer in [
            exchange(gateway, "POST", "/", headers, asked_for(action, identity).encode())
        ]
    }
    assert len(answers) == 1


def test_020_bad_logins_learn_nothing_however_many_they_are(gateway):
    """CVE-2026-33419 (MinIO): names of users were told apart by the refusal of a login"""
    headers = host(gateway) | {"Content-Type": FORM}
    answers = set()
    for number in range(100):
        name = gateway.owner.key if number % 2 else f"nobody-{number}"
        text = f"Action=AssumeRoleWithLDAPIdentity&LDAPUsername={name}&LDAPPassword={number}"
        answer = exchange(gateway, "POST", "/", headers, text.encode())
        if answer.status != 503:  # SlowDown tells nothing either
            answers.add((answer.status, plain(answer.body)))
    assert len(answers) == 1


ADMIN = (
    *(f"POST /?Action={action}&UserName=mallory&PolicyArn=admin" for action in USERS),
    "PUT /minio/admin/v3/add-user?accessKey=mallory",
    "PUT /minio/admin/v3/add-service-account",
    "PUT /minio/admin/v3/import-iam",
    "PUT /minio/admin/v3/set-user-or-group-policy?policyName=consoleAdmin&userOrGroup=mallory",
    "GET /minio/admin/v3/list-users",
    "GET /minio/admin/v3/info",
    "PUT /rustfs/admin/v3/add-user?accessKey=mallory",
    "POST /rustfs/rpc/read_file_stream",
    "PUT /admin/user?uid=mallory&display-name=m",
    "GET /admin/metadata/user?key=admin",
    "PATCH /create-user",
    "PATCH /list-users",
    "POST /v1/key?name=mallory",
    "POST /v2/CreateKey",
    "POST /api/v1/auth/users",
    "GET /metrics",
    "GET /debug/pprof/heap",
    "POST /api/v0/config/show",
)
"""What administers MinIO, RustFS, Ceph, versitygw, Garage, lakeFS and Kubo."""
BODY = b'{"accessKey":"mallory","secretKey":"mallory-mallory","policy":"consoleAdmin"}'


def everything(gateway) -> list[object]:
    return gateway.keys.all()


@pytest.mark.parametrize("line", ADMIN)
def test_022_nobody_administers_keys_over_the_network(gateway, line):
    """CVE-2021-43858, CVE-2022-24842, CVE-2024-24747, CVE-2024-55949 (MinIO), five of RustFS"""
    disabled = gateway.keys.generate()
    gateway.keys.disable(disabled.key)
    before = everything(gateway)
    method, _, target = line.partition(" ")
    for key in (None, gateway.stranger, gateway.owner, disabled):
        answer = raw(gateway, method, target, BODY if method != "GET" else b"", key)
        assert 400 <= answer.status <= 501
        for each in before:
            assert each.secret.encode() not in answer.body
    assert everything(gateway) == before


@pytest.mark.parametrize("line", ADMIN)
def test_033_nor_with_a_key_id_alone(gateway, line):
    """CVE-2020-11012, 3f09c17bf (MinIO): a key id was enough for the admin API"""
    before = everything(gateway)
    method, _, target = line.partition(" ")
    for kind in ("unsigned payload", "presigned", "unsigned chunks with a trailer", "version 2"):
        sent = claims.CLAIMS[kind](gateway.owner.key, target, {}, BODY)
        answer = exchange(gateway, method, sent.target, host(gateway) | sent.headers, sent.body)
        assert 400 <= answer.status <= 501
    assert everything(gateway) == before


TOLD_ELSEWHERE = ("/metrics", "/debug/vars", "/minio/v2/metrics/cluster", "/admin/usage", "/config")


@pytest.mark.parametrize("target", TOLD_ELSEWHERE)
def test_032_whoever_has_a_key_sees_no_more_of_the_server(gateway, target):
    """RustFS GHSA-jqmc, -f5cv, -796f, CVE-2025-64179 (lakeFS)"""
    for key in (gateway.stranger, gateway.owner):
        answer = raw(gateway, "GET", target, key=key)
        assert answer.status == 404
        told = (answer.head + answer.body).lower()
        for word in (str(gateway.config.data_dir), "aiohttp", "python", key.secret):
            assert word.lower().encode() not in told
