"""The collection tools keep the contract of docs/tools.md."""

from datetime import date
from typing import Any

import pytest

from domain.effects import ClaimPayment, ConfirmIdentity, ConfirmPayment, CountIdentityTry, RecordPromise
from domain.messages import Text
from domain.pix import parse_pix
from store import promises
from tests.business_world import JOAO_TYPED, MARIA, MARIA_TYPED, statement
from tests.tools.conftest import Desk

LOOK_UP, PROMISE, STATUS, COPY = (
    "consultar_faturas_cpf", "registrar_promessa_pagamento", "atualizar_status_cobranca", "gerar_segunda_via",
)  # fmt: skip
DUE = "27/11/2026"


async def confirm(desk: Desk) -> None:
    desk.links(MARIA)
    await desk.says(f"oi, meu cpf é {MARIA_TYPED}")
    assert (await desk.call(LOOK_UP, cpf_cnpj=MARIA_TYPED))["ok"]


async def test_look_up_states_the_debt_and_backs_it(desk: Desk) -> None:
    desk.links(MARIA)
    await desk.says(f"oi, meu cpf é {MARIA_TYPED}")
    assert await desk.call(LOOK_UP, cpf_cnpj=MARIA_TYPED) == {
        "ok": True,
        "nome": "Maria da Silva",
        "primeiro_nome": "Maria",
        "total": "R$ 239,80",
        "quantidade": 2,
        "faturas": [
            {"numero": "FAT-1001", "valor": "R$ 119,90", "vencimento": "10/10/2026", "dias_atraso": 41},
            {"numero": "FAT-1002", "valor": "R$ 119,90", "vencimento": "09/11/2026", "dias_atraso": 11},
        ],
        "promessa_ativa": None,
    }
    assert desk.last.effects == (ConfirmIdentity(document=MARIA, customer_name="Maria da Silva"),)
    assert desk.run.identity["status"] == "confirmada"
    assert {("amount", "23980"), ("amount", "11990"), ("date", "2026-10-10"), ("date", "2026-11-09")} <= desk.backed


async def test_somebody_else_is_refused_until_the_holder_speaks(desk: Desk) -> None:
    desk.links(MARIA)
    await desk.says("sou a esposa dele", f"o cpf é {MARIA_TYPED}")
    for given in (MARIA_TYPED, "confirmado", "1"):
        refused = await desk.call(LOOK_UP, cpf_cnpj=given)
        assert (refused["ok"], refused["erro"]) == (False, "terceiro")
        assert set(refused) == {"ok", "erro", "mensagem"}
        assert "titular" in refused["mensagem"]
        assert not any(word in refused["mensagem"].lower() for word in ("fatura", "dívida", "débito", "atras", "valor"))
    assert (desk.run.identity["status"], desk.run.effects, desk.crm.asked) == ("pendente", (), [])
    await desk.says("pronto, agora é ele mesmo")
    assert (await desk.call(LOOK_UP, cpf_cnpj=MARIA_TYPED))["ok"]


async def test_nothing_goes_on_after_somebody_else_took_over(desk: Desk) -> None:
    await confirm(desk)
    await desk.says("aqui é o marido dela agora, qual era o valor?")
    assert (await desk.call(LOOK_UP, cpf_cnpj="confirmado"))["erro"] == "terceiro"
    assert (await desk.call(COPY, cpf_cnpj=MARIA_TYPED))["erro"] == "identidade_nao_confirmada"
    args = {"cpf_cnpj": MARIA_TYPED, "data_prevista_pagamento": DUE, "valor_prometido": "10"}
    assert (await desk.call(PROMISE, **args))["erro"] == "identidade_nao_confirmada"


