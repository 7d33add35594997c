"""The running service for the pages' tests, and a chromium to look at it with."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.pages.service import Service, running_service

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
def requested() -> list[str]:
    """Collect the addresses that the browser asks for."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(service: Service, browser: Browser, requested: list[str]) -> AsyncIterator[OpenPage]:
    """Open the pages in a fresh browser profile; keywords are those of a browser context."""
    async with AsyncExitStack() as stack:

        async def open_it(path: str = "/", **options: object) -> Page:
            given: dict[str, object] = {"viewport": {"width": 1440, "height": 900}, "locale": "pt-BR"}
            context = await browser.new_context(**(given | options))  # type: ignore[arg-type]
            stack.push_async_callback(context.close)
            context.set_default_timeout(20_000)
            page = await context.new_page()
            page.on("request", lambda request: requested.append(request.url))
            page.on("websocket", lambda socket: requested.append(socket.url))
            await page.goto(service.url("pages") + path)
            await page.get_by_test_id("contact-1").wait_for(state="attached")
            return page

        yield open_it
