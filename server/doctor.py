"""Look at everything the service needs and say, line by line, what is well and what to do."""

import asyncio
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from domain.messages import Provider
from store import channel_accounts
from store.channel_accounts import AccountRow
from store.database import Database
from store.migrate import pending_migrations
from wiring.checks import Check, check_postgres, check_redis
from wiring.reach import reachable
from wiring.settings import Settings, SettingsError, load_settings

_MIN_PYTHON = (3, 11)
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})  # noqa: S104 - compared, not bound


def main(*, console: Console | None = None) -> int:
    """Print the table; exit code 1 when something required fails."""
    console = console or Console(highlight=False)
    checks = [check_python()]
    try:
        settings = load_settings()
    except SettingsError as error:
        checks += [
            Check(name=name, is_ok=False, found="wrong", what_to_do=problem) for name, problem in error.problems.items()
        ]
    else:
        checks.append(Check(name="Settings", is_ok=True, found="readable"))
        with reachable(settings) as ready:
            checks += check_services(ready, is_embedded=settings.database_url is None)
    console.print(as_table(checks))
    failed = [check for check in checks if check.is_required and not check.is_ok]
    console.print(f"{len(failed)} problem(s) to solve." if failed else "Everything that is required is there.")
    return 1 if failed else 0


def check_python() -> Check:
    """Look at the interpreter's version."""
    return Check(
        name="Python",
        is_ok=sys.version_info >= _MIN_PYTHON,
        found=".".join(map(str, sys.version_info[:3])),
        what_to_do="Use Python 3.11 or newer.",
    )


def check_services(settings: Settings, *, is_embedded: bool) -> list[Check]:
    """Look at PostgreSQL, its schema and accounts, Redis, the keys and the model."""
    checks = check_postgres(settings.required_database_url())
    schema_is_ready = False
    if checks[0].is_ok:
        schema = check_migrations(settings, is_embedded=is_embedded)
        schema_is_ready = schema.is_ok
        checks.append(schema)
    checks.append(check_redis(settings.required_redis_url()))
    checks.append(check_keys(settings))
    checks.append(check_model(settings))
    if schema_is_ready:
        checks += check_accounts(asyncio.run(_list_accounts(settings)), settings)
    return checks


def check_migrations(settings: Settings, *, is_embedded: bool) -> Check:
    """Compare the database with the migrations that ship."""
    pending = pending_migrations(settings.required_database_url())
    return Check(
        name="Schema",
        is_ok=not pending,
        found=f"{len(pending)} migration(s) missing" if pending else "up to date",
        what_to_do="Done at the next start." if is_embedded else "Run: master-ia migrate",
        is_required=not is_embedded,
    )


def check_keys(settings: Settings) -> Check:
    """Look whether credentials can be encrypted; says the keys' ids, never the keys."""
    try:
        keys = settings.encryption_key_ring()
    except SettingsError as error:
        return Check(name="Encryption key", is_ok=False, found="missing", what_to_do="; ".join(error.problems.values()))
    return Check(name="Encryption key", is_ok=True, found=", ".join(key.key_id for key in keys))


def check_model(settings: Settings) -> Check:
    """Say who answers. The offline model is a choice, not a fault."""
    if settings.openai_api_key is None:
        return Check(name="Model", is_ok=True, found="offline (set OPENAI_API_KEY for a language model)")
    host = urlsplit(settings.openai_base_url or "https://api.openai.com").hostname
    return Check(name="Model", is_ok=True, found=f"{settings.openai_model} at {host}, offline when it fails")


async def _list_accounts(settings: Settings) -> list[AccountRow]:
    database = await Database(settings.required_database_url(), max_connections=1).open()
    try:
        async with database.platform() as connection:
            return await channel_accounts.list_all(connection)
    finally:
        await database.close()


def check_accounts(accounts: Sequence[AccountRow], settings: Settings) -> list[Check]:
    """Look at each channel account: running, its credentials readable, reachable by its provider."""
    key_ids = _key_ids(settings)
    return [_check_account(account, key_ids, settings) for account in accounts]


def _key_ids(settings: Settings) -> frozenset[str]:
    try:
        return frozenset(key.key_id for key in settings.encryption_key_ring())
    except SettingsError:
        return frozenset()


def _check_account(account: AccountRow, key_ids: frozenset[str], settings: Settings) -> Check:
    found, what_to_do, is_required = account.status, "", False
    is_simulated = account.provider is Provider.SIMULATOR
    if account.status == "stopped":
        found = f"stopped: {account.stopped_reason or 'no reason given'}"
        what_to_do = "Solve it with the provider, then set the account to active."
    elif account.status == "disabled":
        found = "disabled by an operator"
    elif account.secrets_key_id and account.secrets_key_id not in key_ids:
        found, is_required = f"encrypted with the missing key {account.secrets_key_id!r}", True
        what_to_do = "Put that key back into ENCRYPTION_KEYS, or enter the credentials again."
    elif not is_simulated and account.secrets_ciphertext is None:
        found, what_to_do = "no credentials", "Enter the provider's credentials: PATCH /api/v1/channel-accounts/{id}."
    elif not is_simulated and urlsplit(settings.public_base_url).hostname in _LOCAL_HOSTS:
        found = f"{account.provider.value} cannot reach {settings.public_base_url}"
        what_to_do = "Set PUBLIC_BASE_URL to the address the provider calls."
    name = f"Channel {account.provider.value} {account.display_name}"
    return Check(name=name, is_ok=not what_to_do, found=found, what_to_do=what_to_do, is_required=is_required)


def as_table(checks: Sequence[Check]) -> Table:
    """Lay the checks out, one a line: well, failed, or worth a look."""
    table = Table(show_edge=False, pad_edge=False, box=None)
    for heading in ("", "What", "Found", "What to do"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        mark = "[green]✓[/]" if check.is_ok else "[red]✗[/]" if check.is_required else "[yellow]![/]"
        table.add_row(mark, _plain(check.name), _plain(check.found), "" if check.is_ok else _plain(check.what_to_do))
    return table


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