async def test_whole_negotiation_ends_in_one_stored_promise(desk: Desk) -> None:
    await confirm(desk)
    await desk.says("pago 119,90 dia 27")
    args: dict[str, Any] = {"cpf_cnpj": "confirmado", "data_prevista_pagamento": DUE, "valor_prometido": "R$ 119,90"}
    proposed = await desk.call(PROMISE, **args)
    agreement = {"valor": "R$ 119,90", "data": DUE, "dia_semana": "sexta-feira"}
    assert proposed == {"ok": True, "situacao": "aguardando_confirmacao", **agreement}
    assert ("action", "promise_proposed") in desk.backed
    assert ("action", "promise_registered") not in desk.backed
    # A model that calls again in the same turn does not get round the customer's yes.
    assert (await desk.call(PROMISE, **args))["situacao"] == "aguardando_confirmacao"
    await desk.says("sim, pode registrar")
    stored = await desk.call(PROMISE, **args, metodo_pagamento="Pix")
    protocol = stored["protocolo"]
    assert stored == {
        "ok": True, "situacao": "registrada", "protocolo": protocol, **agreement, "substitui_anterior": False
    }  # fmt: skip
    assert {("action", "promise_registered"), ("code", protocol), ("date", "2026-11-27")} <= desk.backed
    assert desk.run.proposal is None
    assert (await desk.call(PROMISE, **args))["protocolo"] == protocol
    assert sum(isinstance(effect, RecordPromise) for effect in desk.run.effects) == 1
    await desk.says("obrigada")
    assert (await desk.call(LOOK_UP, cpf_cnpj=MARIA_TYPED))["promessa_ativa"] == agreement
    async with desk.world.database.tenant(desk.world.tenant.id) as connection:
        (row,) = await promises.of_document(connection, MARIA)
    assert (row.protocol, row.amount_cents, row.method) == (protocol, 11990, "Pix")


async def test_changed_mind_after_the_promise_replaces_it(desk: Desk) -> None:
    await confirm(desk)
    for day, texts in ((DUE, "sim"), ("30/11/2026", "sim")):
        await desk.says(f"dia {day[:2]}")
        await desk.call(PROMISE, cpf_cnpj=MARIA_TYPED, data_prevista_pagamento=day, valor_prometido=100)
        await desk.says(texts)
        stored = await desk.call(PROMISE, cpf_cnpj=MARIA_TYPED, data_prevista_pagamento=day, valor_prometido=100.0)
    assert (stored["situacao"], stored["substitui_anterior"]) == ("registrada", True)


@pytest.mark.parametrize(
    ("changes", "error", "more"),
    [
        ({"data_prevista_pagamento": "31/02/2027"}, "data_invalida", {}),
        ({"data_prevista_pagamento": "sexta"}, "data_invalida", {}),
        ({"data_prevista_pagamento": "9" * 10_000_000}, "data_invalida", {}),
        ({"data_prevista_pagamento": "19/11/2026"}, "data_passada", {}),
        ({"data_prevista_pagamento": "21/12/2026"}, "data_alem_do_limite", {"limite": "20/12/2026"}),
        ({"valor_prometido": "0"}, "valor_invalido", {}),
        ({"valor_prometido": -10}, "valor_invalido", {}),
        ({"valor_prometido": "-10,00"}, "valor_invalido", {}),
        ({"valor_prometido": float("nan")}, "valor_invalido", {}),
        ({"valor_prometido": float("inf")}, "valor_invalido", {}),
        ({"valor_prometido": 1e300}, "valor_invalido", {}),
        ({"valor_prometido": 0.001}, "valor_invalido", {}),
        ({"valor_prometido": "1e5"}, "valor_invalido", {}),
        ({"valor_prometido": "'; DROP TABLE promises; --"}, "valor_invalido", {}),
        ({"valor_prometido": "R$ 239,81"}, "valor_acima_da_divida", {"total": "R$ 239,80"}),
    ],
)
async def test_bad_promises_are_refused_with_the_reason(
    desk: Desk, changes: dict[str, Any], error: str, more: dict[str, str]
) -> None:
    await confirm(desk)
    args = {"cpf_cnpj": MARIA_TYPED, "data_prevista_pagamento": DUE, "valor_prometido": "R$ 50,00"} | changes
    answer = await desk.call(PROMISE, **args)
    assert (answer["ok"], answer["erro"]) == (False, error)
    assert answer["mensagem"]
    assert more.items() <= answer.items()
    assert desk.last.effects == ()
    assert len(str(answer)) < 600


