"""Words, codes and markup: what the pages write, without a browser."""

from dataclasses import asdict

import pytest

from domain.boleto import format_payment_line
from domain.call_requests import RequestState
from domain.calls import FINAL_STATUSES, outcome_of
from domain.campaigns import TargetOutcome
from domain.promises import PromiseStatus
from server.pages.call_view import minutes, readable
from server.pages.copyable import payment_code
from server.pages.explained import explain
from server.pages.markup import chat_text
from server.pages.timeline_words import TIMELINE_WORDS
from server.pages.words import ENGLISH, PORTUGUESE, Language, choose_language

PIX = (
    "00020126500014br.gov.bcb.pix0128financeiro@trtelecom.example5204000053039865406119.905802BR5910TR TELECOM"
    "6009SAO PAULO62110507FAT10016304C49E"
)
LINE = "34191090080012345678790123456789012345678901234"


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "pt"),
        (None, "pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        (None, "en-US,en;q=0.9", "en"),
        (None, "de-DE,de;q=0.9,en;q=0.4,pt;q=0.6", "pt"),
        (None, "de;q=1,en;q=0.5", "en"),
        (None, "ja", "pt"),
        (None, "en;q=nonsense,pt;q=0.1", "pt"),
        ("en", "pt-BR", "en"),
        ("pt", "en-US", "pt"),
        ("xx", "en-US", "en"),
        ("<script>", "", "pt"),
    ],
)
def test_language_is_the_chosen_or_the_browsers(chosen: str | None, accepted: str, language: Language) -> None:
    assert choose_language(chosen, accepted) == language


def test_both_languages_say_everything_with_the_same_blanks() -> None:
    for name, portuguese in asdict(PORTUGUESE).items():
        english = asdict(ENGLISH)[name]
        assert portuguese.strip()
        assert english.strip()
        for blank in ("{name}", "{count}", "{number}", "{assistant}", "{time}"):
            assert (blank in portuguese) == (blank in english), name


def test_both_languages_of_the_timeline_say_everything() -> None:
    portuguese, english = asdict(TIMELINE_WORDS["pt"]), asdict(TIMELINE_WORDS["en"])
    for name, text in portuguese.items():
        if isinstance(text, str):
            assert text.strip()
            assert english[name].strip()
            for blank in ("{count}", "{number}", "{time}"):
                assert (blank in text) == (blank in english[name]), name
        else:
            assert text.keys() == english[name].keys()
    assert portuguese["requests"].keys() == set(RequestState)
    assert portuguese["promises"].keys() == set(PromiseStatus)
    ended = {str(outcome_of(status, None)) for status in FINAL_STATUSES} | {str(TargetOutcome.VOICEMAIL)}
    assert ended <= portuguese["outcomes"].keys()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (PIX, PIX),
        (f"Aqui está: {PIX}", PIX),
        (f"Código:\n{PIX}\nQualquer dúvida, me chama.", PIX),
        (LINE, LINE),
        (f"Boleto: {format_payment_line(LINE)}", LINE),
        ("Venceu em 10/11/2026 e custa R$ 119,90", None),
        ("111.444.777-35", None),
        ("000201 é o começo de um Pix", None),
        (LINE + "99999", None),
        ("", None),
    ],
)
def test_payment_code_is_found_as_it_must_be_pasted(text: str, code: str | None) -> None:
    assert payment_code(text) == code


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("oi", "oi"),
        ("*Total:* R$ 239,80", "<b>Total:</b> R$ 239,80"),
        ("2*3*4", "2*3*4"),
        ("* item *", "* item *"),
        ('<b>oi</b> & "aspas"', "&lt;b&gt;oi&lt;/b&gt; &amp; &quot;aspas&quot;"),
        ("*<i>*", "<b>&lt;i&gt;</b>"),
    ],
)
def test_message_is_escaped_before_it_is_made_bold(text: str, html: str) -> None:
    assert chat_text(text) == html


def test_reason_is_explained_or_left_alone() -> None:
    assert explain("assigned agent", "pt") == "agente designado para a conversa"
    assert explain("assigned agent", "en") == "assigned agent"
    assert explain("unsupported_amount", "en") == "amount with nothing behind it"
    assert explain("model offline: pediu planos", "pt") == "model offline: pediu planos"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"cpf": "***"}', '{\n  "cpf": "***"\n}'),
        ('{"dia": {"mes": 1}}', '{\n  "dia": {\n    "mes": 1\n  }\n}'),
        ('{"dia": "cortado', '{"dia": "cortado'),
        ("não é JSON", "não é JSON"),
        ("", ""),
    ],
)
def test_tool_is_shown_readably(text: str, shown: str) -> None:
    assert readable(text) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (9.9, "0:09"), (61, "1:01"), (3600, "60:00"), (-1, "0:00")]
)
def test_time_is_written_as_phones_do(seconds: float, shown: str) -> None:
    assert minutes(seconds) == shown
