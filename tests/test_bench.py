"""The comparison's arithmetic and reading, and two of its cells against ourselves."""

import json
import os
import socket
import threading
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from bench import (
    bodies,
    client,
    compare,
    growth,
    growth_picture,
    memory,
    picture,
    processes,
    table,
    validity,
)
from bench.calibration import Calibration, steady
from bench.cells import CELLS, chosen
from bench.client import Refused, Request, load
from bench.drive import Measured, Plan, quantile_ms, requests
from bench.growth import Size, scattered_key
from bench.leg import Leg
from bench.peers import KINDS, present
from bench.servers import Absent, Minio
from bench.signing import Target
from bench.summary import geometric_mean, of_best, ratio, tabulate
from bench.validity import Syncs, Uncounted, Wrong, parse_strace

GET_4K = chosen("get-4k-c1")[0]
QUIET = Calibration(1.4, 0.15)
USED = processes.Used(0.5, 1 << 20, 1 << 25)


def measured(per_second: float) -> Measured:
    return Measured(int(per_second), 1.0, int(per_second) * 4096, 1, 2, 3, 0.1, USED, "own x1")


def leg(server: str, per_second: float, calibration: Calibration = QUIET) -> Leg:
    return Leg(server, "D", calibration, figures={GET_4K.name: measured(per_second)})


