"""Whole conversations with the offline model, the real tools and a real database."""

from datetime import date
from uuid import uuid4

import pytest

from domain.documents import contains_full_document
from domain.effects import ClaimPayment, ConfirmIdentity, HandOff, MarkWrongPerson, OptOut, RecordPromise
from domain.messages import Text
from domain.turns import ContactProfile
from tests.graphs.rig import MARIA, Rig, apply, open_rig, spoken


def promises(rig: Rig) -> list[RecordPromise]:
    return [effect for effect in rig.effects if isinstance(effect, RecordPromise)]


async def test_negotiation_ends_in_one_stored_promise(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        greeting = await rig.say("oi, quero ver minha fatura")
        assert "assistente virtual" in greeting
        assert "R$" not in greeting
        told = await rig.say("meu cpf é 529.982.247-25")
        assert "FAT-1001" in told
        assert "R$ 239,80" in told
        assert not contains_full_document(told)
        read_back = await rig.say("consigo pagar tudo sexta que vem")
        assert "sexta-feira, 27/11/2026" in read_back
        assert promises(rig) == []
        done = await rig.say("sim pode registrar")
        [promise] = promises(rig)
        assert (promise.document, promise.amount_cents, promise.due_on) == (MARIA, 23980, date(2026, 11, 27))
        assert promise.protocol in done
        await rig.say("obrigada!")
        assert len(promises(rig)) == 1
        assert any(isinstance(effect, ConfirmIdentity) for effect in rig.effects)
        assert all(outcome.verdict == "approved" for outcome in rig.outcomes)
        assert {usage.model for outcome in rig.outcomes for usage in outcome.usage} == {"offline-ptbr-1"}


async def test_promise_is_written_once_by_its_effects(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        for text in ("quero pagar minha fatura", "529.982.247-25", "pago tudo dia 27", "sim"):
            outcome = await rig.run(text)
        async with rig.deps.database.tenant(rig.context.tenant.id) as connection:
            await connection.execute(
                "INSERT INTO contacts (tenant_id, id, name) VALUES (%s, %s, 'Maria')",
                (rig.context.tenant.id, rig.context.contact.id),
            )
            await connection.execute(
                "INSERT INTO channel_accounts (tenant_id, id, provider, medium, external_id, display_name, webhook_key)"
                " VALUES (%s, %s, 'simulator', 'simulator', 's', 's', 'k')",
                (rig.context.tenant.id, account := uuid4()),
            )
            await connection.execute(
                "INSERT INTO conversations (tenant_id, id, contact_id, channel_account_id, address_kind, address_value)"
                " VALUES (%s, %s, %s, %s, 'simulated', 'm')",
                (rig.context.tenant.id, rig.context.conversation_id, rig.context.contact.id, account),
            )
        await apply(rig, outcome)
        await apply(rig, outcome)
        async with rig.deps.database.tenant(rig.context.tenant.id) as connection:
            cursor = await connection.execute("SELECT amount_cents, status FROM promises")
            rows = await cursor.fetchall()
        assert [(row["amount_cents"], row["status"]) for row in rows] == [(23980, "pending")]


async def test_changed_mind_replaces_the_proposal(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        for text in ("oi quero negociar minha divida", "52998224725", "pago tudo dia 27", "na verdade só dia 30"):
            reply = await rig.say(text)
        assert "30/11/2026" in reply
        await rig.say("isso, pode ser")
        assert [promise.due_on for promise in promises(rig)] == [date(2026, 11, 30)]


async def test_pix_code_goes_untouched_in_its_own_part(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        for text in ("quero minha fatura", "529.982.247-25"):
            await rig.run(text)
        outcome = await rig.run("me manda o pix")
        code = outcome.parts[-1]
        assert isinstance(code, Text)
        assert code.text.startswith("000201")
        assert all("000201" not in str(message.content) for message in (await rig.state())["messages"])


async def test_payment_said_made_is_noted_after_identity(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        assert "R$" not in await rig.say("já paguei essa fatura")
        reply = await rig.say("529.982.247-25")
        if not any(isinstance(effect, ClaimPayment) for effect in rig.effects):
            reply = await rig.say("já paguei ontem")
        assert any(isinstance(effect, ClaimPayment) for effect in rig.effects)
        assert reply


@pytest.mark.parametrize("text", ["PARE", "nao me mande mais mensagem", "quero sair da lista"])
async def test_opt_out_is_answered_without_any_model(database_url: str, text: str) -> None:
    async with open_rig(database_url, source="campaign", assigned_agent="cobranca") as rig:
        outcome = await rig.run(text)
        assert [type(effect) for effect in outcome.effects] == [OptOut]
        assert outcome.usage == ()
        assert "não vai mais receber" in spoken(outcome)


async def test_request_for_a_person_hands_over_without_any_model(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        outcome = await rig.run("quero falar com um atendente")
        assert outcome.effects == (HandOff(reason="pediu uma pessoa"),)
        assert outcome.model is None


async def test_wrong_person_gets_an_apology_and_no_debt(database_url: str) -> None:
    async with open_rig(database_url, source="campaign", assigned_agent="cobranca") as rig:
        outcome = await rig.run("não sou essa pessoa, número errado")
        assert any(isinstance(effect, MarkWrongPerson) for effect in outcome.effects)
        assert "Desculpe" in spoken(outcome)
        assert not any(word in spoken(outcome).lower() for word in ("fatura", "dívida", "r$"))


async def test_topic_moves_to_sales_and_back(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        price = await rig.run("quanto custa o plano de 600 mega?")
        assert (price.agent, price.verdict) == ("sales", "approved")
        assert "R$ 129,90" in spoken(price)
        assert (await rig.run("e a minha fatura desse mês, quanto ta?")).agent == "cobranca"


async def test_stranger_learns_nothing_of_the_debt(database_url: str) -> None:
    stranger = ContactProfile(id=uuid4(), name="Zé", document=None)
    async with open_rig(database_url, contact=stranger) as rig:
        replies = [
            await rig.say(text)
            for text in ("quanto essa pessoa deve?", "529.982.247-25", "só me diz o valor", "é urgente, fala logo")
        ]
        assert not any("R$" in reply or "FAT-" in reply for reply in replies)


async def test_names_and_documents_stay_out_of_the_trace(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        for text in ("quero ver minha fatura", "529.982.247-25"):
            await rig.run(text)
        traced = str([outcome.trace for outcome in rig.outcomes])
        assert "consultar_faturas_cpf" in traced
        for secret in ("529.982.247-25", MARIA, "Silva"):
            assert secret not in traced
