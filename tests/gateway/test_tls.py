"""TLS: what is spoken, with whose certificate, and what a reload does."""

import datetime as dt
import socket
import ssl
import subprocess
import threading

import pytest

from gateway import tls
from gateway.config import BadSetting, Config


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return tls.self_signed(tmp_path_factory.mktemp("tls"))


def _shake(server, client, name="localhost"):
    """The client's socket after a handshake in memory and threads; raises what the client saw."""
    ours, theirs = socket.socketpair()

    def answer():
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    answering = threading.Thread(target=answer)
    answering.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as connection:
            return connection.version(), connection.getpeercert(binary_form=True)
    finally:
        ours.close()
        answering.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", socket.gethostname()])
def test_a_client_that_trusts_the_made_certificate_gets_in(pair, name):
    client = ssl.create_default_context(cafile=pair[0])
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default

    version, _ = _shake(tls.server_context(*pair), client, name)
    assert version == "TLSv1.3"


def test_the_certificate_is_nobody_elses(pair):
    client = ssl.create_default_context(cafile=pair[0])

    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(tls.server_context(*pair), client, "example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(tls.server_context(*pair), ssl.create_default_context())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_nothing_older_than_1_2_is_spoken(pair):
    client = ssl.create_default_context(cafile=pair[0])
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")

    with pytest.raises(ssl.SSLError):
        _shake(tls.server_context(*pair), client)


def test_key_and_certificate_are_for_their_owner_only(pair):
    assert [path.stat().st_mode & 0o777 for path in pair] == [0o600, 0o600]


def test_a_made_certificate_is_kept_until_it_nears_its_end(tmp_path):
    now = dt.datetime.now(dt.UTC)
    certificate, _ = tls.self_signed(tmp_path, now=now)
    first = tls.fingerprint(certificate)
    late = now + tls.LIFETIME - tls.RENEW_BEFORE

    tls.self_signed(tmp_path, now=late - dt.timedelta(days=1))
    assert tls.fingerprint(certificate) == first
    tls.self_signed(tmp_path, now=late + dt.timedelta(days=1))
    assert tls.fingerprint(certificate) != first


def test_the_fingerprint_is_what_openssl_says(pair):
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", pair[0]],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip().partition("=")[2] == tls.fingerprint(pair[0])


def test_new_connections_get_the_certificate_that_was_reloaded(tmp_path):
    old, new = tls.self_signed(tmp_path / "old"), tls.self_signed(tmp_path / "new")
    context = tls.server_context(*old)
    tls.reload(context, *new)

    _, shown = _shake(context, ssl.create_default_context(cafile=new[0]))
    assert shown == ssl.PEM_cert_to_DER_cert(new[0].read_text())


def test_a_reload_of_a_bad_pair_keeps_the_old_one(tmp_path):
    old, new = tls.self_signed(tmp_path / "old"), tls.self_signed(tmp_path / "new")
    context = tls.server_context(*old)

    with pytest.raises(BadSetting):
        tls.reload(context, new[0], old[1])
    assert _shake(context, ssl.create_default_context(cafile=old[0]))


@pytest.mark.parametrize("text", [None, "", "not a certificate"])
def test_files_that_hold_no_certificate_are_refused_by_name(tmp_path, pair, text):
    path = tmp_path / "cert.pem"
    if text is not None:
        path.write_text(text)

    with pytest.raises(BadSetting, match=r"cert\.pem"):
        tls.server_context(path, pair[1])


def test_without_a_word_about_tls_there_is_none(tmp_path, pair):
    assert tls.files(Config()) is None
    assert tls.files(Config(tls_cert=pair[0], tls_key=pair[1])) == pair
    assert tls.files(Config(tls="auto", data_dir=tmp_path)) == (
        tmp_path / "tls" / "cert.pem",
        tmp_path / "tls" / "key.pem",
    )
