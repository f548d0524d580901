"""The server as a process tree: how it starts, what it survives, and how it ends."""

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import closing
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from gateway import tls
from tests.gateway.server_process import ServerProcess, wait_for_end

QUICK = ("--durability", "none")
"""No fsync: these tests are about processes."""


def _answers(server, path="/healthz"):
    with urlopen(server.url + path, timeout=10) as answer:
        return answer.status == 200


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two workers, shared by the tests that leave them as they were."""
    directory = tmp_path_factory.mktemp("pair")
    with ServerProcess(directory / "data", "--workers", "2", *QUICK) as server:
        yield server.ready()


# --- starting -------------------------------------------------------------------------------------


def test_the_printed_secret_works_at_once(pair):
    s3 = pair.client()
    s3.create_bucket(Bucket="first")
    s3.put_object(Bucket="first", Key="k", Body=b"body")

    assert s3.get_object(Bucket="first", Key="k")["Body"].read() == b"body"
    assert s3.get_bucket_acl(Bucket="first")["Grants"][-1]["Permission"] == "READ"
    assert pair.said("new buckets") == "public-read:"
    assert pair.said("durability") == "none:"


def test_the_export_line_is_ready_to_paste(pair):
    said = subprocess.run(
        ["sh", "-c", pair.out.wait_for("export ") + "\nenv"], capture_output=True, text=True
    ).stdout

    assert f"AWS_ACCESS_KEY_ID={pair.said('access key')}\n" in said
    assert f"AWS_SECRET_ACCESS_KEY={pair.said('secret')}\n" in said
    assert f"AWS_ENDPOINT_URL={pair.url}\n" in said
    assert "AWS_DEFAULT_REGION=us-east-1\n" in said


def test_the_secret_is_printed_once_and_never_logged(tmp_path):
    with ServerProcess(tmp_path, "--workers", "1", "--log-level", "DEBUG", *QUICK) as first:
        first.ready()
        secret = first.said("secret")
        first.client().list_buckets()
        first.process.terminate()
        assert first.ended() == 0
    with ServerProcess(tmp_path, "--workers", "1", *QUICK) as second:
        second.ready()
        second.client(aws_secret_access_key=secret).list_buckets()

        assert second.said("access key") == first.said("access key")
        assert secret not in second.out.text + second.err.text + first.err.text
        assert "export" not in second.out.text


def test_a_second_server_on_the_same_directory_ends_at_once(pair):
    with ServerProcess(pair.directory, *QUICK) as second:
        assert second.ended() == 5
        assert "another s3gw" in second.err.text
        assert second.out.text == ""
    assert _answers(pair)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_port_of_another_s3gw_is_not_joined(pair, tmp_path, host):
    listen = f"{host}:{pair.port}"
    with ServerProcess(
        tmp_path / "data", *QUICK, listen=listen, S3GW_DEFAULT_BUCKET_ACL="private"
    ) as second:
        assert second.ended() == 1
        assert f"cannot listen on {listen}: Address already in use" in second.err.text
        assert "Traceback" not in second.err.text
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_said_and_nothing_is_made(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with ServerProcess(tmp_path / "data", listen=listen) as server:
            assert server.ended() == 1
            assert "Address already in use" in server.err.text
    assert not (tmp_path / "data").exists()


def test_an_address_others_reach_needs_a_decision(tmp_path):
    with ServerProcess(tmp_path / "data", listen="0.0.0.0:0") as server:
        assert server.ended() == 2
        assert "--default-bucket-acl" in server.err.text
    assert not (tmp_path / "data").exists()


def test_a_disabled_api_serves_nothing(tmp_path):
    """BTIP-25 "Configuration and start command options", 2."""
    with ServerProcess(tmp_path / "data", "--s3-compatible-api=disable") as server:
        assert server.ended() == 0
        assert "disabled" in server.out.text
    assert not (tmp_path / "data").exists()


def test_keys_and_buckets_of_the_environment_are_there_when_it_is_ready(tmp_path):
    secret_file = tmp_path / "secret"
    secret_file.write_text("root-secret-of-mine\n")
    secret_file.chmod(0o600)
    environ = {
        "S3GW_ROOT_ACCESS_KEY": "root-key",
        "S3GW_ROOT_SECRET_KEY_FILE": str(secret_file),
        "S3GW_BUCKETS": "photos, drafts:private",
    }
    for _again in range(2):
        with ServerProcess(tmp_path / "data", "--workers", "2", *QUICK, **environ) as server:
            s3 = server.ready().client(aws_secret_access_key="root-secret-of-mine")

            assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["drafts", "photos"]
            assert len(s3.get_bucket_acl(Bucket="photos")["Grants"]) == 2
            assert len(s3.get_bucket_acl(Bucket="drafts")["Grants"]) == 1
            assert server.said("access key") == "root-key"
            assert "root-secret-of-mine" not in server.out.text + server.err.text


def test_a_changed_root_secret_replaces_the_old_one(tmp_path):
    for secret in ("the-first-secret", "the-second-secret"):
        environ = {"S3GW_ROOT_ACCESS_KEY": "root-key", "S3GW_ROOT_SECRET_KEY": secret}
        with ServerProcess(tmp_path, "--workers", "1", *QUICK, **environ) as server:
            server.ready().client(aws_secret_access_key=secret).list_buckets()
    # the table has one key, with the second secret: the first does not come back
    with ServerProcess(tmp_path, "--workers", "1", *QUICK) as server:
        s3 = server.ready().client(aws_secret_access_key="the-first-secret")
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            s3.list_buckets()


@pytest.mark.parametrize(
    "environ",
    [
        {"S3GW_ROOT_ACCESS_KEY": "root-key"},
        {"S3GW_ROOT_ACCESS_KEY": "a/b", "S3GW_ROOT_SECRET_KEY": "long-enough"},
        {"S3GW_ROOT_ACCESS_KEY": "root-key", "S3GW_ROOT_SECRET_KEY": "short"},
        {"S3GW_BUCKETS": "UPPER"},
        {"S3GW_BUCKETS": "photos:public"},
        {"S3GW_BUCKET": "photos"},
    ],
    ids=str,
)
def test_what_the_environment_cannot_mean_is_a_usage_error(tmp_path, environ):
    with ServerProcess(tmp_path / "data", *QUICK, **environ) as server:
        assert server.ended() == 2
        assert "Traceback" not in server.err.text


def test_a_secret_file_that_everyone_can_read_is_refused(tmp_path):
    (tmp_path / "secret").write_text("long-enough")
    (tmp_path / "secret").chmod(0o644)
    environ = {
        "S3GW_ROOT_ACCESS_KEY": "root-key",
        "S3GW_ROOT_SECRET_KEY_FILE": str(tmp_path / "secret"),
    }
    with ServerProcess(tmp_path / "data", *QUICK, **environ) as server:
        assert server.ended() == 4
        assert "long-enough" not in server.err.text


# --- running --------------------------------------------------------------------------------------


def test_a_worker_that_dies_is_replaced(tmp_path):
    with ServerProcess(tmp_path, "--workers", "2", *QUICK) as server:
        before = server.ready().workers
        os.kill(before[1], signal.SIGKILL)
        server.err.wait_for("worker 1 accepts again")

        after = server.workers
        assert len(after) == len(before) == 2
        assert before[0] in after
        assert before[1] not in after
        assert all(_answers(server) for _ in range(10))


def test_a_key_disabled_by_the_command_is_refused_by_all_workers_within_a_second(tmp_path):
    with ServerProcess(tmp_path, "--workers", "2", *QUICK) as server:
        server.ready()
        key = server.said("access key")
        assert _statuses(server, key) == {200}

        run = [sys.executable, "-m", "gateway", "keys", "disable", key, "--data-dir", str(tmp_path)]
        subprocess.run(run, check=True)
        time.sleep(1)  # the promise itself

        assert _statuses(server, key) == {403}


def _statuses(server, key):
    """What fresh connections, so in all likelihood all workers, answer to this key."""
    client = server.client(aws_access_key_id=key)
    url = client.generate_presigned_url("list_buckets", ExpiresIn=60)
    target = urlsplit(url)
    found = set()
    for _ in range(12):
        with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
            connection.request("GET", f"{target.path or '/'}?{target.query}")
            found.add(connection.getresponse().status)
    return found


def test_hangup_takes_up_a_renewed_certificate(tmp_path):
    (tmp_path / "now").mkdir()
    old, new = tls.self_signed(tmp_path / "old"), tls.self_signed(tmp_path / "new")
    certificate, key = tmp_path / "now" / "cert.pem", tmp_path / "now" / "key.pem"

    def use(pair):
        certificate.write_bytes(pair[0].read_bytes())
        key.write_bytes(pair[1].read_bytes())

    def shown():
        return ssl.get_server_certificate(("127.0.0.1", server.port)).split()

    use(old)
    files = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with ServerProcess(tmp_path / "data", "--workers", "2", *files, *QUICK) as server:
        server.ready()
        assert shown() == old[0].read_text().split()
        use(new)
        server.process.send_signal(signal.SIGHUP)
        for number in range(2):
            server.err.wait_for(f"worker {number} has reloaded its certificate")

        assert shown() == new[0].read_text().split()


def test_tls_auto_prints_a_fingerprint_and_a_bundle_that_clients_trust(tmp_path):
    with ServerProcess(tmp_path, "--tls", "auto", "--workers", "1", *QUICK) as server:
        bundle = re.search(r"AWS_CA_BUNDLE=(\S+)", server.ready().out.text)[1]

        assert server.url.startswith("https://")
        assert server.client(verify=bundle).list_buckets()["Buckets"] == []
        certificate = ssl.get_server_certificate(("127.0.0.1", server.port))
        (tmp_path / "shown.pem").write_text(certificate)
        assert server.said("SHA-256") == tls.fingerprint(tmp_path / "shown.pem")


# --- ending ---------------------------------------------------------------------------------------


def _half_sent(server):
    """A PUT whose head and first half have been taken in; the connection and the second half."""
    s3 = server.client()
    s3.create_bucket(Bucket="bucket")
    url = urlsplit(s3.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "k"}))
    body = os.urandom(1 << 20)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    with connection.sock.makefile("rb", buffering=0) as answer:
        assert answer.readline().startswith(b"HTTP/1.1 100")  # so the handler is at work
        answer.readline()
    connection.send(body[: 1 << 19])
    return connection, body[1 << 19 :]


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_finished_before_the_end(tmp_path, workers, number):
    with ServerProcess(tmp_path, "--workers", workers, *QUICK) as server:
        connection, rest = _half_sent(server.ready())
        server.process.send_signal(number)
        with closing(connection):
            _wait_until_refused(server.port)
            connection.send(rest)
            assert connection.getresponse().status == 200
        assert server.ended() == 0


def _wait_until_refused(port):
    """The listener is closed first: an event that a client can see."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionError:
            return
    raise AssertionError("the server still listens")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_that_never_ends_is_cut_after_the_drain(tmp_path, workers):
    options = ("--workers", workers, "--drain-seconds", "0.3", *QUICK)
    with ServerProcess(tmp_path, *options) as server:
        connection, _rest = _half_sent(server.ready())
        with closing(connection):
            started = time.monotonic()
            server.process.terminate()
            server.ended()
    assert 0.3 <= time.monotonic() - started < 5


