"""The configuration file: our TOML, or a JSON file with BTIP-25's block ``S3CompatibleAPI``.

    listen = "0.0.0.0:${env.PORT:=9000}"
    default_bucket_acl = "private"

    {"S3CompatibleAPI": {"Enable": true, "Address": "127.0.0.1:5201", "HTTPHeaders":
        {"Access-Control-Allow-Origin": ["https://app.example"]}}}

Gives raw values by row name; what they mean is ``settings``'s business.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from gateway.config import BadSetting

_VARIABLE = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)(?::=([^}]*))?\}")
_BTIP_ROWS = {"Enable": "s3_compatible_api", "Address": "listen"}
_CORS_ROWS = {
    "access-control-allow-origin": "cors_allow_origin",
    "access-control-allow-methods": "cors_allow_methods",
    "access-control-allow-headers": "cors_allow_headers",
    "access-control-expose-headers": "cors_expose_headers",
}
_CREDENTIALS = "access-control-allow-credentials"


def read(path: Path, environ: Mapping[str, str]) -> dict[str, object]:
    """Raw values by name, variables filled in. A JSON file is known by its first ``{``.

    Raises ``BadSetting``.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"cannot read the configuration file {path}: {error}") from None
    try:
        if text.lstrip().startswith("{"):
            import json

            found = _btip25(json.loads(text))
        else:
            import tomllib

            found = tomllib.loads(text)
        return {name: _filled(value, environ) for name, value in found.items()}
    except ValueError as error:  # TOMLDecodeError, JSONDecodeError, BadSetting
        raise BadSetting(f"{path}: {error}") from None
    except RecursionError:
        raise BadSetting(f"{path}: it is nested too deeply") from None


def _filled(value: object, environ: Mapping[str, str]) -> object:
    """``${env.NAME}`` and ``${env.NAME:=default}`` in text; the default also when NAME is empty."""
    if isinstance(value, list):
        return [_filled(each, environ) for each in value]
    if not isinstance(value, str):
        return value

    def text(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            raise BadSetting(f"${{env.{name}}}: the environment has no {name}, and no := default")
        return environ[name]

    return _VARIABLE.sub(text, value)


def _btip25(document: object) -> dict[str, object]:
    """BTIP-25 "Configuration and start command options".

    Members beside the block belong to the BTFS node whose file it is, and are left alone.
    """
    block = document.get("S3CompatibleAPI") if isinstance(document, dict) else None
    if not isinstance(block, dict):
        raise BadSetting('a JSON configuration needs the block "S3CompatibleAPI": {...}')
    raw: dict[str, object] = {}
    for name, value in block.items():
        if name == "HTTPHeaders":
            raw |= _cors(value)
        elif name not in _BTIP_ROWS:
            raise BadSetting(f"S3CompatibleAPI has Enable, Address and HTTPHeaders, not {name}")
        elif value is not None:
            raw[_BTIP_ROWS[name]] = value
    return raw


def _cors(headers: object) -> dict[str, object]:
    """``HTTPHeaders``: a header's values by its name, ``null`` for none (as go-btfs writes it)."""
    if headers is None:
        return {}
    if not isinstance(headers, dict):
        raise BadSetting("HTTPHeaders must be an object of header names and lists of values")
    given = {name.lower(): value for name, value in headers.items()}
    credentials = given.pop(_CREDENTIALS, None)
    for name in given:
        if name not in _CORS_ROWS:
            raise BadSetting(f"HTTPHeaders: {name} is not a CORS header the gateway sends")
    if credentials in (None, [], "false", ["false"]):
        return {_CORS_ROWS[name]: value for name, value in given.items()}
    origin = given.get("access-control-allow-origin")
    if isinstance(origin, str | list) and "*" in origin:
        raise BadSetting(f"HTTPHeaders: {_CREDENTIALS} with origin * would trust every web site")
    return {_CORS_ROWS[name]: value for name, value in given.items()}
