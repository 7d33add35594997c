"""The pages' process: one uvicorn, one NiceGUI. A page's state lives in it, so it is never run with several workers."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Final
from uuid import UUID

from fastapi import FastAPI, Request
from nicegui import ui
from nicegui.events import GenericEventArguments

from domain.ports import Clock, JobQueue
from server.pages.frame import LANGUAGE_COOKIE, THEME_COOKIE, Frame
from server.pages.patience import AWAY, DATABASE_SECONDS
from server.pages.phone_calls import Exchange
from server.pages.simulator import SimulatorPage
from server.pages.timeline import TimelinePage, timeline_frame_words
from server.pages.words import WORDS, Language, Words, choose_language
from server.simulation import SimulatorApi, find_api_url
from services.simulation import Simulation, Simulator
from store.database import Database
from wiring.bell import TurnBell
from wiring.deps import Deps, open_deps
from wiring.settings import Settings, load_settings

# Tells when nobody looks, so that a forgotten tab asks nothing of the database.
_VISIBILITY: Final = """<script>
document.addEventListener('visibilitychange', () => emitEvent('page_visibility', !document.hidden));
</script>"""
# The template writes the process's language; the page's own is known per request.
_LANGUAGE: Final = """<script>
document.addEventListener('DOMContentLoaded', () => {{ document.documentElement.lang = '{}'; }});
</script>"""
_MOST_NUMBER_DIGITS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class PageParts:
    """What the pages of a process share."""

    database: Database
    clock: Clock
    simulation: Simulation
    api: SimulatorApi
    bell: TurnBell
    queue: JobQueue
    exchange: Exchange

    @classmethod
    def of(cls, deps: Deps) -> "PageParts":
        simulation, api = (
            Simulation(deps.database, deps.accounts, deps.clock),
            SimulatorApi(find_api_url(deps.settings)),
        )
        exchange = Exchange(simulation=simulation, api_url=api.base_url, http=deps.http, clock=deps.clock)
        return cls(
            database=deps.database, clock=deps.clock, simulation=simulation, api=api, bell=deps.bell, queue=deps.queue,
            exchange=exchange,
        )  # fmt: skip


def create_pages_app(settings: Settings | None = None) -> FastAPI:
    """Make the pages' app. One per process: NiceGUI's pages belong to the process."""
    chosen = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_deps(chosen) as deps:
            parts = PageParts.of(deps)
            app.state.parts = parts
            try:
                yield
            finally:
                await parts.api.close()

    app = FastAPI(title="Master IA pages", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    async def simulator_page(request: Request, contact: str = "") -> None:
        await _show_simulator(app.state.parts, request, contact)

    async def timeline_page(request: Request, contact_id: str) -> None:
        _show_timeline(app.state.parts, request, contact_id)

    for path in ("/", "/simulator"):
        ui.page(path, title="Master IA", response_timeout=30)(simulator_page)
    ui.page("/contacts/{contact_id}", title="Master IA", response_timeout=30)(timeline_page)
    kept = chosen.pages_storage_secret
    ui.run_with(
        app,
        mount_path="/",
        title="Master IA",
        favicon="💬",
        language="pt-BR",
        viewport="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content",
        # Without one of the operator's own, sessions end with the process: nothing that lasts is kept in them.
        storage_secret=kept.get_secret_value() if kept else secrets.token_urlsafe(32),
        binding_refresh_interval=None,
        tailwind=False,
        show_welcome_message=False,
    )
    return app


async def _show_simulator(parts: PageParts, request: Request, contact: str) -> None:
    language = _language(request)
    frame = _frame(request, WORDS[language], language)
    page = SimulatorPage(
        simulation=parts.simulation, api=parts.api, bell=parts.bell, queue=parts.queue, exchange=parts.exchange,
        frame=frame, language=language, simulator=await _find(parts), number=_number(contact),
    )  # fmt: skip
    frame.build()
    page.build()
    frame.build_tabs()
    page.build_ring()
    _follow_visibility(page.set_visible)


def _show_timeline(parts: PageParts, request: Request, contact_id: str) -> None:
    language = _language(request)
    frame = _frame(request, timeline_frame_words(language), language)
    page = TimelinePage(
        database=parts.database, simulation=parts.simulation, clock=parts.clock, frame=frame, language=language,
        contact_id=_id(contact_id),
    )  # fmt: skip
    frame.build()
    page.build()
    _follow_visibility(page.set_visible)


def _language(request: Request) -> Language:
    return choose_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


def _frame(request: Request, words: Words, language: Language) -> Frame:
    """Begin a page: its title, look and frame."""
    ui.page_title(f"{words.title} · Master IA")
    ui.add_css(files("server.pages").joinpath("pages.css").read_text("utf-8"))
    ui.add_head_html(_VISIBILITY)
    ui.add_head_html(_LANGUAGE.format(words.html_language))
    return Frame(words=words, language=language, theme=request.cookies.get(THEME_COOKIE))


def _follow_visibility(set_visible: Callable[[bool], None]) -> None:
    def looked(event: GenericEventArguments) -> None:
        set_visible(bool(event.args))

    ui.on("page_visibility", looked)


async def _find(parts: PageParts) -> Simulator | None:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await parts.simulation.find()
    except AWAY:
        return None  # the page opens, says so, and looks again


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_NUMBER_DIGITS else None