@pytest.mark.parametrize("value", ["R$ 119,90", "119,90", "119.90", 119.9, "119,9", "R$119,90"])
async def test_amounts_are_read_as_models_write_them(desk: Desk, value: str | float) -> None:
    await confirm(desk)
    answer = await desk.call(PROMISE, cpf_cnpj="", data_prevista_pagamento="2026-11-27", valor_prometido=value)
    assert (answer["valor"], answer["data"]) == ("R$ 119,90", DUE)


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        (PROMISE, {"data_prevista_pagamento": DUE, "valor_prometido": "10"}),
        (STATUS, {"novo_status": "paid"}),
        (COPY, {"numero_fatura": "FAT-1001", "forma": "pix"}),
    ],
)
async def test_nothing_is_done_without_the_confirmed_document(desk: Desk, tool: str, args: dict[str, str]) -> None:
    await desk.says(f"cpf {MARIA_TYPED}")
    assert (await desk.call(tool, cpf_cnpj=MARIA_TYPED, **args))["erro"] == "identidade_nao_confirmada"
    await confirm(desk)
    desk.crm.asked.clear()
    other = await desk.call(tool, cpf_cnpj=JOAO_TYPED, **args)
    assert other["erro"] == "identidade_nao_confirmada"
    assert desk.crm.asked == []


async def test_crm_that_is_down_is_never_no_debt(desk: Desk) -> None:
    await confirm(desk)
    desk.crm.is_down = True
    calls: list[tuple[str, dict[str, str]]] = [
        (LOOK_UP, {}),
        (PROMISE, {"data_prevista_pagamento": DUE, "valor_prometido": "10"}),
        (STATUS, {"novo_status": "paid"}),
        (COPY, {"numero_fatura": "FAT-1001", "forma": "boleto"}),
    ]
    for tool, args in calls:
        answer = await desk.call(tool, cpf_cnpj=MARIA_TYPED, **args)
        assert answer["erro"] == "sistema_indisponivel"
        assert (desk.last.effects, desk.last.evidence) == ((), ())


async def test_identity_errors_tell_the_tries_that_are_left(desk: Desk) -> None:
    desk.links(MARIA)
    seen: list[tuple[str, object]] = []
    for _ in range(4):
        await desk.says(f"cpf {JOAO_TYPED}")
        answer = await desk.call(LOOK_UP, cpf_cnpj=JOAO_TYPED)
        seen.append((answer["erro"], answer.get("tentativas_restantes")))
    assert seen == [
        ("documento_divergente", 2), ("documento_divergente", 1), ("tentativas_esgotadas", None),
        ("tentativas_esgotadas", None),
    ]  # fmt: skip
    assert desk.run.identity["status"] == "bloqueada"
    assert sum(isinstance(e, CountIdentityTry) for result in desk.results for e in result.effects) == 3


async def test_stranger_learns_no_name_and_no_debt(desk: Desk) -> None:
    await desk.says(f"cpf {MARIA_TYPED}")
    answer = await desk.call(LOOK_UP, cpf_cnpj=MARIA_TYPED)
    assert answer["erro"] == "nome_necessario"
    assert "Maria" not in str(answer)
    assert "R$" not in str(answer)
    assert desk.last.evidence == ()
    await desk.says("Maria da Silva")
    assert (await desk.call(LOOK_UP, cpf_cnpj=MARIA_TYPED))["ok"]


@pytest.mark.parametrize(
    ("given", "error"),
    [("123", "documento_invalido"), ("5" * 10_000_000, "documento_invalido"), (JOAO_TYPED, "documento_nao_informado")],
)
async def test_hostile_documents_give_clear_errors(desk: Desk, given: str, error: str) -> None:
    await desk.says("oi")
    assert (await desk.call(LOOK_UP, cpf_cnpj=given))["erro"] == error