@contextmanager
def answering(*pieces: bytes):
    """A server that sends ``pieces`` one by one to each request of one connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while connection.recv(65536):
                for piece in pieces:
                    connection.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join()
        listener.close()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",),
        (b"HTTP/1.1 200 OK\r\ncontent-", b"length: 3\r\n\r", b"\na", b"bc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n",),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",),
        (CHUNKED, b"3\r\nabc\r", b"\n0\r\n", b"\r\n"),
        (CHUNKED + b"0\r\n\r\n",),
        (CHUNKED + b"5\r\n0\r\n\r\n", b"\r\n0\r\n\r\n"),
    ],
)
def test_the_client_finds_the_end_of_every_kind_of_answer(pieces):
    with answering(*pieces) as port:
        done = load("127.0.0.1", port, lambda _: Request(b"GET", 3), connections=1, most=4)
    assert done.acknowledged == [0, 1, 2, 3]
    assert done.bytes_moved == 12
    assert len(done.latencies) == 4


def test_the_client_comes_back_to_a_server_that_closes_after_each_answer():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(3):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        listener.accept()[0].close()

    thread = threading.Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    done = load("127.0.0.1", port, lambda _: Request(b"GET"), connections=1, most=3)
    thread.join()
    listener.close()
    assert done.acknowledged == [0, 1, 2]


def test_a_server_that_leaves_amid_a_request_is_an_error_and_no_stall():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        closer = threading.Thread(target=lambda: silent.accept()[0].close())
        closer.start()
        with pytest.raises((Refused, OSError)):
            load("127.0.0.1", silent.getsockname()[1], lambda _: Request(b"GET"), connections=1)
        closer.join()


def test_an_answer_outside_2xx_ends_the_load():
    refusal = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"
    with answering(refusal) as port, pytest.raises(Refused, match="503 Slow Down"):
        load("127.0.0.1", port, lambda _: Request(b"GET"), connections=1)


def test_a_ratio_is_ours_over_theirs_and_of_best_takes_the_fastest_peer():
    one = tabulate("D", [leg("s3gw", 300), leg("minio", 100), leg("garage", 400)])
    assert ratio(one, "minio", GET_4K.name) == 3
    assert ratio(one, "garage", GET_4K.name) == 0.75
    assert of_best(one, GET_4K.name) == 0.75


def test_a_cell_void_on_one_server_has_no_ratio_there_and_says_void():
    broken = leg("minio", 100)
    broken.void[GET_4K.name] = "GET /x: 500"
    one = tabulate("D", [leg("s3gw", 300), broken, leg("garage", 400)])
    assert ratio(one, "minio", GET_4K.name) is None
    assert of_best(one, GET_4K.name) == 0.75
    row = table.figures(one, [GET_4K]).splitlines()[2]
    assert row.split() == [GET_4K.name, "/s", "300", "void", "-", "400", "0.75", "0.75"]
    assert "void get-4k-c1: GET /x: 500" in table.checks(one, {}, {})


@pytest.mark.parametrize(
    ("ratios", "mean"),
    [([2.0, 0.5], 1.0), ([4.0, 1.0, None], 2.0), ([], None), ([None], None)],
)
def test_the_geometric_mean_is_of_the_ratios_there_are(ratios, mean):
    assert geometric_mean(ratios) == (mean if mean is None else pytest.approx(mean))


def test_figures_are_medians_and_losses_stand_beside_wins():
    legs = [leg("s3gw", 100), leg("minio", 400), leg("minio", 400), leg("s3gw", 300)]
    one = tabulate("D", legs)
    text = table.figures(one, [GET_4K])
    assert text.splitlines()[2].split() == [GET_4K.name, "/s", "200", "400", "0.50", "0.50"]
    assert text.splitlines()[-1].split() == ["geometric", "mean", "0.50", "0.50"]


@pytest.mark.parametrize(
    ("one", "is_steady"),
    [
        (Calibration(1.0, 1.0), True),
        (Calibration(1.14, 0.86), True),
        (Calibration(1.16, 1.0), False),
        (Calibration(1.0, 0.84), False),
    ],
)
def test_a_leg_is_steady_within_15_percent_of_the_median(one, is_steady):
    assert steady([Calibration(1.0, 1.0)] * 3, one) is is_steady


def test_an_unsteady_leg_is_dropped_unless_its_server_has_no_other():
    noisy = Calibration(2.8, 0.15)
    legs = [leg("s3gw", 100), leg("minio", 50, noisy), leg("s3gw", 900, noisy)]
    legs += [leg("s3gw", 100), leg("garage", 100)]
    one = tabulate("D", legs)
    assert one.figures["s3gw"][GET_4K.name].per_second == 100
    assert one.figures["minio"][GET_4K.name].per_second == 50
    assert (one.dropped, one.unsteady) == (1, {"minio"})
    assert "minio~" in table.figures(one, [GET_4K])


def test_servers_take_turns_and_every_second_round_runs_backwards():
    assert "".join(compare.order("ABC", 3)) == "ABCCBAABC"


def test_an_absent_server_is_named_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    servers, absent = present({})
    assert [each.name for each in servers] == ["s3gw"]
    assert set(absent) == {kind.name for kind in KINDS} - {"s3gw"}
    assert absent["minio"] == "no minio on PATH"


def test_a_server_not_at_the_path_given_is_absent(tmp_path):
    with pytest.raises(Absent, match=f"no {tmp_path}/minio there"):
        Minio(f"{tmp_path}/minio")


@pytest.mark.parametrize("given", ["minio", "minio=", "nonesuch=/bin/true"])
def test_a_server_must_be_given_as_a_known_name_and_a_path(given):
    with pytest.raises(ValueError, match="NAME=PATH"):
        compare.paths([given])


def test_cells_are_chosen_by_pattern_and_a_pattern_without_a_cell_is_an_error():
    assert [cell.name for cell in chosen("get-4k-c*2,put-64m-c1")] == [
        "get-4k-c32", "put-64m-c1",
    ]  # fmt: skip
    assert chosen("*") == CELLS
    with pytest.raises(ValueError, match="get-5k"):
        chosen("get-4k-*,get-5k")


def test_quantiles_are_milliseconds():
    ordered = [n / 1000 for n in range(100)]
    assert [round(quantile_ms(ordered, share)) for share in (0.5, 0.99, 1)] == [50, 99, 99]


def test_strace_lines_are_counted_once_though_calls_are_resumed():
    text = """
