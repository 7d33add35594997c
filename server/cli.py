"""The command line: `master-ia run`, and each process and chore by itself."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from domain.errors import DomainError
from wiring.embedded import EmbeddedError
from wiring.instance import AlreadyRunning
from wiring.logging import configure_logging
from wiring.ports import PortTaken
from wiring.reach import reachable
from wiring.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    name="master-ia",
    help="Agents that answer, collect and sell over WhatsApp, SMS and phone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
serve = typer.Typer(no_args_is_help=True, help="Run one of the web processes.")
app.add_typer(serve, name="serve")
voice = typer.Typer(no_args_is_help=True, help="Numbers for phone calls.")
app.add_typer(voice, name="voice")

_errors = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn what the operator can put right into one clear message and exit code 1."""
    try:
        yield
    except (SettingsError, EmbeddedError, AlreadyRunning, PortTaken) as error:
        _errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def _process(name: str) -> Iterator[Settings]:
    """Give a long-running process its settings, its logs, and a database that something else runs."""
    with _clear_errors(), reachable(load_settings(), may_start=False) as settings:
        configure_logging(settings, process=name)
        settings.export()  # the factories of uvicorn take no arguments: they read the settings again
        yield settings


@app.command()
def run() -> None:
    """Run everything: embedded servers when none are named, migrations, the demo, api, pages, worker and clock."""
    from server.running import run as run_service

    with _clear_errors():
        settings = load_settings()
        configure_logging(settings, process="run")
        raise typer.Exit(run_service(settings))


@serve.command("api")
def serve_api() -> None:
    """Run webhooks, REST, websockets and the turn runner."""
    with _process("api") as settings:
        _serve("server.app:create_app", settings.api_host, settings.api_port)


@serve.command("pages")
def serve_pages() -> None:
    """Run the operators' pages."""
    with _process("pages") as settings:
        _serve("server.pages.app:create_pages_app", settings.pages_host, settings.pages_port)


_LARGEST_FRAME = 1024 * 1024


def _serve(factory: str, host: str, port: int) -> None:
    import uvicorn

    uvicorn.run(
        factory,
        factory=True,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        ws_max_size=_LARGEST_FRAME,  # uvicorn takes 16 MiB before anybody has said who they are
    )


@app.command()
def worker(queue: Annotated[str | None, typer.Argument(help="One queue; all of them when left out.")] = None) -> None:
    """Run an RQ worker."""
    from wiring.queue import QUEUES

    if queue is not None and queue not in QUEUES:
        _errors.print(f"There is no queue {queue!r}; there are {', '.join(QUEUES)}.", style="red", markup=False)
        raise typer.Exit(1)
    with _process(f"worker:{queue}" if queue else "worker"):
        from jobs.worker import main

        main(queue)


@app.command()
def clock() -> None:
    """Run the tick that rings every drain with due rows. More than one does no harm."""
    with _process("clock"):
        from jobs.clock import main

        main()


@app.command()
def migrate() -> None:
    """Bring the database to the present schema."""
    from store.migrate import migrate as apply

    with _clear_errors(), reachable(load_settings()) as settings:
        applied = apply(settings.required_database_url())
        for name in applied:
            typer.echo(f"applied {name}")
        if not applied:
            typer.echo("The database is up to date.")


@app.command()
def demo() -> None:
    """Load the demo tenant TR Telecom; what is there already stays as it is."""
    from server.running import prepare, seed

    with _clear_errors(), reachable(load_settings()) as settings:
        configure_logging(settings, process="demo")
        prepare(settings.model_copy(update={"seed_demo": False}), typer.echo)
        asyncio.run(seed(settings))
        typer.echo("The demo tenant TR Telecom is loaded.")


@app.command("demo-campaign")
def demo_campaign(
    debtors: Annotated[int, typer.Option(min=1, max=20_000, help="How many debtors are on the list.")] = 500,
    days: Annotated[int, typer.Option(min=1, max=30, help="How many days to play, from a Monday in October.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same result.")] = 1,
    talk: Annotated[
        bool, typer.Option("--talk", help="Let them really talk: each message runs a turn of the graph (slower).")
    ] = False,
    report_folder: Annotated[
        Path | None, typer.Option("--report", help="Where the report goes. Default: demo-campaign in DATA_DIR.")
    ] = None,
) -> None:
    """Play a campaign against simulated debtors on a virtual clock; print the funnel and leave a report."""
    from jobs.debtor_simulation.stage import Cast
    from server.campaign_demo import DemoOptions, main

    with _clear_errors():
        settings = load_settings().model_copy(update={"log_level": "ERROR"})
        configure_logging(settings, process="demo-campaign")
        options = DemoOptions(
            cast=Cast(debtors=debtors, seed=seed, talks=talk, has_receipts=True),
            days=days,
            report_folder=report_folder or settings.data_dir / "demo-campaign",
        )
        raise typer.Exit(main(settings, options, Console(highlight=False)))


