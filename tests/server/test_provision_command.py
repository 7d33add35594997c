"""`master-ia voice provision` against both fakes and a real PostgreSQL: plan, work, check, and what is printed."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from domain.messages import Provider
from server.cli import app
from tests.factories import TEST_KEY, make_account, make_tenant, open_database
from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN
from tests.fakes.trunks import AGENT, NUMBER, RETELL_KEY, Telephony, run_fake_telephony

OTHER = "+5511400099999"
KEY = {"RETELL_API_KEY": RETELL_KEY}


@pytest.fixture(autouse=True)
def fake(
    database_url: str, clean_redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Telephony]:
    """Run both providers, and give the command an environment in which it finds them."""
    monkeypatch.chdir(tmp_path)
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "RETELL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with run_fake_telephony() as running:
        running.own()
        running.own(OTHER)
        running.employ(versions=4)
        environment = {
            "DATABASE_URL": database_url, "REDIS_URL": clean_redis_url, "TWILIO_API_URL": running.url,
            "TWILIO_TRUNKING_URL": running.url, "RETELL_API_URL": running.url, "COLUMNS": "200",
            "PUBLIC_BASE_URL": "https://ia.exemplo.com.br",
            "ENCRYPTION_KEYS": "test:" + base64.b64encode(TEST_KEY["test"]).decode(),
        }  # fmt: skip
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture(autouse=True)
async def _tenant(database_url: str) -> None:
    async with open_database(database_url) as database:
        tenant_id = await make_tenant(database)
        await make_tenant(database, "sem-twilio")
        await make_account(
            database, tenant_id, provider=Provider.TWILIO_SMS, external_id=NUMBER,
            secrets={"account_sid": TWILIO_SID, "auth_token": TWILIO_TOKEN},
        )  # fmt: skip


def call(*arguments: str, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(app, ["voice", "provision", *arguments], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    for secret in (RETELL_KEY, TWILIO_TOKEN, "chave-falsa"):
        assert secret not in result.output
    return result


def provision(*arguments: str, number: str = NUMBER, env: dict[str, str] | None = None) -> Result:
    return call(
        "--number", number, "--agent-id", AGENT, "--agent-version", "1", *arguments, env=KEY if env is None else env
    )


def read(result: Result) -> dict[str, Any]:
    return dict(json.loads(result.stdout))


def test_plan_is_shown_and_nothing_changes(fake: Telephony) -> None:
    result = provision("--dry-run")
    assert result.exit_code == 0
    assert {method for method, _ in fake.ledger} == {"GET"}
    assert "create the trunk 'Retell TR Telecom'" in result.stdout
    assert "8 of 11 parts are to be done." in result.stdout


def test_number_is_made_checked_and_made_again(fake: Telephony) -> None:
    first = provision()
    assert first.exit_code == 0, first.output
    assert "Everything is in place." in first.stdout
    assert "… create the trunk 'Retell TR Telecom'" in first.stderr
    password = fake.retell[NUMBER]["auth_password"]
    assert password not in first.output
    fake.ledger.clear()
    again, plan, check = provision(env={}), provision("--dry-run", env={}), call("--check")
    assert [result.exit_code for result in (again, plan, check)] == [0, 0, 0]
    assert fake.writes == []
    assert all("Everything is in place." in result.stdout for result in (again, plan, check))


def test_json_says_the_same(fake: Telephony) -> None:
    planned = read(provision("--dry-run", "--json"))
    assert (planned["tenant"], planned["isDryRun"]) == ("tr-telecom", True)
    (number,) = planned["numbers"]
    assert (number["number"], number["isReady"], number["error"]) == (NUMBER, False, None)
    assert {step["step"]: step["state"] for step in number["steps"]} == {
        "number": "ready", "agent": "ready", "trunk": "missing", "origination": "missing", "attachment": "missing",
        "credential_list": "missing", "trunk_login": "missing", "account": "missing", "retell": "missing",
        "leftovers": "ready", "activation": "missing",
    }  # fmt: skip
    made = read(provision("--json"))
    assert made["numbers"][0]["isReady"]
    failed = provision("--json", number="+5511400011111")
    assert failed.exit_code == 1
    assert "not in the Twilio account" in read(failed)["numbers"][0]["error"]


def test_check_looks_at_all_numbers_and_fails_when_one_is_wrong(fake: Telephony) -> None:
    assert provision().exit_code == 0
    assert provision(number=OTHER, env={}).exit_code == 0
    fake.retell[OTHER]["outbound_agents"] = [{"agent_id": "agent_estranho", "weight": 1}]
    fake.ledger.clear()
    result = call("--check", "--json")
    assert result.exit_code == 1
    assert {entry["number"]: entry["isReady"] for entry in read(result)["numbers"]} == {NUMBER: True, OTHER: False}
    assert {method for method, _ in fake.ledger} == {"GET"}
    assert call("--check", "--number", NUMBER).exit_code == 0
    shown = call("--check", "--number", OTHER)
    assert shown.exit_code == 1
    assert "agent_estranho" in shown.stdout
    assert provision(number=OTHER, env={}).exit_code == 0
    assert call("--check").exit_code == 0


def test_failure_in_the_middle_is_one_clear_message_and_goes_on(fake: Telephony) -> None:
    fake.fail(3, "after")
    failed = provision()
    assert failed.exit_code == 1
    assert "put the number on the trunk" in failed.stderr
    assert "run the same command again" in failed.stderr
    assert "Traceback" not in failed.output
    assert provision().exit_code == 0


def test_directions_are_chosen(fake: Telephony) -> None:
    assert provision("--outbound").exit_code == 0
    assert "inbound_agents" not in fake.retell[NUMBER]
    assert provision("--inbound", "--outbound").exit_code == 0
    assert fake.retell[NUMBER]["inbound_agents"]


def test_secrets_may_come_from_options_and_environment(fake: Telephony) -> None:
    without = provision("--tenant", "sem-twilio")
    assert without.exit_code == 1
    assert "TWILIO_ACCOUNT_SID" in without.stderr
    given = {"TWILIO_ACCOUNT_SID": TWILIO_SID, "TWILIO_AUTH_TOKEN": TWILIO_TOKEN, **KEY}
    assert provision("--tenant", "sem-twilio", "--dry-run", env=given).exit_code == 0
    options = ("--twilio-account-sid", TWILIO_SID, "--twilio-auth-token", TWILIO_TOKEN, "--retell-api-key", RETELL_KEY)
    assert provision("--tenant", "sem-twilio", *options, env={}).exit_code == 0
    wrong = provision("--retell-api-key", "chave-falsa")
    assert wrong.exit_code == 1
    assert "401" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--number", NUMBER], "--agent-id"),
        (["--agent-id", AGENT], "--number"),
        (["--number", "1140001234", "--agent-id", AGENT], "country code"),
        (["--number", "x" * 500, "--agent-id", AGENT], "country code"),
        (["--number", NUMBER, "--agent-id", AGENT, "--tenant", "ninguem"], "no tenant 'ninguem'"),
        (["--number", NUMBER, "--agent-id", AGENT, "--trunk-name", "x" * 65], "--trunk-name"),
        (["--number", NUMBER, "--agent-id", AGENT, "--twilio-account-sid", "AC2"], "--twilio-auth-token"),
        (["--number", NUMBER, "--agent-id", "../x"], "Retell knows no agent"),
        (["--check"], "no channel account retell"),
        (["--check", "--number", NUMBER], f"no channel account retell {NUMBER}"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(fake: Telephony, arguments: list[str], says: str) -> None:
    result = call(*arguments, env=KEY)
    assert result.exit_code == 1
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert fake.writes == []


def test_missing_key_of_retell_is_told() -> None:
    result = provision(env={})
    assert result.exit_code == 1
    assert "RETELL_API_KEY" in result.stderr


def test_numbers_are_taken_as_people_write_them(fake: Telephony) -> None:
    assert provision(number="+55 (11) 4000-1234").exit_code == 0
    assert list(fake.retell) == [NUMBER]


def test_this_machines_own_address_is_not_given_to_retell(fake: Telephony) -> None:
    assert provision(env=KEY | {"PUBLIC_BASE_URL": "http://127.0.0.1:8000"}).exit_code == 0
    assert "inbound_webhook_url" not in fake.retell[NUMBER]