def test_an_idle_client_of_tls_does_not_hold_up_the_end(tmp_path):
    """A close under TLS waits for the client, who is not listening."""
    with ServerProcess(tmp_path, "--tls", "auto", "--drain-seconds", "60", *QUICK) as server:
        bundle = re.search(r"AWS_CA_BUNDLE=(\S+)", server.ready().out.text)[1]
        trust = ssl.create_default_context(cafile=bundle)
        idle = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=20, context=trust)
        with closing(idle):
            idle.request("GET", "/healthz")
            assert idle.getresponse().read() == b"ok\n"
            started = time.monotonic()
            server.process.terminate()
            assert server.ended() == 0
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_ends_it_at_once(tmp_path, workers):
    options = ("--workers", workers, "--drain-seconds", "600", *QUICK)
    with ServerProcess(tmp_path, *options) as server:
        connection, _rest = _half_sent(server.ready())
        pids = server.workers
        with closing(connection):
            server.process.terminate()
            _wait_until_refused(server.port)
            server.process.terminate()
            assert server.ended() != 0
        assert all(wait_for_end(pid) for pid in pids)


def test_workers_end_when_their_supervisor_is_killed(tmp_path):
    with ServerProcess(tmp_path, "--workers", "2", *QUICK) as server:
        workers = server.ready().workers
        server.process.kill()

        assert len(workers) == 2
        assert all(wait_for_end(pid) for pid in workers)


