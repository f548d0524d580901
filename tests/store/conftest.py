"""A store that is open, and a bucket in it; tests that want others make their own."""

import pytest
from storing import make_bucket, opened


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
async def store(directory):
    async with opened(directory) as store:
        yield store


@pytest.fixture
async def bucket(store):
    return await make_bucket(store)
