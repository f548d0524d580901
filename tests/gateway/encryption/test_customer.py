"""Customers' keys (SSE-C) over connections that others can read."""

import pytest

from gateway.config import Config
from gateway.encryption.customer import customer_key
from gateway.encryption.members import CustomerKey
from gateway.errors import InvalidRequest
from tests.gateway.encryption.conftest import customer


class Call:
    """As much of a ``gateway.operation.Call`` as is looked at."""

    def __init__(self, peer: str, secure: bool, **settings: bool) -> None:
        self.request = type("Request", (), {"peer": peer, "secure": secure})
        self.config = Config(**settings)


ASK = CustomerKey(
    sse_customer_algorithm="AES256",
    sse_customer_key=customer()["SSECustomerKey"],
    sse_customer_key_md5=customer()["SSECustomerKeyMD5"],
)


@pytest.mark.parametrize(
    "call",
    [
        Call("10.0.0.1", secure=True),
        Call("127.0.0.1", secure=False),
        Call("::1", secure=False),
        Call("10.0.0.1", secure=False, sse_c_over_http=True),
    ],
)
def test_a_key_is_taken_where_nobody_else_reads_it(call):
    assert customer_key(call, ASK) is not None


def test_a_key_that_others_could_read_is_refused():
    with pytest.raises(InvalidRequest, match="secure connection"):
        customer_key(Call("10.0.0.1", secure=False), ASK)


def test_no_key_is_no_key():
    assert customer_key(Call("10.0.0.1", secure=False), CustomerKey()) is None


def test_a_key_is_not_shown():
    assert customer()["SSECustomerKey"] not in repr(ASK)