12 fdatasync(7 <unfinished ...>
13 openat(AT_FDCWD, "/d/x.db", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 8
12 <... fdatasync resumed>)   = 0
12 fsync(9)                   = 0
14 openat(AT_FDCWD, "xl.meta", O_WRONLY|O_CREAT|O_DSYNC|O_CLOEXEC, 0666) = 5
"""
    seen = parse_strace(text)
    assert (seen.calls, seen.synced_opens) == (2, 1)


def test_a_process_name_may_hold_brackets_and_spaces():
    fields = ["S", "7", *["0"] * 9, "100", "50", "25", "25", *["0"] * 6, "3", "0"]
    status = processes.parse(f"12 (a) b) {' '.join(fields)}")
    assert (status.pid, status.parent) == (12, 7)
    assert status.cpu_seconds == 200 / processes.TICKS_PER_SECOND
    assert status.rss_bytes == 3 * processes.PAGE_BYTES


def test_our_own_tree_holds_us_and_costs_something():
    assert processes.tree(os.getpid())[0].pid == os.getpid()
    assert processes.rss_bytes(os.getpid()) > 1 << 20


def test_bodies_differ_and_are_known_by_their_number(tmp_path, monkeypatch):
    monkeypatch.setattr(bodies, "POOL_BYTES", bodies.SPAN + 4096)
    bodies.fill(tmp_path / "pool")
    pool = bodies.Bodies(tmp_path / "pool")
    digests = [pool.digest(number, 4096) for number in range(500)]
    assert len(set(digests)) == 500
    assert digests[7] == sha256(pool.body(7, 4096)).hexdigest()
    assert len({bodies.Bodies.offset(n) for n in range(200_000)}) == 200_000


def test_the_picture_is_xml_with_a_mark_for_each_ratio():
    one = tabulate("D", [leg("s3gw", 300), leg("minio", 100), leg("garage", 400)])
    root = ET.fromstring(picture.svg([one], [GET_4K]))
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["minio 3.00", "garage 0.75", "minio 3.00", "garage 0.75"]


def test_cells_run_end_to_end_against_ourselves(tmp_path, capsys):
    compare.main(
        "--seconds=0.3 --legs=1 --keys=40 --classes=D --servers=s3gw --client=own --no-checks "
        f"--cells=put-4k-c1,list-1000-c1,get-4k-c32-header,get-4k-c32-tls --out={tmp_path}".split()
    )
    written = json.loads((tmp_path / "compare.json").read_text())["classes"]["D"]
    assert written["void"] == {"s3gw": {}}
    for name in ("put-4k-c1", "list-1000-c1", "get-4k-c32-header", "get-4k-c32-tls"):
        figure = written["figures"]["s3gw"][name]
        assert figure["per_second"] > 0
        assert figure["server_us"] > 0
    assert written["legs"][0]["read_back"]["put-4k-c1"] > 0
    assert written["legs"][0]["rss_bytes"] > 10 << 20
    assert "Class D: a 200 is on disk" in capsys.readouterr().out
    assert {each.name for each in Path(tmp_path).iterdir()} == {"compare.json", "compare.svg"}


@pytest.mark.parametrize("chunks", [b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n"])
async def test_chunks_end_where_they_end_however_they_are_cut(chunks):
    for cut in range(1, len(chunks)):
        connection = client._Connection(lambda: None, False)
        assert not connection._dechunked(chunks[:cut])
        assert connection._dechunked(connection._buffer + chunks[cut:])


def beside(server: str, p99_ms: float, large_bytes_per_second: float) -> Leg:
    cell = chosen("get-4k-p99-beside")[0]
    figure = Measured(
        1000,
        1.0,
        4096,
        1,
        2,
        p99_ms,
        0.1,
        USED,
        "own x1",
        beside_bytes_per_second=large_bytes_per_second,
    )
    return Leg(server, "D", QUIET, figures={cell.name: figure})


def test_beside_large_puts_the_sooner_99_percent_wins_and_the_puts_are_told():
    cells = chosen("get-4k-p99-beside")
    one = tabulate("D", [beside("s3gw", 2, 4e8), beside("minio", 10, 6e8)])
    assert ratio(one, "minio", cells[0].name) == 5
    assert table.figures(one, cells).splitlines()[2].split()[1:4] == ["ms", "2.0", "10.0"]
    assert "beside PUTs of 400 MB/s" in table.costs(one, cells)


def test_costs_tell_cpu_memory_and_bytes_written_of_each_server():
    one = tabulate("D", [leg("s3gw", 100), leg("minio", 50)])
    ours, theirs = table.costs(one, [GET_4K]).splitlines()[2:]
    assert ours.split() == [GET_4K.name, "s3gw", "5,000", "1,000", "1.00", "3.00", "34", "10.2"]
    assert theirs.split()[2] == "10,000"


def test_a_server_without_tls_is_void_in_the_tls_cells_by_name():
    cell = chosen("get-4k-c32-tls")[0]
    without = Leg("garage", "D", QUIET, void={cell.name: "no TLS of its own"})
    one = tabulate("D", [leg("s3gw", 100), without])
    assert "void get-4k-c32-tls: no TLS of its own" in table.checks(one, {}, {})


@pytest.mark.parametrize(
    ("syncs", "durable"), [(Syncs(100, 0), True), (Syncs(0, 100), True), (Syncs(99, 0), False)]
)
def test_the_durable_class_takes_a_sync_for_each_put(syncs, durable):
    assert syncs.proves(100) is durable


def test_without_strace_the_report_says_so_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Uncounted) as absent:
        validity.count_syncs(None, None)
    uncounted = leg("s3gw", 100)
    uncounted.uncounted = str(absent.value)
    text = table.checks(tabulate("D", [uncounted]), {}, {})
    assert "syncs not counted: no strace on PATH" in text


def test_a_stale_read_is_found(tmp_path):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"
    with answering(answer) as port:
        plan = Plan(Target("127.0.0.1", port, "a", "b"), "PUT", "x", 0, 1, 0, tmp_path)
        with pytest.raises(Wrong, match="stale GET after PUT 0"):
            validity.no_stale_read(plan, rounds=1, connections=1)


def test_touched_memory_is_within_what_is_available():
    assert memory.recycle(3 << 20) == 3 << 20
    assert memory.available_bytes() > 3 << 20


def test_a_meter_sees_what_is_written_and_the_peak(tmp_path):
    meter = processes.Meter(os.getpid())
    meter.start()
    with Path(tmp_path, "file").open("wb") as file:
        file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
    used = meter.stop()
    assert used.bytes_written >= 1 << 20
    assert used.peak_rss_bytes > 1 << 20
    assert processes.NOTHING.stop() == processes.Used()


def test_names_in_growth_are_in_no_order_and_all_differ():
    names = [scattered_key(number) for number in range(10_000)]
    assert len(set(names)) == 10_000
    assert names != sorted(names)


def test_scattered_reads_go_everywhere_and_pages_begin_anywhere(tmp_path, monkeypatch):
    monkeypatch.setattr(bodies, "POOL_BYTES", 4096)
    bodies.fill(tmp_path / "pool")
    plan = Plan(
        Target("127.0.0.1", 1, "a", "b"), "GET", "x", 4, 1, 0, tmp_path / "pool", objects=1000,
        most=1000, stored=str, scattered=True,
    )  # fmt: skip
    ask = requests(plan, 0, 1)
    seen = [int(ask(n).wire.split(b"?")[0].rsplit(b"/", 1)[1]) for n in range(1000)]
    assert sorted(seen) == list(range(1000))
    assert seen != sorted(seen)
    pages = requests(replace(plan, operation="LIST"), 0, 1)
    assert {b"start-after=0&", b"start-after=271&"} <= {
        word + b"&" for n in range(2) for word in pages(n).wire.split()[1].split(b"&")
    }


def grown(objects: int, cost: float) -> Size:
    return Size(objects, *[cost] * 9, peak_rss_bytes=int(cost))


@pytest.mark.parametrize(
    ("last", "verdict"),
    [(1.4, "at most logarithmic (0.93)"), (10, "WORSE than logarithmic (6.67)")],
)
def test_growth_is_held_against_the_logarithm(last, verdict):
    sizes = [grown(10**4, 100), grown(10**5, 110), grown(10**6, 100 * last)]
    assert verdict in growth.table(sizes).splitlines()[1]


def test_the_picture_of_growth_is_xml_with_a_line_for_each_figure_and_the_law():
    curves = {"GET": [(10**4, 5.0), (10**6, 6.0)], "start": [(10**4, 1.0), (10**6, 3.0)]}
    root = ET.fromstring(growth_picture.svg(curves))
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"GET x1.20", "start x3.00", "log n x1.50"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 3


def test_growth_runs_end_to_end(tmp_path, capsys):
    growth.main(f"--least=100 --most=100 --seconds=0.1 --out={tmp_path}".split())
    sizes = json.loads((tmp_path / "growth.json").read_text())["sizes"]
    assert [size["objects"] for size in sizes] == [100]
    assert all(size["database_bytes_per_object"] > 0 for size in sizes)
    assert "LIST 1000" in capsys.readouterr().out
    assert {each.name for each in tmp_path.iterdir()} == {"growth.json", "growth.svg"}
