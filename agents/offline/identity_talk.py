"""The collection talk before the holder is confirmed: not one word on why we wrote, only who is who."""

import re
from typing import Final

from agents.offline.call_request import arrange_call, asks_for_call
from agents.offline.courtesy import (
    closes,
    end_call,
    farewell,
    from_knowledge,
    greets_only,
    hello,
    is_wrong_person,
    wrong_person,
)
from agents.offline.phrases import HUMAN_OFFER, contact_first_name, introduction, join
from agents.offline.reading import ToolResult, Turn, as_text
from agents.offline.signals import Signal
from domain.documents import Document, find_documents
from domain.speaker import is_another_speaking
from domain.wording import fold

_ELEVEN_DIGITS: Final = re.compile(r"(?<!\d)(?:\d[. -]?){9,10}\d(?!\d)|(?<!\d)\d{14}(?!\d)")
_NAME_LEAD: Final = re.compile(
    r"^\W*(?:(?:oi|sim|claro|certo|ok|isso|entao|bom dia|boa tarde|boa noite)\W+)*"
    r"(?:(?:o |meu |e )*(?:nome)?(?: completo)?(?: do titular| da titular)?\s*(?:e"
    r"|:|-|esta em nome de|em nome de|no nome de"
    r"|me chamo|eu sou|sou|aqui e|titular e)\s*(?:o |a )?:?\s*)?"
)
_NAME: Final = re.compile(r"^[a-z']{2,}(?: (?:d[aeo]s?|e|[a-z']{1,})){1,6}$")
_NOT_NAME: Final = re.compile(
    r"\b(nao|quero|preciso|por que|para que|quem|quanto|como|pix|boleto|cpf|cnpj|fatura|pagar|paguei|golpe|voce|voces"
    r"|estou|esta|meu|minha|posso|consigo|vou|sim|isso|mas|ja|internet|depois|agora|falar|isso)\b"
)
_CNPJ_LENGTH: Final = 14
_UNKNOWN_DOCUMENT: Final = "documento confirmado"


def _documents_in(text: str) -> list[Document]:
    """Return the valid documents in text, also one that was cut in two by a line break."""
    return find_documents(text) or find_documents(text.replace("\n", ""))


def typed_document(turn: Turn) -> str:
    """Return the last valid document the customer gave, empty when none stands in the messages."""
    if turn.call is not None and turn.call.heard_document:
        return turn.call.heard_document
    for text in (turn.new_text, *reversed(turn.earlier_texts)):
        found = _documents_in(text)
        if found:
            return found[-1]
    return ""


def document_argument(turn: Turn) -> str:
    """Return what stands for the document in a call: the one typed, or, once confirmed, the confirmed one.

    After the confirmation a customer may type anybody's number; it must not reach a tool.
    """
    if turn.context.identity == "confirmada":
        return confirmed_document(turn) or _UNKNOWN_DOCUMENT
    return typed_document(turn) or _UNKNOWN_DOCUMENT


def confirmed_document(turn: Turn) -> str:
    """Return the document this conversation was confirmed with, empty when that is longer ago than the history."""
    for result in (*turn.past_results, *turn.results.values()):
        if result.name == "consultar_faturas_cpf" and result.is_ok:
            found = find_documents(as_text(result.arguments.get("cpf_cnpj")))
            if found:
                return found[0]
    return ""


def look_up(turn: Turn) -> ToolResult:
    """Look the holder up with the document the customer typed."""
    return turn.use("consultar_faturas_cpf", cpf_cnpj=document_argument(turn))


def awaits_name(turn: Turn) -> bool:
    """Tell whether the holder's name was the last thing asked for."""
    past = turn.past("consultar_faturas_cpf")
    if past is not None:
        return past.error == "nome_necessario"
    return "nome completo" in fold(turn.last_reply)


def looks_like_full_name(folded: str) -> bool:
    """Tell whether the words are a name with a surname."""
    for line in folded.split("\n"):
        bare = _NAME_LEAD.sub("", line, count=1).strip(" .,!")
        if _NAME.match(bare) and not _NOT_NAME.search(bare):
            return True
    return False


def is_third_person(turn: Turn) -> bool:
    """Tell whether whoever writes said to be somebody else than the holder, and has not taken it back."""
    return is_another_speaking(
        (*turn.earlier_texts, *turn.new_texts), asked=(*turn.earlier_asked, *[turn.last_reply] * len(turn.new_texts)),
        name=contact_first_name(turn) or None, is_company=len(typed_document(turn)) == _CNPJ_LENGTH,
        is_confirmed=turn.context.identity == "confirmada",
    )  # fmt: skip


