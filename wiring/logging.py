"""Write structured logs: JSON lines, or readable text in a terminal, with personal data hidden in either."""

import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from domain.masking import HIDDEN, HIDDEN_NAME, NOT_SECRET_KEY, SECRET_KEY, mask_text
from wiring.settings import Settings

__all__ = ["configure_logging", "hide_names", "mask_names", "mask_personal_data", "mask_text"]

# The names of the people this context is about; whoever learns a name puts it here with `hide_names`.
mask_names: ContextVar[tuple[str, ...]] = ContextVar("mask_names", default=())

_NAME_KEYS = frozenset(
    {"client_name", "contact_name", "customer_name", "clientname", "full_name", "nome", "profile_name", "push_name"}
)
_OURS = frozenset({"level", "timestamp", "logger", "process"})
_MAX_DEPTH = 8
_MAX_CHARS = 20_000
_QUIET = (
    "alembic", "asyncio", "hpack", "httpcore", "httpcore2", "httpx", "httpx2", "langsmith", "openai", "rq", "rq.worker",
    "urllib3", "uvicorn", "uvicorn.access", "watchfiles", "websockets",
)  # fmt: skip


@contextmanager
def hide_names(*names: str) -> Iterator[None]:
    """Hide these names in every log line of the block, on top of those hidden already."""
    token = mask_names.set((*mask_names.get(), *(name for name in names if name)))
    try:
        yield
    finally:
        mask_names.reset(token)


def mask_personal_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide personal data and secrets in every value of a log event, however deep (structlog processor)."""
    names = mask_names.get()
    return {key: value if key in _OURS else _mask(key, value, names, 0) for key, value in event.items()}


def _mask(key: str, value: Any, names: tuple[str, ...], depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if SECRET_KEY.search(key) and not (NOT_SECRET_KEY.search(key) or isinstance(value, int | float)):
        return HIDDEN
    if key.lower() in _NAME_KEYS:
        return HIDDEN_NAME
    if isinstance(value, float):
        return value
    if isinstance(value, int):
        masked = mask_text(str(value))
        return value if masked == str(value) else masked
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {
            mask_text(str(inner), names=names): _mask(str(inner), item, names, depth + 1)
            for inner, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask(key, item, names, depth + 1) for item in value]
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "replace")
    return mask_text(_shorten(value if isinstance(value, str) else repr(value)), names=names)


def _shorten(text: str) -> str:
    if len(text) <= _MAX_CHARS:
        return text
    # Cut at a space, so that half a document at the cut cannot escape the mask.
    cut = text.rfind(" ", _MAX_CHARS - 200, _MAX_CHARS)
    return text[: cut if cut > 0 else _MAX_CHARS - 50] + f" … ({len(text)} characters)"


class _MaskedHandler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Say that a line was lost; the base class would print its arguments unmasked."""
        error = sys.exc_info()[0]
        name = error.__name__ if error else "unknown"
        with suppress(OSError, ValueError):
            self.stream.write(f"a log line of {record.name} could not be written ({name})\n")


def configure_logging(settings: Settings, *, process: str | None = None, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logs through one masked pipe. Calling it again replaces it."""
    target = stream or sys.stderr
    readable = settings.log_format == "text" or (settings.log_format == "auto" and target.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if readable
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=repr)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _MaskedHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name_process(process),
                mask_personal_data,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    _quiet_others(settings)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _name_process(process: str | None) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if process:
            event["process"] = process
        return event

    return add


def _quiet_others(settings: Settings) -> None:
    level = logging.DEBUG if settings.log_level == "DEBUG" else logging.WARNING
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(level)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("master_ia").critical("uncaught exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
