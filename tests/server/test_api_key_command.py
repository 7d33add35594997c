"""`master-ia api-key` against a real PostgreSQL."""

import base64
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli import app
from tests.factories import TEST_KEY, make_tenant, open_database


@pytest.fixture(autouse=True)
def _environment(database_url: str, clean_redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", clean_redis_url)
    monkeypatch.setenv("ENCRYPTION_KEYS", "test:" + base64.b64encode(TEST_KEY["test"]).decode())


@pytest.fixture
async def _tenant(database_url: str) -> None:
    async with open_database(database_url) as database:
        await make_tenant(database)


@pytest.mark.usefixtures("_tenant")
def test_key_is_printed_once() -> None:
    result = CliRunner().invoke(app, ["api-key", "teste", "--scope", "contacts:read"])
    assert result.exit_code == 0
    assert result.stdout.startswith("mia_")


@pytest.mark.usefixtures("_tenant")
@pytest.mark.parametrize(
    "arguments", [["teste", "--tenant", "ninguem"], ["teste", "--scope", "tudo"], [" "], ["x", "--scope", ""]]
)
def test_bad_input_is_one_clear_line(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["api-key", *arguments])
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
