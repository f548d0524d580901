"""One record is one line, in either format, whatever is in it."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.logs import Json, Logfmt


def _record(message, *args, exc_info=None):
    record = logging.LogRecord("s3gw.gateway", logging.INFO, "", 0, message, args, exc_info)
    record.created, record.msecs = 1_700_000_000.25, 250.0
    return record


def test_a_message_becomes_a_field():
    assert Logfmt().format(_record("worker %d died", 3)) == (
        'time=2023-11-14T22:13:20.250Z level=info logger=s3gw.gateway msg="worker 3 died"'
    )
    assert json.loads(Json().format(_record("worker %d died", 3))) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "info",
        "logger": "s3gw.gateway",
        "msg": "worker 3 died",
    }


def test_fields_stay_fields():
    assert (
        Logfmt()
        .format(_record("op=PutObject status=200"))
        .endswith("logger=s3gw.gateway op=PutObject status=200")
    )
    said = json.loads(Json().format(_record('{"op": "PutObject", "status": 200}')))
    assert (said["op"], said["status"], said["level"]) == ("PutObject", 200, "info")


def test_a_traceback_is_part_of_its_line():
    error = ValueError("two\nlines")
    info = (type(error), error, None)

    assert "\n" not in Logfmt().format(_record("failed", exc_info=info))
    assert "two\nlines" in json.loads(Json().format(_record("failed", exc_info=info)))["exc"]


@pytest.mark.parametrize("formatter", [Logfmt(), Json()])
@given(text=st.text())
def test_no_message_breaks_out_of_its_line(formatter, text):
    assert len(formatter.format(_record("%s", text)).splitlines()) == 1
    assert len(formatter.format(_record("a=%s", text)).splitlines()) == 1
