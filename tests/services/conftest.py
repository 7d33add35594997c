"""What the business tests share."""

from collections.abc import AsyncIterator

import pytest

from tests.business_world import World, make_world
from tests.factories import open_database


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Give a tenant with a contact and an open conversation, in a database of the test's own."""
    async with open_database(database_url) as database:
        yield await make_world(database)
