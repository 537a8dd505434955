"""A roster that runs until the test ends."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.agent.roster.house import House, Open


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Call it as House: its roster runs until the test ends, without the watch; tests look at memory as they please."""
    async with AsyncExitStack() as running:

        async def start(room: int, **sizes: int) -> House:
            house = House(room, **sizes)
            await running.enter_async_context(house.roster.running(care=False))
            return house

        yield start