def must_look_up(turn: Turn) -> bool:
    """Tell whether there is something new to look up: a document, the name asked for, a system that was away."""
    if "consultar_faturas_cpf" in turn.results:
        return True
    if turn.call is None and is_third_person(turn):
        return False  # the document they gave earlier is the holder's, not theirs
    document = typed_document(turn)
    if not document and not turn.context.has_document:
        return False
    past = turn.past("consultar_faturas_cpf")
    if _documents_in(turn.new_text) or _is_newly_spoken(turn, past):
        return True
    if awaits_name(turn):
        return looks_like_full_name(turn.said)
    if past is None:
        return not turn.context.has_wrong_document
    return past.error in ("sistema_indisponivel", "terceiro")


def _is_newly_spoken(turn: Turn, past: ToolResult | None) -> bool:
    """Tell whether a document was said in groups that was not looked up yet."""
    if turn.call is None or not turn.call.heard_document:
        return False
    return past is None or as_text(past.arguments.get("cpf_cnpj")) != turn.call.heard_document


def lookup_problem(turn: Turn, result: ToolResult) -> str:
    """Say why the holder is not confirmed yet, and what helps."""
    left = result.text("tentativas_restantes")
    if turn.call is not None:
        return _problem_in_call(result, left)
    tries = f"Você ainda tem {left} tentativa{'s' if left != '1' else ''}." if left.isdigit() and left != "0" else None
    match result.error:
        case "documento_invalido":
            return (
                "Esse número não passou na conferência dos dígitos. Pode olhar com calma "
                "e me mandar o CPF ou CNPJ de novo?"
            )
        case "terceiro":
            return join("Por segurança, do cadastro eu só trato com o titular.", HUMAN_OFFER)
        case "documento_nao_informado":
            return "Para continuar, preciso do CPF ou CNPJ do titular digitado por aqui. Pode me mandar?"
        case "nome_necessario":
            return turn.pick(
                "Recebi, agradeço! Para concluir a confirmação, qual é o nome completo do titular?",
                "Certo! Só falta uma confirmação: qual é o nome completo do titular?",
            )
        case "documento_divergente":
            return join(
                "Os dados não conferem com o nosso cadastro.",
                tries,
                "Pode conferir e me mandar de novo o CPF ou CNPJ do titular?",
            )
        case "cliente_nao_encontrado":
            return join("Não encontrei um cadastro com esse documento.", tries, "Será que está em outro CPF ou CNPJ?")
        case "tentativas_esgotadas":
            return join("Por segurança, não posso continuar a confirmação dos dados por hoje.", HUMAN_OFFER)
        case "sistema_indisponivel":
            return join("Nosso sistema de consulta está fora do ar neste momento e não consegui "
                "ver seu cadastro. Desculpe!",
                        "Pode me chamar de novo em alguns minutos, ou prefere falar "
                            "com uma pessoa da equipe?")  # fmt: skip
        case _:
            return join("Não consegui consultar o cadastro por aqui.", HUMAN_OFFER)


_FROM_THE_START: Final = "Pode me dizer de novo os três primeiros números do CPF?"


def _problem_in_call(result: ToolResult, left: str) -> str:
    """Say the same for the ear: figures are said again from the start, in groups."""
    match result.error:
        case "documento_invalido" | "documento_nao_informado":
            return join("Acho que algum número não ficou certo, vamos de novo com calma.", _FROM_THE_START)
        case "terceiro":
            return "Obrigada, mas por segurança só trato com o titular. Ele ou ela pode vir ao telefone?"
        case "nome_necessario":
            return "Obrigada! Só falta uma confirmação: qual é o nome completo do titular?"
        case "documento_divergente":
            more = f"Ainda dá para tentar mais {left}." if left.isdigit() and left != "0" else None
            return join("Os dados não conferem com o nosso cadastro.", more, _FROM_THE_START)
        case "cliente_nao_encontrado":
            return join("Não encontrei um cadastro com esse número.", _FROM_THE_START)
        case "tentativas_esgotadas":
            return join("Por segurança, não posso continuar a confirmação dos dados por hoje.", HUMAN_OFFER)
        case "sistema_indisponivel":
            return join("Nosso sistema de consulta está fora do ar agora, desculpe.", HUMAN_OFFER)
        case _:
            return join("Não consegui consultar o cadastro agora.", HUMAN_OFFER)


def next_figures(said: int) -> str:
    """Ask for what follows the figures already said, as a CPF is read: three, three, three, two."""
    match said:
        case 3:
            return "Certo. E os três números seguintes?"
        case 6:
            return "Certo. E os próximos três números?"
        case 9:
            return "Certo. E os dois últimos números?"
        case 10:
            return "Certo. E o último número?"
        case _:
            return f"Certo, já tenho {said} {'número' if said == 1 else 'números'}. Quais são os próximos?"


