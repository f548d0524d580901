"""The configuration: files in TOML and JSON, and the environment."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import fields

from gateway import settings
from gateway.config import BadSetting, Config
from tests.torture.fuzzing.target import Target, must

_ENVIRON = {"HOME": "/home/ann", "PORT": "9000", "EMPTY": ""}


class _Text(io.StringIO):
    """Stands for the path of a file that has this text."""

    def read_text(self, _: str) -> str:
        return self.getvalue()


def configured(data: bytes) -> str:
    """Lines NAME=VALUE of the environment, an empty line, then the file."""
    environ, _, file = data.partition(b"\n\n")
    said = dict(_ENVIRON) | _variables(environ)
    text = _Text(file.decode("utf-8", "replace"), newline="")
    found = settings.load({}, said, text)  # type: ignore[arg-type]
    config = found.config()
    for each in fields(Config):
        must(each.name in found.sources, "from nowhere", each.name)
    must(config.secure in (True, False) and config.store, "no settings", config)
    config.replication_urls, config.webhook_urls, config.differences  # noqa: B018
    named = [name for name, source in found.sources.items() if source != "default"]
    return " ".join(named[:1])


def _variables(lines: bytes) -> Mapping[str, str]:
    found = {}
    for line in lines.split(b"\n"):
        name, equals, value = line.decode("utf-8", "surrogateescape").partition("=")
        if equals and name and "\0" not in name + value and name != "S3GW_CONFIG":
            found[name] = value
    return found


def _files() -> Iterable[bytes]:
    for each in fields(Config):
        value = each.default
        if isinstance(value, tuple):
            shown = "[" + ", ".join(f'"{text}"' for text in value) + "]"
        elif isinstance(value, bool):
            shown = str(value).lower()
        elif isinstance(value, int | float):
            shown = str(value)
        else:
            shown = f'"{value or ""}"'
        yield f"\n\n{each.name} = {shown}\n".encode()
        plain = ",".join(value) if isinstance(value, tuple) else str(value or "")
        yield f"S3GW_{each.name.upper()}={plain}\n\n".encode()
    yield b'A=1\n\nlisten = "0.0.0.0:${env.PORT:=9000}"\ndefault_bucket_acl = "private"\n'
    yield b"""\n\n{"S3CompatibleAPI": {"Enable": true, "Address": "127.0.0.1:5201", "HTTPHeaders":
        {"Access-Control-Allow-Origin": ["https://app.example"],
         "Access-Control-Allow-Credentials": ["false"]}}}"""
    yield b'\n\n{"S3CompatibleAPI": {"HTTPHeaders": {"Access-Control-Allow-Credentials": "true", ' \
          b'"Access-Control-Allow-Origin": 5}}}'  # fmt: skip


_WORDS = (
    *(each.name.encode() + b" = " for each in fields(Config)),
    *(b"S3GW_" + each.name.upper().encode() + b"=" for each in fields(Config)),
    b"\n", b"\n\n", b'"', b"'", b"[", b"]", b"{", b"}", b"=", b":", b",", b"true", b"false", b"null",
    b"KiB", b"GiB", b"ms", b"30s", b"7d", b"${env.PORT}", b"${env.NONE:=1}", b"${env.NONE}",
    b"1979-05-27T07:32:00Z", b"0x10", b"inf", b"nan", b"[a.b]", b'"""', b"#", b'"S3CompatibleAPI"',
    b'"Enable"', b'"Address"', b'"HTTPHeaders"', b'"Access-Control-Allow-Origin"',
    b'"Access-Control-Allow-Methods"', b'"Access-Control-Allow-Credentials"', b'["*"]', b"[::1]:9000",
)  # fmt: skip
TARGETS = (Target("config", configured, _WORDS, (BadSetting,), _files, most=6000),)
