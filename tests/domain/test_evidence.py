"""What backs a draft."""

from dataclasses import replace
from datetime import date

import pytest

from domain.evidence import Backing, customer_evidence, evidence_in_text, find_unbacked
from domain.turns import Agreement, Evidence

TODAY = date(2026, 11, 20)
PROMISE: Agreement = {"amount_cents": 11990, "due_on": "2026-11-27", "protocol": "P7F3K2"}


def amount(cents: int, source: str = "consultar_faturas_cpf") -> Evidence:
    return {"kind": "amount", "value": str(cents), "source": source}


def day(iso: str) -> Evidence:
    return {"kind": "date", "value": iso, "source": "consultar_faturas_cpf"}


def action(name: str) -> Evidence:
    return {"kind": "action", "value": name, "source": "tool"}


def backing(
    *evidence: Evidence, fresh: tuple[Evidence, ...] = (), promise: Agreement | None = None,
    proposal: Agreement | None = None, known_texts: tuple[str, ...] = (),
) -> Backing:  # fmt: skip
    return Backing(
        evidence=(*evidence, *fresh),
        fresh=fresh,
        today=TODAY,
        promise=promise,
        proposal=proposal,
        known_texts=known_texts,
    )


def reasons(text: str, given: Backing) -> list[str]:
    return [finding.reason for finding in find_unbacked(text, given)]


def test_discount_is_offered_only_in_the_words_of_the_tenant() -> None:
    text = "Posso te dar 10% de desconto à vista."
    assert reasons(text, backing()) == ["unsupported_claim"]
    assert reasons(text, replace(backing(), known_texts=("Desconto de 10% à vista.",))) == []


def test_amount_without_tool_result_is_unsupported() -> None:
    assert reasons("Sua fatura é de R$ 119,90.", backing()) == ["unsupported_amount"]
    assert reasons("Sua fatura é de R$ 119,90.", backing(amount(11990))) == []


def test_amount_the_customer_named_may_be_said_back_but_is_no_debt() -> None:
    said = backing(*customer_evidence(amounts=[5000], days=[]))
    assert reasons("Você consegue pagar R$ 50,00 agora?", said) == []
    assert reasons("O total da sua fatura é R$ 50,00.", said) == ["unsupported_amount"]


def test_date_must_come_from_a_tool_the_customer_or_today() -> None:
    assert reasons("Venceu em 10/10/2026.", backing()) == ["unsupported_date"]
    assert reasons("Venceu em 10/10/2026.", backing(day("2026-10-10"))) == []
    assert reasons("Hoje é 20/11.", backing()) == []
    said = backing(*customer_evidence(amounts=[], days=[date(2026, 11, 27)]))
    assert reasons("Pode ser dia 27 de novembro?", said) == []
    assert reasons("Pode ser dia 28?", said) == ["unsupported_date"]


def test_weekday_must_agree_with_the_date() -> None:
    known = backing(day("2026-11-27"))
    assert reasons("Fica para sexta-feira, 27/11/2026.", known) == []
    assert reasons("Fica para quinta-feira, 27/11/2026.", known) == ["wrong_weekday"]
    assert reasons("Fica para 27/11 (quinta-feira).", known) == ["wrong_weekday"]


def test_promise_is_claimed_only_after_it_is_registered_in_this_turn() -> None:
    text = "Registrei sua promessa de R$ 119,90 para sexta-feira, 27/11/2026. Protocolo P7F3K2."
    stored = (action("promise_registered"), amount(11990), day("2026-11-27"))
    assert reasons(text, backing(fresh=stored, promise=PROMISE)) == []
    proposed = (action("promise_proposed"), amount(11990), day("2026-11-27"))
    assert reasons(text, backing(fresh=proposed)) == ["unsupported_code", "unsupported_claim"]


def test_old_promise_does_not_back_a_new_day() -> None:
    known = backing(
        action("promise_registered"), *customer_evidence(amounts=[], days=[date(2026, 12, 1)]), promise=PROMISE
    )
    assert reasons("Sua promessa está registrada para 27/11/2026.", known) == []
    assert reasons("Anotei o pagamento para o dia 01/12/2026.", known) == ["unsupported_claim"]


def test_handoff_of_an_earlier_turn_does_not_back_a_new_one() -> None:
    assert reasons("Vou te transferir agora.", backing(action("handed_off"))) == ["unsupported_claim"]
    assert reasons("Vou te transferir agora.", backing(fresh=(action("handed_off"),))) == []


def test_nothing_in_aberto_needs_a_look() -> None:
    text = "Boa notícia: não encontrei nenhuma fatura em aberto no seu cadastro."
    assert reasons(text, backing()) == ["unsupported_claim"]
    assert reasons(text, backing(fresh=(action("nothing_open"), action("looked_up")))) == []


@pytest.mark.parametrize("text", ["Te ligo já.", "Cancelei sua conta.", "Desbloqueei sua internet.", "Tirei os juros."])
def test_what_no_tool_can_do_is_never_backed(text: str) -> None:
    every = tuple(action(name) for name in ("promise_registered", "payment_confirmed", "handed_off", "field_saved"))
    assert "unsupported_claim" in reasons(text, backing(fresh=every))


def test_payment_code_must_be_the_tools_own_byte_for_byte() -> None:
    code = "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913TR"
    known: Evidence = {"kind": "code", "value": code, "source": "gerar_segunda_via"}
    assert reasons(code, backing(known)) == []
    assert "unsupported_code" in reasons(code.replace("5913", "5914"), backing(known))


def test_texts_of_the_tenant_back_what_they_say() -> None:
    passage: Evidence = {"kind": "text", "value": "A taxa de mudança é R$ 80,00, até 15/12/2026.", "source": "kb"}
    assert reasons("A mudança custa R$ 80,00 até 15/12/2026.", backing(passage)) == []


def test_evidence_is_read_from_a_tools_json() -> None:
    found = evidence_in_text('{"total":"R$ 1.239,80","vencimento":"10/10/2026"}', source="t")
    assert found == [
        {"kind": "amount", "value": "123980", "source": "t"},
        {"kind": "date", "value": "2026-10-10", "source": "t"},
    ]


def test_dates_that_do_not_exist_are_no_evidence() -> None:
    assert evidence_in_text("31/02/2026 99/99/2026", source="t") == []


# --- figures in words, as a voice says them


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("São cento e dezenove reais e noventa centavos.", []),
        ("São cento e vinte reais.", ["unsupported_amount"]),
        ("Fica para sexta-feira, vinte e sete de novembro.", []),
        ("Fica para quinta-feira, vinte e sete de novembro.", ["wrong_weekday"]),
        ("Fica para vinte e oito de novembro.", ["unsupported_date"]),
        ("O protocolo é P, sete, F, três, K, dois.", []),
        ("O protocolo é P, sete, F, três, K, nove.", ["unsupported_code"]),
        ("Protocolo: quatro, quatro, um, nove.", ["unsupported_code"]),
    ],
)
def test_what_is_spoken_must_be_backed_too(text: str, reasons: list[str]) -> None:
    known = backing(amount(11990), day("2026-11-27"), promise=PROMISE)
    assert [finding.reason for finding in find_unbacked(text, known)] == reasons