def _ask_document_in_call(turn: Turn) -> str:
    if turn.call is not None and turn.call.digits_said:
        return next_figures(turn.call.digits_said)
    if re.search(r"\bcnpj\b", turn.said):
        return "Claro. Pode me dizer os números do CNPJ, por partes?"
    if "cpf" in fold(turn.last_reply):
        return "Para eu seguir com segurança, pode me dizer os três primeiros números do CPF do titular?"
    return "Para sua segurança, pode me dizer os três primeiros números do CPF do titular?"


def ask_document(turn: Turn) -> str:
    """Ask for the document; a third unanswered request offers a person instead."""
    if turn.call is not None:
        return _ask_document_in_call(turn)
    asked = fold(turn.last_reply)
    if "cpf" in asked and "pessoa da equipe" not in asked and turn.earlier_texts[-1:] and not turn.is_yes:
        return (
            "Para eu seguir com segurança, só preciso do CPF ou CNPJ do titular. Pode "
            "mandar, ou prefere falar com uma pessoa da equipe?"
        )
    return turn.pick(
        "Para sua segurança, pode me informar o CPF ou CNPJ do titular?",
        "Para eu abrir seu cadastro com segurança, qual é o CPF ou CNPJ do titular?",
    )


def _mistyped(turn: Turn) -> bool:
    """Tell whether a document with wrong digits was typed (eleven bare digits only count when we asked)."""
    if _documents_in(turn.new_text):
        return False
    return turn.context.has_wrong_document or (
        ("cpf" in turn.asked or not re.search(r"[a-z]", turn.said)) and _ELEVEN_DIGITS.search(turn.said) is not None
    )


def _sorry_for_trouble(turn: Turn) -> str | None:
    if turn.says(Signal.ANGER):
        return "Entendo sua irritação e peço desculpas pelo incômodo."
    if turn.says(Signal.HARDSHIP):
        return "Sinto muito por esse momento. Não precisa resolver nada agora."
    return None


def _asked_about_us(turn: Turn) -> str | None:
    """Answer who we are, what it is about and whether it is safe, or None."""
    is_paid = turn.context.says_paid or turn.says(Signal.PAID)
    if turn.says(Signal.CONSEQUENCE) and not turn.says(Signal.FEES) and not is_paid:
        return join(
            introduction(turn) if turn.context.is_first_reply else None,
            "Entendo a preocupação. Essa resposta eu não tenho por aqui, e não quero te dizer nada sem certeza.",
            HUMAN_OFFER,
        )
    if turn.says(Signal.DISTRUST) and "nunca peco senha" in fold(turn.last_reply):
        return join("Sem problema, você não precisa informar nada por aqui.", HUMAN_OFFER)
    if turn.says(Signal.DISTRUST):
        return join(
            "Entendo o cuidado, e você faz bem em desconfiar.",
            f"Sou a {turn.context.assistant}, assistente virtual da {turn.context.company}: "
            f"uso o CPF ou CNPJ só para confirmar"
            " que falo com o titular e nunca peço senha nem dados de cartão.",
            "Pode me informar o documento, ou prefere falar com uma pessoa da equipe?",
        )
    if turn.says(Signal.ABOUT):
        return join(
            introduction(turn) if turn.call is None else None,
            "O assunto é o cadastro do titular, e por segurança só dou detalhes depois de confirmar com quem falo.",
            "Pode me informar o CPF ou CNPJ?" if turn.call is None else _ask_document_in_call(turn),
        )
    if turn.says(Signal.WHO):
        return join(introduction(turn), ask_document(turn))
    return None


def _greet_back(turn: Turn) -> str:
    name = contact_first_name(turn)
    if turn.context.is_first_reply:
        return join(hello(turn), f"Falo com {name}?" if name else ask_document(turn))
    return join("Oi!", ask_document(turn))


def identity_reply(turn: Turn) -> str:
    """Answer while the holder is not confirmed."""
    if is_wrong_person(turn):
        return wrong_person(turn)
    if turn.context.identity == "bloqueada":
        return join(hello(turn), "Por segurança, hoje não consigo mais confirmar os dados por aqui.", HUMAN_OFFER)
    if asks_for_call(turn):
        return join(hello(turn), arrange_call(turn))
    if _mistyped(turn) and turn.call is not None:
        return join("Acho que algum número não ficou certo, vamos de novo com calma.", _FROM_THE_START)
    if _mistyped(turn):
        return join(
            hello(turn), "Esse número parece ter algum dígito trocado. Pode conferir o CPF ou CNPJ e me mandar de novo?"
        ) if not turn.says(Signal.HARDSHIP) else join(
            hello(turn), _sorry_for_trouble(turn),
            "Esse número parece ter um dígito trocado; quando puder, confira e me mande de novo.", HUMAN_OFFER,
        )  # fmt: skip
    sorry = _sorry_for_trouble(turn)
    if sorry is not None:
        return join(hello(turn), sorry, HUMAN_OFFER)
    if turn.call is None and is_third_person(turn) and not closes(turn):
        return join(hello(turn), _to_somebody_else(turn))
    about = _asked_about_us(turn)
    if about is not None:
        return join(hello(turn) if "assistente virtual" not in about else None, about)
    if not turn.said or greets_only(turn):
        return _greet_back(turn)
    if closes(turn) and not turn.is_yes:
        return join(hello(turn), farewell(turn))
    return join(hello(turn), _towards_document(turn))