@app.command("eval", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_evals(context: typer.Context) -> None:
    """Let simulated customers talk to the assistant and judge what comes of it; `eval --help` lists the commands."""
    # A program of its own beside the service: neither imports the other.
    os.execv(sys.executable, [sys.executable, "-m", "evals", *context.args])  # noqa: S606 - our own interpreter


@app.command("api-key")
def api_key(
    name: Annotated[str, typer.Argument(help="What the key is for, such as 'billing system'.")],
    tenant: Annotated[str, typer.Option(help="The tenant's short name.")] = "tr-telecom",
    scope: Annotated[list[str] | None, typer.Option(help="What it may do; repeat it. Default: admin.")] = None,
) -> None:
    """Make an API key and print it. It is shown only this once."""
    from server.running import make_api_key

    with _clear_errors(), reachable(load_settings()) as settings:
        try:
            typer.echo(asyncio.run(make_api_key(settings, tenant=tenant, name=name, scopes=scope or ["admin"])))
        except DomainError as error:
            _errors.print(str(error), style="red", markup=False)
            raise typer.Exit(1) from None


@voice.command("provision")
def voice_provision(
    tenant: Annotated[str, typer.Option(help="The tenant's short name.")] = "tr-telecom",
    number: Annotated[str | None, typer.Option(help="The Twilio number, such as +551140001234.")] = None,
    agent_id: Annotated[str | None, typer.Option(help="The agent at Retell that answers and calls.")] = None,
    agent_version: Annotated[
        str | None, typer.Option(help="Its version or tag. Without one Retell takes what it holds to be current.")
    ] = None,
    trunk_name: Annotated[
        str | None, typer.Option(help="The SIP trunk. Default: Retell and the tenant's name.")
    ] = None,
    inbound: Annotated[
        bool, typer.Option("--inbound", help="Calls in only; with --outbound, or neither: both.")
    ] = False,
    outbound: Annotated[bool, typer.Option("--outbound", help="Calls out only.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Look at all numbers of the tenant; exit code 1 when something is wrong.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    twilio_account_sid: Annotated[str | None, typer.Option(envvar="TWILIO_ACCOUNT_SID", show_envvar=True)] = None,
    twilio_auth_token: Annotated[str | None, typer.Option(envvar="TWILIO_AUTH_TOKEN", show_envvar=True)] = None,
    retell_api_key: Annotated[str | None, typer.Option(envvar="RETELL_API_KEY", show_envvar=True)] = None,
) -> None:
    """Bring a Twilio number to an agent at Retell: trunk, import, channel account. The same again does what is left.

    Credentials come from these options, the environment, or the tenant's channel accounts, and are never printed.
    """
    from server.provisioning import Options, run

    options = Options(
        tenant=tenant, number=number, agent_id=agent_id, agent_version=agent_version, trunk_name=trunk_name,
        is_inbound=inbound, is_outbound=outbound, is_dry_run=dry_run, is_check=check, is_json=as_json,
        twilio_account_sid=twilio_account_sid, twilio_auth_token=twilio_auth_token, retell_api_key=retell_api_key,
    )  # fmt: skip
    with _clear_errors(), reachable(load_settings()) as settings:
        quiet = settings.model_copy(update={"log_level": "ERROR"})
        configure_logging(quiet, process="voice")
        raise typer.Exit(asyncio.run(run(quiet, options, Console(highlight=False), _errors)))


@app.command()
def chat(
    contact: Annotated[str | None, typer.Option(help="Who speaks: a number of the list, a phone or a name.")] = None,
) -> None:
    """Talk to the assistant as a customer, in this terminal."""
    from server.running import prepare

    with _clear_errors(), reachable(load_settings()) as settings:
        quiet = settings.model_copy(update={"log_level": "ERROR"})
        configure_logging(quiet, process="chat")
        prepare(quiet, typer.echo)
        from server.chat import main

        raise typer.Exit(main(quiet, contact))


@app.command()
def call(
    contact: Annotated[
        str | None, typer.Option("--as", help="Who calls: a number of the list, a phone or a name.")
    ] = None,
    speed: Annotated[
        int | None, typer.Option(min=0, max=2, help="Of the voice: 1 calm, 2 fast, 0 at once. Scripts: 0.")
    ] = None,
) -> None:
    """Talk to the assistant on the phone, in this terminal: typed words are said, and interrupt."""
    from server.running import prepare

    with _clear_errors(), reachable(load_settings()) as settings:
        quiet = settings.model_copy(update={"log_level": "ERROR"})
        configure_logging(quiet, process="call")
        prepare(quiet, typer.echo)
        from server.call_terminal import main

        raise typer.Exit(main(quiet, contact, speed))


@app.command()
def doctor() -> None:
    """Check the environment, each dependency and each channel account, and say what to do."""
    from server.doctor import main

    with _clear_errors():
        raise typer.Exit(main())


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Throw away the embedded databases."""
    from server.running import reset as remove

    with _clear_errors():
        settings = load_settings()
        if not yes:
            typer.confirm(f"Remove the embedded databases in {settings.data_dir}?", abort=True)
        raise typer.Exit(remove(settings))


if __name__ == "__main__":
    app()
