"""Header fields that ask for what is not done here are refused, harmless ones are not."""

import pytest

from gateway.errors import InvalidArgument, S3NotImplemented
from gateway.unserved import refuse_unsupported
from tests.gateway.asked import asked


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("PUT /bucket", "x-amz-server-side-encryption", "AES256"),
        ("PUT /bucket/key", "x-amz-object-lock-event-hold", "ON"),
        ("PUT /bucket/key?tagging", "x-amz-object-lock-mode", "COMPLIANCE"),
        ("PUT /bucket/key?partNumber=1&uploadId=u", "x-amz-object-lock-mode", "COMPLIANCE"),
        ("POST /bucket/key?uploadId=u", "x-amz-object-lock-legal-hold", "ON"),
        ("GET /bucket/key", "x-amz-object-lock-legal-hold", "OFF"),
        ("PUT /bucket", "x-amz-object-lock-mode", "COMPLIANCE"),
        ("PUT /bucket", "x-amz-bucket-namespace", "account-regional"),
        ("PUT /bucket/key", "x-amz-write-offset-bytes", "5"),
        ("PUT /bucket/key", "x-amz-rename-source", "a"),
        ("DELETE /bucket/key", "x-amz-mfa", "serial 123456"),
        ("DELETE /bucket/key?uploadId=u", "x-amz-if-match-initiated-time", "x"),
    ],
)
def test_a_promise_that_would_be_broken_is_refused(line: str, name: str, value: str):
    with pytest.raises(S3NotImplemented) as refused:
        refuse_unsupported(asked(line, (name, value)))

    assert refused.value.extras == {"Header": name}


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("PUT /bucket/key", "x-amz-object-lock-mode", "COMPLIANCE"),
        ("POST /bucket/key?uploads", "x-amz-object-lock-legal-hold", "ON"),
        ("POST /bucket?delete", "x-amz-bypass-governance-retention", "true"),
        ("PUT /bucket/key", "x-amz-meta-x-amz-tagging", "a"),
        ("GET /bucket/key", "x-amz-request-payer", "requester"),
        ("PUT /bucket", "x-amz-grant-read", "judged with the ACL"),
    ],
)
def test_what_asks_for_nothing_else_is_let_through(line: str, name: str, value: str):
    refuse_unsupported(asked(line, (name, value)))


@pytest.mark.parametrize("name", ["", "-aws-kms-key-id", "-context", "-bucket-key-enabled"])
def test_a_read_does_not_say_how_to_encrypt(name: str):
    header = f"x-amz-server-side-encryption{name}"
    with pytest.raises(InvalidArgument):
        refuse_unsupported(asked("GET /bucket/key", (header, "true")))
    refuse_unsupported(asked("PUT /bucket/key", (header, "true")))
