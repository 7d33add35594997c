"""The knowledge base: what is found, what is not, and never another tenant's."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from langchain_core.embeddings import Embeddings
from openai import APIConnectionError

from services.demo_content import KNOWLEDGE
from services.knowledge import DocumentRefused, KnowledgeBase, KnowledgeUnavailable, content_words
from services.offline_embeddings import OfflineEmbeddings
from services.passages import split_passages
from store import knowledge as knowledge_store
from tests.business_world import World
from tests.factories import make_tenant
from tests.fakes_clock import DEFAULT_NOW


@pytest.fixture
async def base(database_url: str) -> AsyncIterator[KnowledgeBase]:
    knowledge = KnowledgeBase(database_url, OfflineEmbeddings())
    yield knowledge
    await knowledge.close()


async def fill(base: KnowledgeBase, world: World) -> None:
    for title, source, text in KNOWLEDGE:
        await base.add_document(world.tenant.id, title, source, text, DEFAULT_NOW)


QUESTIONS = [
    ("qual o horario de atendimento?", "horarios.md"),
    ("vcs abrem sabado?", "horarios.md"),
    ("como pago a fatura", "formas-de-pagamento.md"),
    ("aceita cartao?", "formas-de-pagamento.md"),
    ("minha internet ta lenta", "internet-lenta.md"),
    ("net caindo toda hora", "sem-conexao.md"),
    ("caiu a internet luz vermelha", "sem-conexao.md"),
    ("como troco a senha do wifi", "wifi.md"),
    ("quero mudar de endereço", "mudanca-de-endereco.md"),
    ("tem multa pra cancelar?", "cancelamento.md"),
    ("religação tem taxa?", "religacao.md"),
    ("quanto custa a instalação", "planos.md"),
    ("quais os juros por atraso", "vencimento-e-juros.md"),
    ("onde pego a 2a via do boleto", "segunda-via.md"),
    ("vocês guardam meus dados?", "privacidade.md"),
]


async def test_messy_questions_find_their_document(base: KnowledgeBase, world: World) -> None:
    await fill(base, world)
    missed = []
    for question, source in QUESTIONS:
        found = await base.search(world.tenant.id, question)
        if source not in [passage.source for passage in found][:2]:
            missed.append((question, found))
    assert missed == []


async def test_unrelated_questions_find_nothing(base: KnowledgeBase, world: World) -> None:
    await fill(base, world)
    unrelated = [
        "qual a capital da França?", "me conta uma piada", "quem ganhou o jogo do corinthians", "receita de bolo",
        "vocês vendem geladeira?", "quero comprar um cachorro", "traduza good morning", "qual o sentido da vida", "oi",
        "", "?!", "\x00", "' OR 1=1 --",
    ]  # fmt: skip
    assert [q for q in unrelated if await base.search(world.tenant.id, q)] == []


async def test_passages_of_another_tenant_are_never_found(base: KnowledgeBase, world: World) -> None:
    other = await make_tenant(world.database, "outra")
    await base.add_document(
        other, "Horário de atendimento", "horarios.md", "Só de madrugada, das 2h às 4h.", DEFAULT_NOW
    )
    assert await base.search(world.tenant.id, "qual o horário de atendimento?") == []
    await fill(base, world)
    # Together on few pooled connections, each search sees its own tenant's rows only.
    searches = [
        base.search(tenant, "qual o horário de atendimento?") for _ in range(12) for tenant in (other, world.tenant.id)
    ]
    answers = await asyncio.gather(*searches)
    assert all("madrugada" in answers[i][0].text and len(answers[i]) == 1 for i in range(0, 24, 2))
    assert all(found and all("madrugada" not in p.text for p in found) for found in answers[1::2])
    assert not await base.remove_document(world.tenant.id, "so-da-outra.md")


async def test_same_source_of_two_tenants_does_not_clash(base: KnowledgeBase, world: World) -> None:
    other = await make_tenant(world.database, "outra")
    for tenant in (other, world.tenant.id):
        assert await base.add_document(tenant, "Horário", "horarios.md", "Atendemos das 8h às 20h.", DEFAULT_NOW)
    assert await base.remove_document(other, "horarios.md")
    assert await base.search(world.tenant.id, "qual o horário?")


async def test_document_is_stored_once_and_replaced_when_it_changes(base: KnowledgeBase, world: World) -> None:
    tenant = world.tenant.id
    assert await base.add_document(tenant, "Horário", "h.md", "Atendemos das 8h às 20h.", DEFAULT_NOW)
    assert not await base.add_document(tenant, "Horário", "h.md", "Atendemos das 8h às 20h.", DEFAULT_NOW)
    assert await base.add_document(tenant, "Horário", "h.md", "Atendemos das 9h às 18h.", DEFAULT_NOW)
    found = await base.search(tenant, "qual o horário que atendem?")
    assert [(passage.text, passage.title, passage.source) for passage in found] == [
        ("Atendemos das 9h às 18h.", "Horário", "h.md")
    ]
    async with world.database.tenant(tenant) as connection:
        assert len(await knowledge_store.list_all(connection)) == 1


@pytest.mark.parametrize(("title", "text"), [("", "x"), ("x", ""), ("x", " \n\x00 "), ("x", "a" * 1_000_001)])
async def test_empty_and_huge_documents_are_refused(base: KnowledgeBase, world: World, title: str, text: str) -> None:
    with pytest.raises(DocumentRefused):
        await base.add_document(world.tenant.id, title, "x.md", text, DEFAULT_NOW)


async def test_huge_question_is_cut(base: KnowledgeBase, world: World) -> None:
    await fill(base, world)
    assert isinstance(await base.search(world.tenant.id, "horário " * 1_000_000), list)


class BrokenEmbeddings(OfflineEmbeddings):
    async def aembed_query(self, text: str) -> list[float]:
        raise APIConnectionError(request=None)  # type: ignore[arg-type]


async def test_embeddings_that_fail_are_told_apart_from_nothing_found(database_url: str, world: World) -> None:
    broken: Embeddings = BrokenEmbeddings()
    base = KnowledgeBase(database_url, broken)
    with pytest.raises(KnowledgeUnavailable):
        await base.search(world.tenant.id, "qual o horário?")
    await base.close()


async def test_database_that_is_away_is_told_apart_from_nothing_found(world: World) -> None:
    base = KnowledgeBase("postgresql://nobody@127.0.0.1:1/x", OfflineEmbeddings())
    with pytest.raises(KnowledgeUnavailable):
        await base.search(world.tenant.id, "qual o horário?")
    await base.close()


def _all_words(texts: Sequence[str]) -> list[str]:
    return " ".join(texts).split()


@pytest.mark.parametrize(
    "text",
    ["um parágrafo", "a\n\nb\n\nc", "frase um. " * 300, "palavra " * 500, "x" * 3000, "curto\n\n" + "longo " * 200],
)
def test_passages_are_short_and_lose_nothing(text: str) -> None:
    passages = split_passages(text)
    assert all(0 < len(passage) <= 700 for passage in passages)
    assert "".join(_all_words(passages)) == "".join(_all_words([text]))


def test_content_words_leave_small_talk_out() -> None:
    assert content_words("Oi, vc pode me dizer QUAL é o horário da net?") == ["dizer", "horario", "internet"]
