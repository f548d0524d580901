"""A real ``s3gw serve`` in a process of its own, with what it prints."""

import os
import re
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config as ClientConfig

PATIENCE_SECONDS = 20


class Lines:
    """What a stream says, line by line, for any thread to wait on."""

    def __init__(self, stream: Any) -> None:
        self._lines: list[str] = []
        self._ended = False
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(stream,))
        self._thread.start()

    def _read(self, stream: Any) -> None:
        with stream:
            for line in stream:
                with self._more:
                    self._lines.append(line)
                    self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    @property
    def text(self) -> str:
        with self._more:
            return "".join(self._lines)

    def wait_for(self, text: str) -> str:
        """The first line that holds ``text``; fails when the stream ends without it."""

        def found() -> str | None:
            return next((line for line in self._lines if text in line), None)

        with self._more:
            self._more.wait_for(lambda: found() or self._ended, PATIENCE_SECONDS)
            line = found()
        assert line is not None, f"never said {text!r}, but:\n{self.text}"
        return line

    def join(self) -> None:
        self._thread.join()


class ServerProcess:
    """``s3gw serve DIRECTORY`` with ``options`` on a free port. Killed with its workers at exit.

    ``mutant`` names a function (``package.module:function``) that puts a defect into the server.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        listen: str = "127.0.0.1:0",
        mutant: str = "",
        **environ: str,
    ) -> None:
        program = ["tests.torture.mutated", mutant] if mutant else ["gateway"]
        command = [sys.executable, "-m", *program, "serve", str(directory), "--listen", listen]
        own = {name: value for name, value in os.environ.items() if not name.startswith("S3GW_")}
        self.directory = directory
        self.process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=own | environ,
            start_new_session=True,  # so that what outlives it can be found and killed
        )
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.out.join()
        self.err.join()

    def ready(self) -> Self:
        """Once it accepts."""
        self.out.wait_for("s3gw is ready")
        return self

    def ended(self) -> int:
        """Its exit code, once it and all that held its streams are gone."""
        code = self.process.wait(PATIENCE_SECONDS)
        self.out.join()
        self.err.join()
        return code

    def said(self, name: str) -> str:
        """A line of the greeting: ``endpoint``, ``secret``..."""
        found = re.search(rf"^{name} +(\S+)", self.out.text, re.M)
        assert found, self.out.text
        return found[1]

    @property
    def url(self) -> str:
        return self.said("endpoint")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def workers(self) -> list[int]:
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def client(self, **options: Any) -> Any:
        """boto3 with the credentials of the greeting, unless others are given."""
        options.setdefault("aws_access_key_id", self.said("access key"))
        if "aws_secret_access_key" not in options:
            options["aws_secret_access_key"] = self.said("secret")
        retries = ClientConfig(retries={"total_max_attempts": 1})
        return boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", config=retries, **options
        )


def wait_for_end(pid: int) -> bool:
    """Whether a process, not of ours, ends in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE_SECONDS)[0])
    finally:
        os.close(descriptor)
