"""One record is one line, in either format, whatever is in it."""

import asyncio
import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import logs
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


@pytest.fixture
def loggers():
    """Puts back how loggers were set up."""
    before, level = logging.root.handlers[:], logging.root.level
    logging.root.handlers[:] = []
    yield
    logging.root.handlers[:] = before
    logging.root.setLevel(level)


@pytest.mark.usefixtures("loggers")
def test_lines_of_requests_are_written_together_in_the_next_turn_of_the_loop(capsys):
    logs.setup("logfmt", "INFO")

    async def two_requests():
        logs.line(logging.getLogger("s3gw.gateway"), "op=GetObject status=200")
        logs.line(logging.getLogger("s3gw.gateway"), "op=PutObject status=200")
        assert capsys.readouterr().err == ""

    asyncio.run(two_requests())
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"time=\S+Z level=info logger=s3gw\.gateway op=GetObject status=200", first)
    assert second.endswith("op=PutObject status=200")


@pytest.mark.usefixtures("loggers")
def test_no_line_is_overtaken_by_a_later_record_or_lost_at_the_end(capsys):
    logs.setup("json", "INFO")
    log = logging.getLogger("s3gw.gateway")

    async def request_and_failure():
        logs.line(log, '{"op": "GetObject"}')
        log.error("broken")
        logs.line(log, '{"op": "HeadObject"}')
        logging.root.handlers[0].flush()  # as at exit
        said = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
        assert [each.get("op") or each["msg"] for each in said] == [
            "GetObject",
            "broken",
            "HeadObject",
        ]
        assert said[0]["level"] == "info"

    asyncio.run(request_and_failure())


def test_a_line_is_an_ordinary_record_where_logging_was_set_up_by_somebody_else(caplog):
    with caplog.at_level(logging.INFO, "s3gw.gateway"):
        logs.line(logging.getLogger("s3gw.gateway"), "op=GetObject")
    assert caplog.messages == ["op=GetObject"]