async def test_payment_that_the_crm_does_not_show_is_noted(desk: Desk) -> None:
    await confirm(desk)
    assert await desk.call(STATUS, cpf_cnpj=MARIA_TYPED, novo_status="paid", observacoes="pix\x00 ontem") == {
        "ok": True, "situacao": "pagamento_informado", "aguardar_ate": "23/11/2026", "total_em_aberto": "R$ 239,80"
    }  # fmt: skip
    (effect,) = desk.last.effects
    assert isinstance(effect, ClaimPayment)
    assert effect.notes == "pix ontem"
    assert ("action", "payment_claimed") in desk.backed
    assert ("action", "payment_confirmed") not in desk.backed


async def test_payment_that_the_crm_shows_is_confirmed(desk: Desk) -> None:
    await confirm(desk)
    desk.crm.pay(MARIA)
    assert await desk.call(STATUS, cpf_cnpj=MARIA_TYPED, novo_status="payment_confirmed") == {
        "ok": True,
        "situacao": "pago",
    }
    assert desk.last.effects == (ConfirmPayment(document=MARIA),)
    promise = await desk.call(PROMISE, cpf_cnpj="", data_prevista_pagamento=DUE, valor_prometido="10")
    assert promise["erro"] == "sem_divida"


async def test_status_errors(desk: Desk) -> None:
    await confirm(desk)
    assert (await desk.call(STATUS, cpf_cnpj="", novo_status="cancelado"))["erro"] == "status_invalido"
    desk.crm.statements.clear()
    assert (await desk.call(STATUS, cpf_cnpj="", novo_status="paid"))["erro"] == "sem_cobranca_ativa"


async def test_payment_code_goes_in_a_message_of_its_own(desk: Desk) -> None:
    await confirm(desk)
    answer = await desk.call(COPY, cpf_cnpj=MARIA_TYPED, numero_fatura="FAT-1001", forma="Pix")
    assert answer == {
        "ok": True, "forma": "pix", "numero": "FAT-1001", "valor": "R$ 119,90", "vencimento": "10/10/2026",
        "codigo": "(enviado em mensagem separada)",
    }  # fmt: skip
    (part,) = desk.last.attachments
    assert isinstance(part, Text)
    assert parse_pix(part.text).amount_cents == 11990
    assert {("code", part.text), ("action", "second_copy_sent")} <= desk.backed


async def test_payment_code_errors(desk: Desk) -> None:
    await confirm(desk)
    unknown = await desk.call(COPY, cpf_cnpj="", numero_fatura="FAT-9", forma="pix")
    assert (unknown["erro"], unknown["faturas"]) == ("fatura_nao_encontrada", ["FAT-1001", "FAT-1002"])
    assert (await desk.call(COPY, cpf_cnpj="", numero_fatura="FAT-1001", forma="cheque"))["erro"] == "forma_invalida"
    assert desk.last.attachments == ()


async def test_no_result_holds_a_whole_document(desk: Desk) -> None:
    desk.crm.statements[MARIA] = statement(MARIA, "Maria da Silva", 5000)
    await confirm(desk)
    await desk.call(COPY, cpf_cnpj=MARIA_TYPED, numero_fatura="", forma="boleto")
    await desk.call(STATUS, cpf_cnpj=MARIA_TYPED, novo_status="paid")
    await desk.call(PROMISE, cpf_cnpj=MARIA_TYPED, data_prevista_pagamento=DUE, valor_prometido=50)
    for result in desk.results:
        assert MARIA not in str(result.content)
        assert MARIA_TYPED not in str(result.content)
        assert all(MARIA not in item["value"] for item in result.evidence)


def test_due_day_is_a_friday() -> None:
    assert date(2026, 11, 27).weekday() == 4
