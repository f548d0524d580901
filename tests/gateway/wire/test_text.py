"""Scalars as text: what is read and, above all, what is not."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import text

MOMENTS = st.datetimes(
    datetime(1, 1, 2),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)


@pytest.mark.parametrize("digits", ["0", "7", "0010", "2147483648", "9" * 18])
def test_numbers_are_ascii_digits(digits: str):
    assert text.read_int(digits) == int(digits)


@pytest.mark.parametrize(
    "other", ["", " ", "1 ", "+1", "-1", "1e3", "0x1", "1_000", "1.0", "١٢", "²", "9" * 19]
)
def test_anything_else_is_no_number(other: str):
    with pytest.raises(ValueError):
        text.read_int(other)


def test_documents_may_hold_numbers_below_zero():
    assert text.xml_form(int)[0]("-12") == -12
    for other in ("--1", "-", "- 1", "+1"):
        with pytest.raises(ValueError):
            text.xml_form(int)[0](other)


@pytest.mark.parametrize("date", ["0001-01-01T00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_date_outside_of_all_years_is_none(date: str):
    with pytest.raises(ValueError):
        text.read_iso_date(date)


@pytest.mark.parametrize(("said", "meant"), [("true", True), ("True", True), ("FALSE", False)])
def test_booleans_are_read_in_any_case(said: str, meant: bool):
    assert text.read_bool(said) is meant


@pytest.mark.parametrize("other", ["", "1", "0", "yes", "true "])
def test_anything_else_is_no_boolean(other: str):
    with pytest.raises(ValueError):
        text.read_bool(other)


@pytest.mark.parametrize(
    "form",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_the_three_http_dates_of_rfc_9110_are_one_moment(form: str):
    assert text.read_http_date(form) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "other", ["", "yesterday", "1994-11-06", "Sun, 06 Nov 1994 08:49:37", "784111777"]
)
def test_anything_else_is_no_http_date(other: str):
    with pytest.raises(ValueError):
        text.read_http_date(other)


@given(MOMENTS)
def test_header_dates_are_what_the_standard_library_writes(moment: datetime):
    written = text.write_http_date(moment)

    assert written == format_datetime(moment.astimezone(UTC), usegmt=True)
    assert text.read_http_date(written) == moment.replace(microsecond=0)


@given(MOMENTS)
def test_document_dates_have_milliseconds_and_a_z(moment: datetime):
    written = text.write_iso_date(moment)

    assert written.endswith("Z")
    assert len(written) == len("2009-10-12T17:50:30.000Z")
    cut = moment.microsecond % 1000
    assert text.read_iso_date(written) == moment - timedelta(microseconds=cut)


def test_a_document_date_without_zone_is_utc():
    assert text.read_iso_date("2020-01-01T00:00:00").tzinfo is UTC
    assert text.read_iso_date("2020-01-01") == datetime(2020, 1, 1, tzinfo=UTC)


@given(st.binary())
def test_bytes_are_base64(value: bytes):
    assert text.read_base64(text.write_base64(value)) == value


@pytest.mark.parametrize("other", ["a", "====", "a*b=", "YQ==\n", "ä"])
def test_anything_else_is_no_base64(other: str):
    with pytest.raises(ValueError):
        text.read_base64(other)
