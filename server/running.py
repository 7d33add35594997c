"""Run the whole service under one supervisor: embedded servers where none are named, migrations, demo, processes."""

import asyncio
import os
import shutil
import ssl
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import httpx

from wiring.embedded import EmbeddedServer, EmbeddedServices, start_embedded
from wiring.instance import AlreadyRunning, Instance, InstanceInfo
from wiring.ports import choose_port, reachable_host
from wiring.processes import ManagedProcess
from wiring.settings import Settings
from wiring.supervisor import Child, ChildNeverReady, StopRequest, Supervisor, Write, listen_for_stop, write_line

_GRACE_SECONDS = 15.0
# What `reset` removes: the embedded servers' own files and nothing else that may live in the folder.
_EMBEDDED_FILES = (
    "postgres", "postgres.new", "postgres.log", "redis", "redis.unreadable", "redis.log", "socket",
    "encryption.key", "pages.key", "instance.json", "instance.lock",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where this machine reaches the service."""

    api_url: str
    pages_url: str


def run(settings: Settings, *, write: Write = write_line) -> int:
    """Run until SIGINT or SIGTERM; give the exit code. Call it from the main thread."""
    with listen_for_stop() as stop:
        try:
            with ExitStack() as stack:
                return _run(settings, stack, stop, write)
        except KeyboardInterrupt:
            write("Stopped.")
            return 0
        except AlreadyRunning as error:
            write(str(error))
            return 1
        except ChildNeverReady as error:
            write(f"Stopped: {error}.")
            return 1


def _run(settings: Settings, stack: ExitStack, stop: StopRequest, write: Write) -> int:
    instance: Instance | None = None
    servers: Sequence[EmbeddedServer] = ()
    ready = settings
    if settings.is_embedded:
        write("Starting the embedded servers ...")
        services: EmbeddedServices = stack.enter_context(
            start_embedded(settings.data_dir, postgres=settings.database_url is None, redis=settings.redis_url is None)
        )
        instance, servers = services.instance, services.servers
        ready = settings.with_local_secrets().with_services(
            database_url=services.database_url, redis_url=services.redis_url
        )
    ready = choose_ports(ready, write)
    prepare(ready, write)
    addresses = Addresses(
        api_url=f"http://{reachable_host(ready.api_host)}:{ready.api_port}",
        pages_url=f"http://{reachable_host(ready.pages_host)}:{ready.pages_port}",
    )
    if instance:
        instance.publish(_info(ready, addresses))
    children = [Child(process=server.process, is_ready=server.is_ready, is_foundation=True) for server in servers]
    children += _our_children(ready, addresses)
    write("Starting api, pages, worker and clock ...")
    Supervisor(children, write=write).run(stop, on_ready=partial(announce, addresses, write))
    write("Stopped.")
    return 0


def _info(settings: Settings, addresses: Addresses) -> InstanceInfo:
    return InstanceInfo(
        pid=os.getpid(),
        database_url=settings.required_database_url(),
        redis_url=settings.required_redis_url(),
        api_url=addresses.api_url,
        pages_url=addresses.pages_url,
    )


def choose_ports(settings: Settings, write: Write) -> Settings:
    """Give settings whose ports are free: the next free ones unless the operator set them; PortTaken otherwise."""
    named = settings.model_fields_set
    api = choose_port(settings.api_host, settings.api_port, variable="API_PORT", is_explicit="api_port" in named)
    pages = choose_port(
        settings.pages_host,
        settings.pages_port,
        variable="PAGES_PORT",
        is_explicit="pages_port" in named,
        avoid=frozenset({api}),
    )
    for wanted, got in ((settings.api_port, api), (settings.pages_port, pages)):
        if wanted != got:
            write(f"Port {wanted} is in use; using {got}.")
    changes: dict[str, object] = {"api_port": api, "pages_port": pages}
    if "public_base_url" not in named:
        changes["public_base_url"] = f"http://{reachable_host(settings.api_host)}:{api}"
    return settings.model_copy(update=changes)


def prepare(settings: Settings, write: Write) -> None:
    """Migrate the database and, unless switched off, load the demo tenant. Both are harmless twice."""
    from store.migrate import migrate

    applied = migrate(settings.required_database_url())
    if applied:
        write(f"Database brought up to date ({len(applied)} migration{'s' if len(applied) > 1 else ''}).")
    if settings.seed_demo:
        asyncio.run(seed(settings))


async def seed(settings: Settings) -> None:
    """Load the demo tenant where it is not there yet."""
    from services.demo import seed_demo
    from wiring.deps import open_deps

    async with open_deps(settings) as deps:
        await seed_demo(deps.database, deps.knowledge, deps.cipher, now=deps.clock.now())


def _our_children(settings: Settings, addresses: Addresses) -> list[Child]:
    environment = settings.child_environment() | {"LOG_FORMAT": _log_format(settings)}
    roles: Mapping[str, Sequence[str]] = {
        "api": ("serve", "api"),
        "pages": ("serve", "pages"),
        "worker": ("worker",),
        "clock": ("clock",),
    }
    health = {"api": addresses.api_url, "pages": addresses.pages_url}
    return [
        Child(
            process=ManagedProcess(
                name=name,
                argv=(sys.executable, "-P", "-m", "server.cli", *arguments),
                env=environment,
                grace_seconds=_GRACE_SECONDS,
            ),
            is_ready=partial(is_healthy, health[name]) if name in health else None,
        )
        for name, arguments in roles.items()
    ]


def _log_format(settings: Settings) -> str:
    if settings.log_format == "auto":
        return "text" if sys.stdout.isatty() else "json"
    return settings.log_format


def is_healthy(base_url: str) -> bool:
    """Say whether /health answers 200 at this address."""
    # Our own processes speak plain HTTP: reading the certificates of the world at each look costs more than the look.
    no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        answer = httpx.get(f"{base_url}/health", timeout=2, trust_env=False, verify=no_certificates)
        return answer.status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def announce(addresses: Addresses, write: Write) -> None:
    """Print where to go."""
    write("")
    write("Master IA is running.")
    write(f"  Pages  {addresses.pages_url}/simulator   talk to the assistant as a customer")
    write(f"  API    {addresses.api_url}/docs")
    write("  Stop with Ctrl-C.")
    write("")


def reset(settings: Settings, *, write: Write = write_line) -> int:
    """Remove the embedded servers' data; refuse while the service runs or the database is not ours."""
    from wiring.instance import hold_data_dir

    if settings.database_url is not None:
        write("DATABASE_URL is set: this database is yours, so drop and create it yourself.")
        return 1
    if not settings.data_dir.exists():
        write("Nothing to remove.")
        return 0
    try:
        with hold_data_dir(settings.data_dir):
            for name in _EMBEDDED_FILES:
                path = settings.data_dir / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
    except AlreadyRunning as error:
        write(f"{error}. Stop it first.")
        return 1
    write(f"Removed the embedded databases in {settings.data_dir}.")
    return 0


async def make_api_key(settings: Settings, *, tenant: str, name: str, scopes: Sequence[str]) -> str:
    """Make a key for the tenant with this short name and return its text. Raises NotFound or InvalidInput."""
    from domain.errors import NotFound
    from services.api_keys import create_key
    from store import tenants
    from wiring.deps import open_deps

    async with open_deps(settings) as deps:
        async with deps.database.platform() as connection:
            found = await tenants.by_slug(connection, tenant)
        if found is None:
            raise NotFound("tenant")
        text, _ = await create_key(deps.database, found.id, name, scopes, deps.clock.now())
        return text
