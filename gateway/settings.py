"""Settings: flag > environment > file > default, each value with where it came from.

Makes values out of text and hands them to ``Config``, which decides what they may be. Reads the
configuration file, and no environment but the one it is given.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from gateway import settings_file
from gateway.config import BadSetting, Config

PREFIX = "S3GW_"
NO_SETTINGS = (
    "S3GW_BUCKETS",
    "S3GW_CONFIG",
    "S3GW_ROOT_ACCESS_KEY",
    "S3GW_ROOT_ACCESS_KEY_FILE",
    "S3GW_ROOT_SECRET_KEY",
    "S3GW_ROOT_SECRET_KEY_FILE",
)
"""Variables of ours that are no setting: they say what to make at start."""
FAILPOINTS = "S3GW_FAILPOINT"

_SIZE = re.compile(r"(\d+)\s*(B|[KMGT]i?B?)?")
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "enable": True} | {
    "false": False, "no": False, "off": False, "0": False, "disable": False
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """Typed values, not yet judged together; ``config`` does that."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    """``default``, ``flag --listen``, ``environment S3GW_LISTEN`` or ``file s3gw.toml``."""

    def config(self) -> Config:
        """Raises ``BadSetting``."""
        return Config(**self.values)

    @property
    def data_dir(self) -> Path:
        return Path(self.values["data_dir"])

    @property
    def master_key_file(self) -> Path | None:
        path: Path | None = self.values["master_key_file"]
        return path


def load(
    flags: Mapping[str, str | None], environ: Mapping[str, str], file: Path | None = None
) -> Settings:
    """All settings. ``flags`` by row name, ``None`` when not given; ``file`` or else S3GW_CONFIG.

    An empty environment variable counts as not set. Raises ``BadSetting`` for a value of the
    wrong type and for a name nobody knows.
    """
    _refuse_unknown(environ)
    if file is None and environ.get("S3GW_CONFIG"):
        file = Path(environ["S3GW_CONFIG"])
    values: dict[str, Any] = {each.name: each.default for each in fields(Config)}
    sources = dict.fromkeys(values, "default")
    for source, name, raw in _given(flags, environ, file):
        if name == "s3_compatible_api" and raw == "":
            continue  # BTIP-25: "" means as configured
        values[name] = value(name, raw, source)
        sources[name] = source
    return Settings(values, sources)


def _given(
    flags: Mapping[str, str | None], environ: Mapping[str, str], file: Path | None
) -> Iterable[tuple[str, str, object]]:
    """Source, name and raw value of everything that was said, the weakest first."""
    if file is not None:
        for name, raw in settings_file.read(file, environ).items():
            if name not in _types():
                raise BadSetting(f"{file}: unknown setting {name!r}{nearest(name, _types())}")
            yield f"file {file}", name, raw
    for name in _types():
        variable = PREFIX + name.upper()
        if environ.get(variable):
            yield f"environment {variable}", name, environ[variable]
    for name, flag in flags.items():
        if flag is not None:
            yield f"flag --{name.replace('_', '-')}", name, flag


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = {PREFIX + name.upper() for name in _types()} | set(NO_SETTINGS)
    for variable in environ:
        if not variable.startswith(PREFIX) or variable.startswith(FAILPOINTS):
            continue
        if variable not in known:
            raise BadSetting(f"unknown environment variable {variable}{nearest(variable, known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'listen'?``, or nothing when nothing is near."""
    from difflib import get_close_matches  # only ever on the way out

    found = get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


@cache
def _types() -> dict[str, Any]:
    return get_type_hints(Config)


def value(name: str, raw: object, source: str) -> Any:  # noqa: ANN401 - by row
    """``raw`` (text, or what TOML or JSON made of it) as the type of the row ``name``.

    Raises ``BadSetting``.
    """
    kind = _types()[name]
    optional = NoneType in get_args(kind)
    if optional:
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    if optional and raw == "":
        return None
    parse = _PARSE[get_origin(kind) or kind]
    try:
        return parse(name, raw)
    except ValueError as error:
        raise BadSetting(f"{name} ({source}): {error}") from None


def _text(name: str, raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is not text")  # noqa: TRY004 - one kind of refusal
    return raw


def _truth(name: str, raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if not isinstance(raw, str) or raw.lower() not in _TRUTH:
        raise ValueError(f"{raw!r} is not true or false (or enable, disable)")
    return _TRUTH[raw.lower()]


def _whole(name: str, raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    found = _SIZE.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if found is None or (found[2] and "bytes" not in name):
        raise ValueError(f"{raw!r} is not a whole number" + _examples(name, "bytes", "16KiB"))
    unit = found[2] or "B"
    base = 1024 if "i" in unit or len(unit) == 1 else 1000
    return int(found[1]) * int(base ** _POWERS.get(unit[0], 0))


def _number(name: str, raw: object) -> float:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        try:
            return float(raw)
        except OverflowError:
            raise ValueError("the number is too large") from None
    found = _DURATION.fullmatch(raw.strip()) if isinstance(raw, str) else None
    own = {"seconds": 1.0, "days": 86400.0}.get(name.rpartition("_")[2])
    if found is None or (found[2] and own is None):
        raise ValueError(f"{raw!r} is not a number" + _examples(name, "seconds", "30s"))
    if found[2] is None or own is None:
        return float(found[1])
    return float(found[1]) * _SECONDS[found[2]] / own


def _examples(name: str, unit: str, example: str) -> str:
    return f" or, say, {example}" if unit in name else ""


def _several(name: str, raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        raw = raw.split(",")
    if not isinstance(raw, list | tuple):
        raise ValueError(f"{raw!r} is not a list")  # noqa: TRY004 - one kind of refusal
    return tuple(text for each in raw if (text := _text(name, each).strip()))


def _path(name: str, raw: object) -> Path:
    if not (text := _text(name, raw)):
        raise ValueError("the path is empty")
    return Path(text)


_PARSE: dict[Any, Callable[[str, object], Any]] = {
    bool: _truth, int: _whole, float: _number, str: _text, tuple: _several, Path: _path
}  # fmt: skip
