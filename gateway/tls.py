"""TLS: the server's context from certificate files, or from a certificate of our own making.

https://datatracker.ietf.org/doc/html/rfc8446 and its predecessor 1.2; nothing older is spoken.
"""

import datetime as dt
import hashlib
import ipaddress
import os
import socket
import ssl
from pathlib import Path

from gateway.config import BadSetting, Config

LIFETIME = dt.timedelta(days=397)
"""The longest that browsers take."""
RENEW_BEFORE = dt.timedelta(days=30)


def files(config: Config) -> tuple[Path, Path] | None:
    """Certificate chain and key to use, made now if ``tls = auto`` has none; ``None``: no TLS."""
    if config.tls_cert is not None and config.tls_key is not None:
        return config.tls_cert, config.tls_key
    return self_signed(config.data_dir / "tls") if config.tls == "auto" else None


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Raises ``BadSetting`` when the files are missing, malformed or no pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise BadSetting(f"tls: cannot use {certificate} with {key}: {error}") from error
    return context


def reload(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """New connections get what the files hold now; the old pair stays on ``BadSetting``."""
    # OpenSSL takes the certificate before it looks at the key, so a bad pair is tried elsewhere.
    server_context(certificate, key)
    context.load_cert_chain(certificate, key)


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate of a PEM file, as openssl and browsers print it."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = certificate.read_text("ascii").partition(begin)[2].partition(end)[0]
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(begin + first + end)).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def not_after(certificate: Path) -> dt.datetime:
    """When the first certificate of a PEM file ends, in UTC. Raises ``OSError``, ``ValueError``."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def self_signed(directory: Path, *, now: dt.datetime | None = None) -> tuple[Path, Path]:
    """Certificate and key for this host in ``directory``, mode 0600; made anew near expiry."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    now = now or dt.datetime.now(dt.UTC)
    if certificate.exists() and key.exists() and not_after(certificate) - now > RENEW_BEFORE:
        return certificate, key
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    chain_pem, key_pem = _make(now)
    _write(key, key_pem)
    _write(certificate, chain_pem)
    return certificate, key


def _make(now: dt.datetime) -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "s3gw")])
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    names: list[x509.GeneralName] = [x509.IPAddress(each) for each in addresses]
    names += [x509.DNSName(each) for each in ("localhost", "*.localhost", _host_name()) if each]
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False
    )  # fmt: skip
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))  # clients' clocks differ
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        # No CA: a client that trusts it (AWS_CA_BUNDLE=cert.pem) trusts this server only.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(authority, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _host_name() -> str:
    """This machine's name where a certificate can hold it, else nothing."""
    name = socket.gethostname()
    return name if name.isascii() and 0 < len(name) < 64 and name != "localhost" else ""


def _write(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(
        draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.rename(path)
