"""The running service for the pages' tests, and a chromium to look at it with."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.pages.service import Service, running_service

_CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

expect.set_options(timeout=15_000)  # a loaded machine is slow, not wrong
OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="module")
def service(
    postgres_url: str, template_database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Give api and pages over a database of this module's own with the demo tenant in it."""
    folder = tmp_path_factory.mktemp("service")
    with running_service(
        postgres_url, template_database, redis_url=redis_url, folder=folder, names=("api", "pages")
    ) as running:
        yield running


@pytest.fixture
async def requested() -> list[str]:
    """Collect the addresses that the browser asks for."""
    return []


@pytest.fixture
async def open_page(service: Service, requested: list[str]) -> AsyncIterator[OpenPage]:
    """Open the pages in a fresh browser profile; keywords are those of a browser context."""
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium"), args=list(_CHROMIUM_FLAGS)
        )
        stack.push_async_callback(browser.close)

        async def open_it(path: str = "/", **options: object) -> Page:
            given: dict[str, object] = {"viewport": {"width": 1440, "height": 900}, "locale": "pt-BR"}
            context = await browser.new_context(**(given | options))  # type: ignore[arg-type]
            context.set_default_timeout(20_000)
            page = await context.new_page()
            page.on("request", lambda request: requested.append(request.url))
            page.on("websocket", lambda socket: requested.append(socket.url))
            await page.goto(service.url("pages") + path)
            await page.get_by_test_id("contact-1").wait_for(state="attached")
            return page

        yield open_it
