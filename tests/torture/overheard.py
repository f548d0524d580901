"""What a process logs at DEBUG, searched for every secret that it knew and signature it made."""

import functools
import logging
import re

from gateway.auth import canonical, sigv2
from keys import credentials

LOGGERS = ("s3gw", "aiohttp", "asyncio")
_DIGESTS = re.compile(r"[0-9a-f]{64}|[A-Za-z0-9+/]{27}=").findall
_LEAST = 8
"""A shorter secret is a word that may well be logged."""


class Overheard(logging.Handler):
    """Keeps each line; ``told`` says which of them tell too much."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self._lines: list[str] = []
        self._secrets: set[str] = set()
        self._signatures: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def listen(self) -> None:
        """From now on, to the end of the process."""
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.DEBUG)
            logging.getLogger(name).addHandler(self)
        made, checked = credentials.new_secret, credentials.check

        def new_secret() -> str:
            self._secrets.add(secret := made())
            return secret

        def check(key: str, secret: str) -> None:
            self._secrets.add(secret)
            checked(key, secret)

        credentials.new_secret, credentials.check = new_secret, check
        canonical.SigningKey.sign = self._remembering(canonical.SigningKey.sign)
        sigv2.signature = self._remembering(sigv2.signature)

    def _remembering(self, sign):
        @functools.wraps(sign)
        def signed(*arguments):
            self._signatures.add(signature := sign(*arguments))
            return signature

        return signed

    def told(self) -> dict[str, object]:
        """How much was searched, and what was found, as JSON has it."""
        secrets = [each for each in self._secrets if len(each) >= _LEAST]
        found = [
            f"a secret was logged: {line.replace(secret, '...')}"
            for line in self._lines
            for secret in secrets
            if secret in line
        ]
        found += [
            f"a signature was logged: {line.split(' ')[0]}"
            for line in self._lines
            if not self._signatures.isdisjoint(_DIGESTS(line))
        ]
        return {"lines": len(self._lines), "secrets": len(secrets), "found": found[:20]}
