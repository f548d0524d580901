"""The error document, as AWS prints it.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

import pytest

from gateway.errors import InvalidRange, NoSuchKey, NotModified, S3NotImplemented
from gateway.response import Response
from gateway.wire.error import render_error

NO_STORE = ("cache-control", "no-store")


def rendered(error: Exception, head: bool = False) -> Response:
    return render_error(error, resource="/b/k&k", request_id="R", host_id="H", head=head)


def test_extra_elements_stand_between_message_and_resource():
    response = rendered(NoSuchKey(Key="a<b\x01"))

    assert response.status == 404
    assert response.headers == [NO_STORE, ("content-type", "application/xml")]
    assert response.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
        b"<Key>a&lt;b\xef\xbf\xbd</Key><Resource>/b/k&amp;k</Resource>"
        b"<RequestId>R</RequestId><HostId>H</HostId></Error>"
    )


def test_the_code_is_aws_s_even_where_python_has_the_name():
    assert b"<Code>NotImplemented</Code>" in bytes(rendered(S3NotImplemented()).body)


def test_an_error_can_bring_header_fields():
    response = rendered(InvalidRange(headers={"Content-Range": "bytes */5"}))

    assert response.headers[0] == ("Content-Range", "bytes */5")


@pytest.mark.parametrize(
    ("error", "head", "fields"), [(NoSuchKey(), True, [NO_STORE]), (NotModified(), False, [])]
)
def test_where_http_allows_no_body_there_is_none(error: Exception, head: bool, fields: list[str]):
    response = rendered(error, head)

    assert (response.headers, response.body) == (fields, b"")


def test_a_header_that_would_break_out_is_never_sent():
    with pytest.raises(ValueError):
        rendered(InvalidRange(headers={"Content-Range": "x\r\ny: z"}))
