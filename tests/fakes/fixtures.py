"""Fixtures that start the fake providers."""

from collections.abc import Iterator

import pytest

from tests.fakes.providers import FakeProviders, run_fake_provider


@pytest.fixture(scope="session")
def fake_provider_server() -> Iterator[FakeProviders]:
    """Start one server of fakes for the whole run."""
    with run_fake_provider() as running:
        yield running


@pytest.fixture
def fake_providers(fake_provider_server: FakeProviders) -> Iterator[FakeProviders]:
    """Give the fakes empty, and leave them empty."""
    fake_provider_server.reset()
    yield fake_provider_server
    fake_provider_server.reset()
