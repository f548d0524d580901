"""What tests of several commands begin with."""

import os
from contextlib import closing

import pytest

from keys.table import Table
from store.prepare import prepare
from store.settings import Settings


@pytest.fixture
def made(tmp_path):
    """A data directory as a server makes it."""
    directory = tmp_path / "data"
    old = os.umask(0o077)
    try:
        prepare(directory, Settings()).close()
        with closing(Table(directory)) as table:
            table.generate()
    finally:
        os.umask(old)
    return directory