def _wants_to_go_on(turn: Turn) -> bool:
    """Tell whether somebody who told of a hardship comes back to the matter themselves."""
    matters = (Signal.BILLING, Signal.CODE, Signal.DEBT_QUESTION, Signal.PAY_INTENT, Signal.PAID, Signal.REQUEST)
    has_matter = any(turn.says(signal) for signal in matters) or turn.context.says_paid
    return has_matter or turn.is_yes or bool(turn.context.dates) or "?" in turn.new_text


def _to_somebody_else(turn: Turn) -> str:
    """Answer a relative or whoever else has the phone: what anybody may know, and not a word on the record."""
    if _asks_something_else(turn) and not turn.says(Signal.ABOUT):
        known = from_knowledge(turn, turn.new_text)
        if known is not None:
            return known
    return join("Por segurança, do cadastro eu só trato com o titular.", HUMAN_OFFER)


def _asks_something_else(turn: Turn) -> bool:
    """Tell whether the question has nothing to do with the holder's bills, so that anybody may have the answer."""
    if turn.says(Signal.PROBLEM) or turn.says(Signal.FEES) or turn.says(Signal.HOURS):
        return True
    about_bills = (
        Signal.BILLING,
        Signal.CODE,
        Signal.DEBT_QUESTION,
        Signal.PAY_INTENT,
        Signal.DISCOUNT,
        Signal.CONSEQUENCE,
    )
    is_about_bills = any(turn.says(signal) for signal in about_bills)
    return ("?" in turn.new_text or turn.says(Signal.PRODUCT)) and not is_about_bills


def _towards_document(turn: Turn) -> str:
    """Take up what was said without telling anything, and ask for what is missing."""
    if turn.said_before(Signal.WRONG_PERSON, bursts=3):
        return "Peço desculpas mais uma vez pelo engano. Tenha um ótimo dia!"
    if turn.says(Signal.CONFUSED) and turn.call is not None:
        return join("Antes de seguir, preciso confirmar que falo com o titular.", _ask_document_in_call(turn))
    if turn.says(Signal.CONFUSED):
        return (
            "Explico: antes de seguir, preciso confirmar que falo com o titular do cadastro. "
            "Pode me informar o CPF ou CNPJ?"
        )
    if awaits_name(turn):
        return "Para concluir a confirmação, preciso do nome completo do titular, como está no cadastro. Pode me dizer?"
    if turn.call is None and turn.said_before(Signal.HARDSHIP, bursts=3) and not _wants_to_go_on(turn):
        return "Tudo bem, sem pressa. Quando puder, é só me chamar por aqui."
    if turn.context.says_paid or turn.says(Signal.PAID):
        return join(
            "Que bom, agradeço por avisar! Para eu conferir, falta só confirmar seus dados.", ask_document(turn)
        )
    if (turn.says(Signal.NOT_NOW) or (turn.is_no and not turn.says(Signal.BILLING))) and turn.call is not None:
        end_call(turn, "não quis confirmar os dados")
        return "Sem problema. Quando puder, fale com a gente. Tenha um ótimo dia, até logo!"
    if turn.says(Signal.NOT_NOW) or (turn.is_no and not turn.says(Signal.BILLING)):
        return "Sem problema. Quando puder, é só me mandar o CPF ou CNPJ do titular por aqui, e eu sigo com você."
    if _asks_something_else(turn):
        return from_knowledge(turn, turn.new_text) or join(
            "Sobre isso eu não tenho informação segura por aqui.", HUMAN_OFFER
        )
    if turn.says(Signal.DISPUTE):
        return join("Entendo, e vamos conferir isso com cuidado.", ask_document(turn))
    if turn.context.dates or turn.says(Signal.BILLING) or turn.says(Signal.CODE) or turn.says(Signal.PAY_INTENT):
        return join(turn.pick("Claro, eu te ajudo com isso!", "Vamos ver isso juntos!"), ask_document(turn))
    return join("Certo!" if turn.is_yes else None, ask_document(turn))