def test_the_directory_stays_locked_while_one_worker_lives(tmp_path):
    with ServerProcess(tmp_path, "--workers", "2", *QUICK) as server:
        survivor = server.ready().workers[0]
        os.kill(survivor, signal.SIGSTOP)  # it cannot notice that its supervisor dies
        server.process.kill()
        server.process.wait()
        with ServerProcess(tmp_path, *QUICK) as second:
            assert second.ended() == 5

        os.kill(survivor, signal.SIGCONT)
        assert wait_for_end(survivor)
        with ServerProcess(tmp_path, *QUICK) as third:
            assert _answers(third.ready())


# --- the supervisor with workers that misbehave ---------------------------------------------------

SUPERVISED = """
import sys, time
from gateway import listener, logs, worker
from gateway.config import Config
from gateway.supervisor import Supervisor

def run(work, sock):
    print("born", work.number, time.monotonic(), flush=True)
    {body}

logs.setup("logfmt", "INFO")
worker.run = run
config = Config(drain_seconds=0)
work = worker.Work(config=config, number=0, ready=lambda: print("ready", flush=True))
sys.exit(Supervisor(work, listener.claim("127.0.0.1:0"), 3).run())
"""


def _supervised(body):
    code = SUPERVISED.format(body=body)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_a_worker_that_cannot_start_ends_the_server_and_is_not_tried_again():
    with _supervised("return 1") as process:
        said = process.stdout.read()

    assert process.returncode == 1
    assert said.count("born") == 1
    assert "ready" not in said


def test_a_worker_that_keeps_dying_comes_back_later_each_time():
    body = "work.ready(); time.sleep(600 if work.number else 0.3)"
    died = "print('died', work.number, time.monotonic(), flush=True); return 1"
    times = {"born": [], "died": []}
    with _supervised(f"{body}; {died}") as process:
        for line in process.stdout:
            words = line.split()
            if words[1:2] == ["0"]:
                times[words[0]].append(float(words[2]))
            if len(times["born"]) == 5:
                break
        process.terminate()

    waits = [born - died for died, born in zip(times["died"], times["born"][1:], strict=True)]
    assert waits[0] < 0.1  # the first time at once
    assert all(wait >= least for wait, least in zip(waits[1:], (0.1, 0.2, 0.4), strict=True))
    assert process.returncode == 0
