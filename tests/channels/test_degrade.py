"""A reply loses nothing on its way to a channel that can show less."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.degrade import CAPABILITIES, choice_for_reply, render
from channels.text_split import size, split_text
from domain.messages import Buttons, Choice, Location, Media, Menu, Part, Provider, Template, Text

META, EVOLUTION = CAPABILITIES[Provider.META], CAPABILITIES[Provider.EVOLUTION]
WHATSAPP, SMS = CAPABILITIES[Provider.TWILIO_WHATSAPP], CAPABILITIES[Provider.TWILIO_SMS]

YES, NO = Choice(id="sim", title="Sim, sou eu"), Choice(id="nao", title="Não sou eu")
QUESTION = Buttons(text="Falo com a Maria?", choices=(YES, NO))
NUMBERED = Text(text="Falo com a Maria?\n\n1. Sim, sou eu\n2. Não sou eu\n\nResponda com o número da opção.")
PIX = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865406119.905802BR"
    "5910TR TELECOM6009SAO PAULO62070503***63041D3D"
)
BOLETO = "34191.79001 01043.510047 91020.150008 5 98760000011990"


def test_every_provider_has_its_capabilities() -> None:
    assert set(CAPABILITIES) == set(Provider)


def test_buttons_stay_where_they_fit_and_are_numbered_elsewhere() -> None:
    assert render((QUESTION,), META) == (QUESTION,)
    assert render((QUESTION,), EVOLUTION) == (NUMBERED,)
    assert render((QUESTION,), WHATSAPP) == (NUMBERED,)
    assert render((QUESTION,), SMS) == (NUMBERED,)


def test_too_many_buttons_become_a_menu() -> None:
    choices = tuple(Choice(id=str(number), title=f"Opção {number}") for number in range(4))

    assert render((Buttons(text="Escolha", choices=choices),), META) == (
        Menu(text="Escolha", button="Ver opções", choices=choices),
    )


def test_a_title_too_long_for_a_button_goes_to_the_menu_and_then_to_text() -> None:
    longer = replace(YES, title="x" * 24)
    longest = replace(YES, title="x" * 25)

    assert isinstance(render((Buttons(text="?", choices=(longer, NO)),), META)[0], Menu)
    (text,) = render((Buttons(text="?", choices=(longest, NO)),), META)
    assert isinstance(text, Text)
    assert "1. " + "x" * 25 in text.text


def test_a_menu_of_eleven_is_numbered_whole() -> None:
    choices = tuple(
        Choice(id=str(number), title=f"Fatura {number}", description=f"R$ {number},00") for number in range(1, 12)
    )

    (text,) = render((Menu(text="Qual?", button="Ver", choices=choices),), META)

    assert isinstance(text, Text)
    assert "11. Fatura 11 – R$ 11,00" in text.text


def test_choices_with_the_same_id_or_without_title_are_numbered() -> None:
    for choices in ((YES, replace(NO, id="sim")), (YES, replace(NO, title=" ")), (YES, replace(NO, id=""))):
        assert isinstance(render((Buttons(text="?", choices=choices),), META)[0], Text)


def test_a_long_question_goes_before_its_buttons() -> None:
    text = "Uma frase comprida o bastante. " * 60

    *before, last = render((replace(QUESTION, text=text),), META)

    assert before
    assert all(isinstance(part, Text) for part in before)
    assert isinstance(last, Buttons)
    assert " ".join(part.text for part in (*before, last) if isinstance(part, Text | Buttons)) == text.strip()


PHOTO = Media(kind="image", url="https://x.invalid/qr.png", mime_type="image/png", caption="QR Code do Pix")


def test_media_becomes_text_with_a_link_on_sms() -> None:
    assert render((PHOTO,), SMS) == (Text(text="QR Code do Pix\nhttps://x.invalid/qr.png"),)
    assert render((PHOTO,), META) == (PHOTO,)


def test_a_caption_that_does_not_fit_follows_as_text() -> None:
    for part, able in (
        (replace(PHOTO, caption="a" * 1025), META),
        (replace(PHOTO, kind="audio", caption="ouça"), META),
        (replace(PHOTO, kind="document", caption="boleto"), WHATSAPP),
    ):
        assert render((part,), able) == (replace(part, caption=None), Text(text=part.caption or ""))


def test_a_location_becomes_a_link() -> None:
    place = Location(latitude=-23.55052, longitude=-46.633308, name="Loja", address="Praça da Sé, 1")

    assert render((place,), META) == (place,)
    assert render((place,), SMS) == (
        Text(text="Loja\nPraça da Sé, 1\nhttps://maps.google.com/?q=-23.55052,-46.633308"),
    )


def test_a_template_is_never_rewritten() -> None:
    template = Template(name="lembrete", parameters=("Maria",))

    assert all(render((template,), able) == (template,) for able in CAPABILITIES.values())


def test_parts_keep_their_order_and_blank_ones_vanish() -> None:
    parts: tuple[Part, ...] = (Text(text="Olá!"), Text(text="  \n"), PHOTO, Text(text=PIX))

    assert render(parts, SMS) == (
        Text(text="Olá!"),
        Text(text="QR Code do Pix\nhttps://x.invalid/qr.png"),
        Text(text=PIX),
    )


@pytest.mark.parametrize(
    "code", [PIX, BOLETO, BOLETO.replace(" ", "").replace(".", ""), "https://x.invalid/" + "a" * 90]
)
@pytest.mark.parametrize("room", range(60, 260, 7))
def test_a_payment_code_is_never_cut(code: str, room: int) -> None:
    text = "Segue o código para pagar a fatura. " + code + " Copie e cole no aplicativo do banco."
    limit = max(room, len(code))

    pieces = split_text(text, limit)

    assert sum(code in piece for piece in pieces) == 1
    assert all(size(piece) <= limit for piece in pieces)


def test_a_cut_prefers_paragraph_then_line_then_sentence_then_word() -> None:
    assert split_text("Um dois. Três\n\nquatro cinco. Seis sete", 30) == ["Um dois. Três", "quatro cinco. Seis sete"]
    assert split_text("Um dois. Três\nquatro cinco. Seis sete", 30) == ["Um dois. Três", "quatro cinco. Seis sete"]
    assert split_text("São R$ 1.234,56 hoje. Pode ser?", 25) == ["São R$ 1.234,56 hoje.", "Pode ser?"]
    assert split_text("uma palavra depois da outra", 15) == ["uma palavra", "depois da outra"]


@settings(deadline=None)
@given(text=st.text(alphabet="ab .!?\n0123ção🙏", max_size=300), limit=st.integers(min_value=4, max_value=80))
def test_splitting_loses_nothing_but_blanks_at_the_cuts(text: str, limit: int) -> None:
    pieces = split_text(text, limit)

    assert re.sub(r"\s+", "", "".join(pieces)) == re.sub(r"\s+", "", text)
    assert all(0 < size(piece) <= limit for piece in pieces)


_titles = st.text(min_size=1, max_size=30).filter(lambda title: title.strip())
_choices = st.lists(st.builds(Choice, id=st.text(max_size=8), title=_titles), max_size=12).map(tuple)
_parts = st.one_of(
    st.builds(Text, text=st.text(max_size=200)),
    st.builds(Buttons, text=st.text(max_size=50), choices=_choices),
    st.builds(Menu, text=st.text(max_size=50), button=st.text(max_size=25), choices=_choices),
    st.builds(Location, latitude=st.just(-23.5), longitude=st.just(-46.6), name=st.text(max_size=9)),
    st.just(PHOTO),
)


@settings(deadline=None)
@given(parts=st.lists(_parts, max_size=4), provider=st.sampled_from(Provider))
def test_rendering_again_changes_nothing_and_every_title_survives(parts: list[Part], provider: Provider) -> None:
    able = CAPABILITIES[provider]

    shown = render(parts, able)

    assert render(shown, able) == shown
    seen = re.sub(r"\s+", "", " ".join(word for part in shown for word in _words(part)))
    for part in parts:
        for choice in part.choices if isinstance(part, Buttons | Menu) else ():
            assert re.sub(r"\s+", "", choice.title) in seen


def _words(part: Part) -> list[str]:
    if isinstance(part, Buttons | Menu):
        return [part.text, *(choice.title for choice in part.choices)]
    return [part.text] if isinstance(part, Text) else []


INVOICES = (
    Choice(id="f1", title="Outubro/2026"),
    Choice(id="f2", title="Novembro/2026"),
    Choice(id="at", title="Falar com atendente"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "f1"),
        (" 2. ", "f2"),
        ("2️⃣", "f2"),
        ("opção 3", "at"),
        ("a 2", "f2"),
        ("Quero a opção 2", "f2"),
        ("quero a 2", "f2"),
        ("dois", "f2"),
        ("a segunda opção", "f2"),
        ("Três", "at"),
        ("novembro/2026", "f2"),
        ("NOVEMBRO 2026", "f2"),
        ("falar com atendente!", "at"),
        ("0", None),
        ("4", None),
        ("22", None),
        ("1 e 2", None),
        ("dia 2", None),
        ("2 reais", None),
        ("novembro", None),
        ("", None),
        ("🙏", None),
    ],
)
def test_a_typed_answer_finds_its_choice(text: str, expected: str | None) -> None:
    found = choice_for_reply(INVOICES, text)

    assert (found.id if found else None) == expected


def test_a_title_wins_over_a_number_and_two_equal_titles_mean_nothing() -> None:
    installments = (Choice(id="em2", title="2"), Choice(id="em3", title="3"))
    same = (Choice(id="a", title="Sim"), Choice(id="b", title="sim"))

    assert choice_for_reply(installments, "2") == installments[0]
    assert choice_for_reply(same, "sim") is None
    assert choice_for_reply((), "1") is None
