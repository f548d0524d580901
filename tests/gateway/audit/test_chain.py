"""The chain of the audit log: whatever is done to its lines is found."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.chain import FIRST, link, place, read, verify
from gateway.audit.log import AuditLog

NUMBER = 12


@pytest.fixture(scope="module")
def lines():
    made, last = [], FIRST
    for number in range(NUMBER):
        line, last = link({"action": "PutObject", "key": f"k{number}", "status": 200}, last)
        made.append(line)
    return made


def _found(directory, lines, name="0-000001.jsonl"):
    path = directory / name
    path.write_bytes(b"".join(lines))
    (verified,) = verify([path])
    return verified


def test_what_was_written_is_found_so(lines, tmp_path):
    found = _found(tmp_path, lines)

    assert (found.lines, found.findings, found.begins) == (NUMBER, [], FIRST)
    assert found.ends == json.loads(lines[-1])["hash"]


def test_every_line_is_json_with_its_place_in_the_chain(lines):
    fields = [json.loads(line) for line in lines]

    assert [each["prev"] for each in fields[1:]] == [each["hash"] for each in fields[:-1]]
    assert read(lines[0][:-1]).fields["key"] == "k0"


@settings(deadline=None)
@given(dropped=st.integers(0, NUMBER - 2))
def test_a_line_that_is_dropped_is_missed(lines, tmp_path_factory, dropped):
    left = [line for number, line in enumerate(lines) if number != dropped]

    assert _found(tmp_path_factory.mktemp("dropped"), left).findings


@settings(deadline=None)
@given(data=st.data())
def test_a_byte_that_is_changed_is_found(lines, tmp_path_factory, data):
    number = data.draw(st.integers(0, NUMBER - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 2))
    new = data.draw(st.integers(0, 255).filter(lambda value: value != lines[number][at]))
    changed = bytearray(lines[number])
    changed[at] = new
    edited = [*lines[:number], bytes(changed), *lines[number + 1 :]]

    assert _found(tmp_path_factory.mktemp("changed"), edited).findings


@settings(deadline=None)
@given(data=st.data())
def test_an_edit_with_a_fresh_hash_breaks_the_next_line(lines, tmp_path_factory, data):
    number = data.draw(st.integers(0, NUMBER - 2))
    known = read(lines[number][:-1])
    fields = {k: v for k, v in known.fields.items() if k != "prev"} | {"key": "another"}
    edited = [*lines[:number], link(fields, known.prev)[0], *lines[number + 1 :]]

    assert _found(tmp_path_factory.mktemp("edited"), edited).findings == [
        f"line {number + 2} does not follow line {number + 1}"
    ]


@settings(deadline=None)
@given(st.permutations(range(NUMBER)).filter(lambda order: order != list(range(NUMBER))))
def test_lines_in_another_order_are_found(lines, tmp_path_factory, order):
    moved = [lines[number] for number in order]

    assert _found(tmp_path_factory.mktemp("moved"), moved).findings


@settings(deadline=None)
@given(st.integers(0, NUMBER - 1), st.integers(0, NUMBER))
def test_a_line_that_is_added_is_found(lines, tmp_path_factory, copied, at):
    added = [*lines[:at], lines[copied], *lines[at:]]

    assert _found(tmp_path_factory.mktemp("added"), added).findings


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b'{"prev":1}', b"\xff\xfe", b"[1]"])
def test_what_is_no_line_is_found(lines, tmp_path, text):
    assert _found(tmp_path, [*lines, text + b"\n"]).findings == [f"line {NUMBER + 1} was changed"]


def test_a_last_line_without_its_end_is_told_and_is_no_finding(lines, tmp_path):
    found = _found(tmp_path, [*lines, lines[0][:20]])

    assert (found.lines, found.cut, found.findings) == (NUMBER, 20, [])


@pytest.fixture
def files(tmp_path):
    """Five files of one writer and two of another."""
    for writer, count in (("0", 5), ("1", 2)):
        log = AuditLog(tmp_path, writer, roll_bytes=1)
        for number in range(count):
            log.append({"key": number})
        log.close()
    return sorted(tmp_path.glob("*.jsonl"))


def test_files_of_a_writer_follow_each_other(files):
    assert [place(path) for path in files] == [("0", n) for n in range(1, 6)] + [("1", 1), ("1", 2)]
    assert [each.findings for each in verify(files)] == [[]] * 7
    assert [each.findings for each in verify(files[2:])] == [[]] * 5  # older ones are put away


def test_two_logs_may_be_looked_at_together(files, tmp_path):
    other = AuditLog(tmp_path / "other", "0")
    other.append({"key": "k"})
    other.close()
    together = [*files, *(tmp_path / "other").iterdir(), *files]

    assert [each.findings for each in verify(together)] == [[]] * 8


def test_a_file_that_is_missing_between_is_found(files):
    files.remove(files[2])

    assert [each.findings for each in verify(files) if each.findings] == [
        ["1 files before it are missing"]
    ]


def test_a_file_in_the_place_of_another_is_found(files):
    files[2].write_bytes(files[6].read_bytes())

    assert sum(bool(each.findings) for each in verify(files)) == 2


def test_lines_dropped_at_the_end_of_a_file_are_found_by_the_next(files):
    files[1].write_bytes(b"")

    assert [each.path for each in verify(files) if each.findings] == [files[2]]


def test_a_first_file_that_is_none_is_found(files):
    files[1].rename(files[0])

    assert next(verify(files[:1])).findings == ["line 1 does not follow what was written before it"]
