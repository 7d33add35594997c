import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from wiring.logging import configure_logging, hide_names, mask_personal_data
from wiring.settings import load_settings

CPF, CPF_BARE, PHONE, EMAIL = "529.982.247-25", "52998224725", "+5511999990001", "canario@exemplo.com.br"
TOKEN = "EAAcanarycanarycanarycanary0123"
NAME = "Zulmira Canário"
CANARIES = [CPF, CPF_BARE, "99999-0001", "5511999990001", "canario@", TOKEN, "Zulmira", "ZULMIRA", "Canário"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["json", "terminal"])
def output(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    stream = io.StringIO() if request.param == "json" else _Terminal()
    yield from _configured(stream)


@pytest.fixture
def json_output() -> Iterator[io.StringIO]:
    yield from _configured(io.StringIO())


def _configured(stream: io.StringIO) -> Iterator[io.StringIO]:
    configure_logging(load_settings(env_file=None), process="api", stream=stream)
    yield stream


def _assert_clean(stream: io.StringIO) -> None:
    written = stream.getvalue()
    assert written
    assert not [canary for canary in CANARIES if canary in written]


def test_log_line_is_json_with_level_time_process_and_context(json_output: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(conversation_id="c1"):
        structlog.get_logger("graphs.runner").info("turn.done", milliseconds=12, ok=True)

    line = json.loads(json_output.getvalue())
    assert line["event"] == "turn.done"
    assert line["level"] == "info"
    assert line["process"] == "api"
    assert line["conversation_id"] == "c1"
    assert line["milliseconds"] == 12
    assert line["ok"] is True
    assert line["timestamp"].endswith("Z")


def test_nothing_personal_survives_in_any_place_of_an_event(output: io.StringIO) -> None:
    log = structlog.get_logger("test")
    with hide_names(NAME):
        log.info(
            f"mensagem de {NAME} {CPF}",
            cpf=CPF,
            document_number=int(CPF_BARE),
            nested={"a": [{"phone": PHONE, CPF_BARE: (EMAIL,)}]},
            body=f"sou a {NAME.upper()}, cpf {CPF_BARE}, {EMAIL}".encode(),
            api_key="canary-key",
            headers={"Authorization": f"Bearer {TOKEN}"},
            thing=_Thing(),
        )

    _assert_clean(output)
    assert "canary-key" not in output.getvalue()


class _Thing:
    def __repr__(self) -> str:
        return f"<Thing {CPF} {PHONE}>"


def test_exception_text_and_traceback_are_masked(output: io.StringIO) -> None:
    log = structlog.get_logger("test")
    with hide_names(NAME):
        try:
            try:
                raise ValueError(f"cpf {CPF} de {NAME}")
            except ValueError as cause:
                raise RuntimeError(f"falhou para {PHONE} token={TOKEN}") from cause
        except RuntimeError:
            log.exception("turn.failed")

    _assert_clean(output)
    assert "RuntimeError" in output.getvalue()
    assert "test_logging.py" in output.getvalue()


def test_standard_library_logs_take_the_same_pipe(output: io.StringIO) -> None:
    logger = logging.getLogger("somebody.else")
    try:
        raise LookupError(f"no customer {CPF_BARE}")
    except LookupError:
        logger.warning("failed for %s <%s>", PHONE, EMAIL, exc_info=True)

    _assert_clean(output)
    assert "LookupError" in output.getvalue()


def test_warnings_and_uncaught_exceptions_take_the_same_pipe(json_output: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"about {CPF}", stacklevel=1)
    try:
        raise ValueError(PHONE)
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)

    def fail() -> None:
        raise ValueError(EMAIL)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

    _assert_clean(json_output)
    assert json_output.getvalue().count("uncaught exception") == 2


def test_names_are_hidden_only_in_their_block(json_output: io.StringIO) -> None:
    log = structlog.get_logger("test")
    with hide_names("Zulmira"):
        log.info("oi Zulmira")
    log.info("oi Zulmira")

    first, second = json_output.getvalue().splitlines()
    assert "Zulmira" not in first
    assert "Zulmira" in second


@pytest.mark.parametrize("name", ["httpx", "rq.worker", "uvicorn.access", "openai"])
def test_chatty_libraries_speak_only_from_warning_up(json_output: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("HTTP Request: GET https://example.com")
    assert json_output.getvalue() == ""

    logging.getLogger(name).warning("slow")
    assert "slow" in json_output.getvalue()


def test_line_below_the_level_is_not_written(json_output: io.StringIO) -> None:
    structlog.get_logger("test").debug("detail")

    assert json_output.getvalue() == ""


def test_huge_value_is_cut_without_letting_a_document_out(json_output: io.StringIO) -> None:
    structlog.get_logger("test").info("big", body=f"{CPF_BARE} " * 100_000)

    _assert_clean(json_output)
    assert len(json_output.getvalue()) < 40_000


def test_token_counts_are_not_secrets() -> None:
    event = mask_personal_data(
        None, "info", {"event": "x", "input_tokens": 12, "tokens": {"total": 3}, "token": "abcd"}
    )

    assert event == {"event": "x", "input_tokens": 12, "tokens": {"total": 3}, "token": "***"}


def test_line_that_cannot_be_formatted_does_not_print_its_arguments(
    json_output: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    record = logging.LogRecord("somebody.else", logging.WARNING, "file.py", 1, "two %s %s", (CPF,), None)

    logging.getLogger().handlers[0].handle(record)

    _assert_clean(json_output)
    assert "somebody.else could not be written" in json_output.getvalue()
    assert CPF not in capsys.readouterr().err


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(["value", "payload"]))
def test_any_value_is_masked_without_error_and_written_as_json(value: object, key: str) -> None:
    event = mask_personal_data(None, "info", {"event": "x", key: [value, f"cpf {CPF}"]})

    assert CPF not in json.dumps(event, default=repr)
