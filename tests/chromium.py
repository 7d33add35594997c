"""A real chromium, started once for the tests of a file; each looks at its pages in a profile of its own."""

import os
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Give a browser without any profile. It lives in the session's event loop, as all tests marked `browser` do."""
    path = os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield started
        await started.close()
