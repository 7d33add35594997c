"""What no reply may hold."""

import pytest

from domain import reply_rules
from domain.messages import Medium


def debt(text: str, *, said: tuple[str, ...] = (), known: tuple[str, ...] = (), amounts: tuple[int, ...] = ()) -> bool:
    return bool(
        reply_rules.find_debt_told(text, customer_texts=said, known_texts=known, known_amounts=set(amounts))
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Maria, você tem 2 faturas em aberto.",
        "Consta um débito no seu CPF.",
        "Sua fatura de outubro está vencida.",
        "É sobre uma pendência no seu nome.",
        "Você está devendo.",
        "Estou falando sobre uma dívida.",
        "O valor é R$ 119,90.",
        "Você não tem nenhuma fatura em aberto.",
        "Seu nome está inadimplente.",
    ],
)
def test_debt_is_not_told_before_identity(text: str) -> None:
    assert debt(text)


@pytest.mark.parametrize(
    "text",
    [
        "Para sua segurança, pode me informar o CPF ou CNPJ do titular?",
        "Claro, eu te ajudo com a sua fatura! Qual é o CPF do titular?",
        "Falo com a Maria?",
        "Para ver suas faturas, preciso do CPF do titular.",
        "Não encontrei um cadastro com esse documento.",
        "Quer ver se você tem algo em aberto? Me passa o CPF.",
    ],
)
def test_asking_for_the_document_tells_nothing(text: str) -> None:
    assert not debt(text, said=("tenho algo em aberto?",))


def test_customers_own_word_may_be_repeated_but_not_confirmed() -> None:
    said = ("minha conta está atrasada?",)
    assert not debt("Para falar da conta atrasada preciso do seu CPF.", said=said)
    assert debt("Sim, você tem uma conta atrasada.", said=said)


def test_prices_and_the_customers_amounts_are_no_debt() -> None:
    assert not debt("O plano custa R$ 129,90 por mês.", amounts=(12990,))


@pytest.mark.parametrize(
    "text",
    [
        "Seu CPF 529.982.247-25 está certo?",
        "Confirma 52998224725?",
        "É o 529 982 247 25?",
        "Começa com 529982 e termina em 25?",
        "É cinco dois nove nove oito dois dois quatro sete dois cinco?",
        "Os primeiros são 529.982, certo?",
    ],
)
def test_documents_are_shown_neither_whole_nor_in_telling_pieces(text: str) -> None:
    assert reply_rules.find_documents_shown(text, documents=["52998224725"])


@pytest.mark.parametrize("text", ["Termina em 25, certo?", "São R$ 529,98 no dia 22/11.", "FAT-1001 e FAT-1002"])
def test_last_digits_and_amounts_are_no_document(text: str) -> None:
    assert not reply_rules.find_documents_shown(text, documents=["52998224725"])


def forbidden(
    text: str, *, words: tuple[str, ...] = (), said: tuple[str, ...] = (), known: tuple[str, ...] = ()
) -> list[str]:
    found = reply_rules.find_forbidden(text, words=words, customer_texts=said, known_texts=known)
    return [finding.reason for finding in found]


@pytest.mark.parametrize(
    "text",
    [
        "Se não pagar, seu nome vai para o Serasa.", "Vamos acionar a justiça.", "Sua internet será cortada.",
        "É o último aviso.", "Isso terá consequências.", "Seu nome ficará negativado no SPC.",
    ],
)  # fmt: skip
def test_threats_are_found(text: str) -> None:
    assert forbidden(text) == ["threat"]


def test_word_of_the_customer_may_be_answered_without_threatening() -> None:
    said = ("vcs vao me colocar no serasa?",)
    assert forbidden("Sobre o Serasa eu não tenho essa informação.", said=said) == []
    assert forbidden("Seu nome vai para o Serasa.", said=said) == ["threat"]


def test_tenants_words_are_found_whole_and_without_accents() -> None:
    assert forbidden("Temos promoção relâmpago!", words=("Promocao Relampago",)) == ["forbidden_word"]
    assert forbidden("Os gatos dormem", words=("gato",)) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Sorry, I cannot help you with that.", "wrong_language"),
        ("Your payment is due.", "wrong_language"),
        ("Traceback (most recent call last)", "internal_text"),
        ("Erro: KeyError no sistema", "internal_text"),
        ("Chamei consultar_faturas_cpf para você.", "internal_text"),
        ('{"ok": true}', "internal_text"),
        ("Oi {{contact.name}}!", "internal_text"),
        ("O valor é null.", "internal_text"),
        ("```json", "internal_text"),
        ("Как дела, друг?" + "你好你好", "wrong_language"),
    ],
)
def test_foreign_and_internal_texts_are_found(text: str, reason: str) -> None:
    assert reason in {finding.reason for finding in reply_rules.find_foreign_or_internal(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Oi! Aqui é a Lia, assistente virtual da TR Telecom 😊",
        "O wi-fi e o streaming funcionam com o plano Fibra 600 Mega, no app ou no site.",
        "Combinado! Registrei para sexta-feira, 27/11/2026. Protocolo: P7F3K2.",
        "Pode me mandar por e-mail: maria.silva@exemplo.com.br",
    ],
)
def test_good_portuguese_passes(text: str) -> None:
    assert reply_rules.find_foreign_or_internal(text) == []


def test_links_must_be_the_tenants() -> None:
    def links(text: str, known: tuple[str, ...] = ()) -> int:
        return len(reply_rules.find_links(text, allowed_hosts=["trtelecom.com.br"], known_texts=known))

    assert links("Veja https://app.trtelecom.com.br/faturas.") == 0
    assert links("Veja https://trtelecom.com.br.golpe.com/x") == 1
    assert links("Veja https://trtelecom.com.br@golpe.com/x") == 1
    assert links("Acesse bit.ly/abc") == 1
    assert links("Acesse https://docs.exemplo.com/a", known=("leia https://docs.exemplo.com/a",)) == 0


def test_length_follows_the_medium() -> None:
    long = "a" * 1000
    assert [f.reason for f in reply_rules.find_bad_length(long, medium=Medium.SMS)] == ["too_long"]
    assert reply_rules.find_bad_length(long, medium=Medium.WHATSAPP) == []
    assert [f.reason for f in reply_rules.find_bad_length(" … ", medium=Medium.SMS)] == ["empty"]
