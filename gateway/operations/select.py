"""SelectObjectContent: a query of one object in CSV, JSON or Parquet."""

import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from gateway.encryption.customer import customer_key
from gateway.encryption.object_keys import readable
from gateway.encryption.opening import opened
from gateway.errors import S3NotImplemented, SlowDown
from gateway.operation import Call
from gateway.operations.named_version import current
from gateway.operations.query import SelectObjectContentInput, job, scanned
from gateway.select.job import PARQUET
from gateway.select.running import start
from gateway.wire.shape import Payload, Shape
from store.errors import NoSuchEntry


class SelectObjectContentOutput(Shape):
    payload: Annotated[AsyncIterator[bytes], Payload()]


async def select_object_content(
    call: Call, ask: SelectObjectContentInput
) -> SelectObjectContentOutput:
    """The rows of an object that a query asks for, as an event stream.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_SelectObjectContent.html

    Raises ``NoSuchKey``, as ``readable`` and ``opened``, ``SlowDown`` (too many queries at a time,
    or the object was replaced just now), ``S3NotImplemented`` (queries are switched off), and one
    of ``SELECT_ERRORS`` for what is wrong before the first row; what goes wrong later ends the
    stream with an error.
    """
    most = call.config.select_processes
    if not most:
        raise S3NotImplemented("Queries of objects are switched off here.")
    wanted = job(ask, call.config)
    entry = current(call, ask.key)
    readable(call, entry, ask)
    span, begin, until = scanned(ask, entry.size)
    try:
        content = await opened(call, entry, span, customer_key(call, ask))
    except NoSuchEntry as error:
        raise SlowDown from error
    wanted = replace(wanted, start=begin, until=until)
    spool = None
    if wanted.source == PARQUET:  # read here and there, not from its begin to its end
        spool = tempfile.TemporaryFile(dir=call.config.data_dir)  # noqa: SIM115 - start closes it
        wanted = replace(wanted, spool=spool.fileno())
    query = await start(wanted, content, spool, most)
    try:
        await query.begun()
    except BaseException:
        await query.close()
        raise
    return SelectObjectContentOutput(payload=query.stream(progress=wanted.progress))
