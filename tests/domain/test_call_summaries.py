"""What a summary may say: nothing that is not in the talk or in the rows (N5), no debt to somebody unproved (N6)."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from domain.call_summaries import CallMaterial, SpokenLine, check_summary, fixed_summary
from domain.tenants import Tenant
from domain.turns import Agreement

TENANT = Tenant(
    id=UUID(int=1), slug="tr-telecom", name="TR Telecom", time_zone=ZoneInfo("America/Sao_Paulo"), state_code="SP",
    assistant_name="Lia", is_bot_enabled=True,
)  # fmt: skip
PROMISE: Agreement = {"amount_cents": 11990, "due_on": "2026-11-27", "protocol": "P7F3K2Q"}
MATERIAL = CallMaterial(
    tenant=TENANT, call_id=UUID(int=2), conversation_id=UUID(int=3), ended_at=datetime(2026, 11, 18, 14, 5, tzinfo=UTC),
    today=date(2026, 11, 18), first_name="Maria",
    lines=(
        SpokenLine(speaker="assistente", text="A sua fatura é de R$ 119,90, vencida em 10/10/2026."),
        SpokenLine(speaker="cliente", text="Consigo pagar sexta, dia 27."),
    ),
    promise=PROMISE, has_payment_claim=False, is_identity_confirmed=True, documents=("52998224725",),
)  # fmt: skip
GOOD = (
    "Maria, obrigada pela conversa. Ficou combinado o pagamento de R$ 119,90 para sexta-feira, 27/11. O protocolo é "
    "P7F3K2Q. Qualquer dúvida, é só responder por aqui."
)
NEUTRAL = "Maria, foi bom falar com você por telefone. Se precisar de algo, é só responder por aqui."


def _reasons(text: str, material: CallMaterial = MATERIAL) -> set[str]:
    return {finding.reason for finding in check_summary(text, material)}


def test_what_was_said_and_agreed_may_be_told() -> None:
    assert check_summary(GOOD, MATERIAL) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("119,90", "89,90"), "unsupported_amount"),
        (GOOD.replace("27/11", "28/11"), "unsupported_date"),
        (GOOD.replace("P7F3K2Q", "P9999ZZ"), "unsupported_code"),
        (f"{GOOD} Já cancelei a multa.", "unsupported_claim"),
        (f"{GOOD} Seu CPF é 529.982.247-25.", "full_document"),
        ("Dear customer, thank you for the call and the payment.", "wrong_language"),
        (f"{GOOD} Veja em https://exemplo.com/boleto", "link_not_allowed"),
        ("Obrigada! " * 100, "too_long"),
        ("…", "empty"),
    ],
)
def test_what_nothing_backs_is_not(text: str, reason: str) -> None:
    assert reason in _reasons(text)


def test_nothing_was_agreed_without_a_promise() -> None:
    assert "unsupported_claim" in _reasons("Maria, ficou combinado como falamos.", replace(MATERIAL, promise=None))


@pytest.mark.parametrize(
    "text", [GOOD, "Maria, falamos da sua fatura em atraso.", "Maria, a sua dívida é de R$ 119,90."]
)
def test_no_debt_to_somebody_who_did_not_prove_who_they_are(text: str) -> None:
    unproved = replace(MATERIAL, is_identity_confirmed=False, promise=None)
    assert "debt_before_identity" in _reasons(text, unproved)
    assert check_summary(NEUTRAL, unproved) == ()


@pytest.mark.parametrize("name", ["Maria", None])
@pytest.mark.parametrize("promise", [PROMISE, None])
@pytest.mark.parametrize("claims", [True, False])
def test_fixed_words_pass_their_own_rules(name: str | None, promise: Agreement | None, claims: bool) -> None:
    material = replace(MATERIAL, first_name=name, promise=promise, has_payment_claim=claims)
    assert check_summary(fixed_summary(material), material) == ()


def test_fixed_words_name_what_was_agreed() -> None:
    text = fixed_summary(MATERIAL)
    assert "R$ 119,90" in text
    assert "sexta-feira, 27/11" in text
    assert "P7F3K2Q" in text
    unproved = replace(MATERIAL, promise=None, is_identity_confirmed=False)
    assert check_summary(fixed_summary(unproved), unproved) == ()
