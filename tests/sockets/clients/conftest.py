from collections.abc import AsyncIterator

import pytest

from picegate.testbed.cloud import ScriptedCloud


@pytest.fixture
async def cloud() -> AsyncIterator[ScriptedCloud]:
    async with ScriptedCloud() as cloud:
        yield cloud
