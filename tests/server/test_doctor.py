import io
import re
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from domain.messages import Medium, Provider
from server import doctor
from store.channel_accounts import AccountRow
from wiring.checks import Check, check_postgres, check_redis
from wiring.settings import Settings, load_settings

KEY = "k1:" + "A" * 43 + "="


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    return load_settings(
        env_file=None, database_url=database_url, redis_url=redis_url, encryption_keys=KEY, data_dir=tmp_path
    )


def _failed(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.what_to_do for check in checks if not check.is_ok}


def test_healthy_installation_passes_every_check(settings: Settings) -> None:
    checks = doctor.check_services(settings, is_embedded=False)

    assert _failed(checks) == {}
    assert {"PostgreSQL", "pgvector", "Schema", "Redis", "Encryption key", "Model"} <= {check.name for check in checks}


def test_missing_migrations_are_required_only_for_an_external_database(
    empty_database_url: str, redis_url: str, settings: Settings
) -> None:
    bare = settings.with_services(database_url=empty_database_url, redis_url=redis_url)

    external = {check.name: check for check in doctor.check_services(bare, is_embedded=False)}["Schema"]
    embedded = {check.name: check for check in doctor.check_services(bare, is_embedded=True)}["Schema"]

    assert (external.is_ok, external.is_required) == (False, True)
    assert "master-ia migrate" in external.what_to_do
    assert (embedded.is_ok, embedded.is_required) == (False, False)


def test_servers_that_are_away_are_reported_without_their_passwords() -> None:
    checks = [
        *check_postgres("postgresql://user:canary-pw@127.0.0.1:1/db"),
        check_redis("redis://:canary-pw@127.0.0.1:1/0"),
    ]

    assert [check.is_ok for check in checks] == [False, False]
    assert all(check.what_to_do for check in checks)
    assert "canary" not in repr(checks)
    assert all(check.is_required for check in checks)


ACCOUNT = AccountRow(
    tenant_id=uuid.UUID(int=1),
    id=uuid.UUID(int=2),
    provider=Provider.META,
    medium=Medium.WHATSAPP,
    external_id="1",
    display_name="Cobrança [1]",
    webhook_key="w",
    secrets_ciphertext=b"sealed-canary",
    secrets_key_id="k1",
    settings={},
    is_bot_enabled=True,
    status="active",
    stopped_reason=None,
    sends_per_second=1,
    burst=1,
)
PUBLIC = {"public_base_url": "https://bot.example.com"}


@pytest.mark.parametrize(
    ("changes", "environment", "words", "is_required"),
    [
        ({}, PUBLIC, "", False),
        ({}, {}, "PUBLIC_BASE_URL", False),
        ({"provider": Provider.SIMULATOR, "secrets_key_id": None, "secrets_ciphertext": None}, {}, "", False),
        ({"secrets_ciphertext": None, "secrets_key_id": None}, PUBLIC, "credentials", False),
        ({"secrets_key_id": "old"}, PUBLIC, "ENCRYPTION_KEYS", True),
        ({"status": "stopped", "stopped_reason": "token expired"}, PUBLIC, "provider", False),
        ({"status": "disabled"}, PUBLIC, "", False),
    ],
)
def test_each_channel_account_is_judged(
    changes: dict[str, object], environment: dict[str, str], words: str, is_required: bool
) -> None:
    settings = load_settings(env_file=None, encryption_keys=KEY, **environment)

    [check] = doctor.check_accounts([replace(ACCOUNT, **changes)], settings)  # type: ignore[arg-type]

    assert check.is_ok is (not words)
    assert words in check.what_to_do
    assert check.is_required is is_required


def test_missing_encryption_key_is_a_problem_to_solve() -> None:
    check = doctor.check_keys(load_settings(env_file=None))

    assert not check.is_ok
    assert "openssl rand" in check.what_to_do


def test_model_is_named_without_its_key() -> None:
    settings = load_settings(
        env_file=None, openai_api_key="sk-canary", openai_base_url="https://u:canary@llm.example.com"
    )

    check = doctor.check_model(settings)

    assert "llm.example.com" in check.found
    assert "canary" not in check.found


def test_report_says_what_to_do_and_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.delenv("ENCRYPTION_KEYS", raising=False)
    output = io.StringIO()

    code = doctor.main(console=Console(file=output, width=200))

    assert code == 1
    assert re.search(r"✗ +Encryption key", output.getvalue())
    assert "openssl rand" in output.getvalue()
    assert database_url not in output.getvalue()
    assert redis_url.split("@")[0] not in output.getvalue()


def test_wrong_settings_are_reported_one_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_PORT", "eighty")
    output = io.StringIO()

    code = doctor.main(console=Console(file=output, width=200))

    assert code == 1
    assert re.search(r"✗ +API_PORT", output.getvalue())
