"""Event streams read back by botocore's own parser."""

from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from gateway.select import events


def read(stream: bytes) -> list:
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    return list(buffer)


@given(st.lists(st.binary(max_size=2000), max_size=5))
def test_records_come_back_as_they_were(payloads):
    stream = b"".join(
        events.event("Records", each, "application/octet-stream") for each in payloads
    )
    found = read(stream + events.event("End"))
    assert [each.payload for each in found[:-1]] == payloads
    assert found[-1].headers == {":message-type": "event", ":event-type": "End"}


def test_a_failure_has_its_code_and_at_most_a_kilobyte_of_text():
    (found,) = read(events.failure("CastFailed", "é" * 1000))
    assert found.headers[":message-type"] == "error"
    assert found.headers[":error-code"] == "CastFailed"
    assert found.headers[":error-message"] == "é" * 512


def test_counts_are_a_document():
    (found,) = read(events.counts("Stats", 1, 2, 3))
    assert b"<BytesScanned>1</BytesScanned><BytesProcessed>2</BytesProcessed>" in found.payload
