"""The sales talk: find a plan, quote it, note what the customer gives, move the card, hand over to close."""

import re
from typing import Final

from rapidfuzz import fuzz, process

from agents.offline.boundaries import within_bounds
from agents.offline.call_request import arrange_call, asks_for_call
from agents.offline.courtesy import (
    asked_to_leave,
    closes,
    farewell,
    from_knowledge,
    greets_only,
    hello,
    is_wrong_person,
    offered_human,
    unknown_answer,
    wrong_person,
)
from agents.offline.debt import cents_of
from agents.offline.phrases import HER_OFFER, HUMAN_OFFER, contact_first_name, introduction, join, lines
from agents.offline.reading import Json, ToolResult, Turn, as_rows, as_text
from agents.offline.sales_words import (
    BILL,
    EMAIL,
    GIVES_UP,
    NAMES_PRODUCT,
    NEED,
    OTHER_PRICE,
    STREET,
    SWAPS,
    TERMS,
    asked_speed,
    compared_speeds,
    is_kind_named,
    speed_in,
    written_speed,
)
from agents.offline.signals import Signal
from domain.wording import fold

_GIVEN: Final = (
    ("email", EMAIL, ("email", "e-mail", "e_mail")),
    ("endereco", STREET, ("endereco", "endereço", "rua", "logradouro", "ponto_instalacao")),
)
# A customer may name the column as they like; these words are how such columns are usually called, best first.
_STAGES: Final = {
    "interest": ("qualificado", "em atendimento", "contato feito", "interessado", "em conversa", "qualificacao"),
    "quote": ("proposta enviada", "proposta", "orcamento", "cotacao", "negociacao"),
    "closing": (
        "fechamento",
        "em fechamento",
        "contratacao",
        "aguardando instalacao",
        "ganho",
        "fechado",
        "negociacao",
    ),
    "lost": ("perdido", "perdida", "desistiu", "desistencia", "sem interesse", "descartado", "nao fechou"),
}
_OTHER_PRICE_ANSWER: Final = (
    "Preço diferente do catálogo eu não consigo combinar por aqui: quem avalia é uma pessoa da equipe."
)
_OFFERED_PLANS: Final = re.compile(r"\b(procura um plano|mostrar (nossos planos|o plano))\b")
_MAX_PRODUCTS: Final = 3


def sales_reply(turn: Turn) -> str:
    """Answer as the sales assistant; raises CallNeeded when a tool must run first."""
    leaving = asked_to_leave(turn)
    if leaving is not None:
        return leaving
    if is_wrong_person(turn):
        return wrong_person(turn)
    return within_bounds(turn) or join(hello(turn), _answer(turn))


def _answer(turn: Turn) -> str:
    if asks_for_call(turn):
        return arrange_call(turn)
    saved = _save_given(turn)
    if not turn.said or (greets_only(turn) and saved is None):
        name = contact_first_name(turn)
        start = "" if turn.context.is_first_reply else f"Oi{', ' + name if name else ''}!"
        return join(start, "Você procura um plano novo ou quer mudar o que já tem?")
    if turn.says(Signal.ANGER):
        return join("Entendo sua irritação e peço desculpas pelo incômodo.", HUMAN_OFFER)
    if _gives_up(turn):
        return join(saved, _let_go(turn))
    if _buys(turn):
        return join(saved, _closing(turn))
    if OTHER_PRICE.search(turn.said):
        return join(saved, _OTHER_PRICE_ANSWER, HER_OFFER)
    terms = from_knowledge(turn, _question_of_terms(turn)) if _asks_terms(turn) else None
    if terms is not None:
        move_card(turn, "interest", "Cliente perguntou pelas condições")
        return join(saved, terms)
    if _asks_products(turn):
        return lines((join(saved, _quote(turn)), _about_bills(turn) or ""))
    if saved is not None:
        return join(saved, _finish_question(turn))
    return _other_talk(turn)


def _about_bills(turn: Turn) -> str | None:
    """Take up a bill asked for beside a plan: collection goes on with it in the next message."""
    if not (turn.says(Signal.CODE) or turn.says(Signal.PAID) or BILL.search(turn.said)):
        return None
    what = "boleto" if turn.says(Signal.BOLETO) else "Pix" if turn.says(Signal.CODE) else "fatura"
    article = "a" if what == "fatura" else "o"
    if turn.context.identity == "confirmada":
        return f"E sobre {article} {what}: me responde “{what}” que eu já te ajudo."
    return f"E sobre {article} {what}: me manda o CPF ou CNPJ do titular, que eu já te ajudo."


# --- what the customer gives


def _save_given(turn: Turn) -> str | None:
    """Store an e-mail or address when the tenant has such a field; say what the tool stored."""
    if "salvar_dado_contato" in turn.results:
        return _saved(turn.results["salvar_dado_contato"])
    for _name, pattern, names in _GIVEN:
        hit = pattern.search(turn.new_text)
        field = next((own for own in turn.context.fields if fold(own) in {fold(name) for name in names}), None)
        if hit is not None and field is not None and "salvar_dado_contato" in turn.tools:
            value = (hit[1] if hit.re.groups else hit[0]).strip(" .,;")
            return _saved(turn.use("salvar_dado_contato", campo=field, valor=value))
    return None


def _saved(result: ToolResult) -> str | None:
    if result.is_ok:
        name = fold(result.text("campo"))
        return f"Anotei seu {'e-mail' if 'mail' in name else 'endereço'}, agradeço!"
    if result.error == "valor_invalido":
        return "Esse dado parece incompleto. Pode conferir e me mandar de novo?"
    if result.error == "sistema_indisponivel":
        return "Não consegui gravar esse dado agora."
    return None


# --- products


def _asks_terms(turn: Turn) -> bool:
    """Tell whether the conditions of a contract are asked for; a price of a plan asked beside them goes first."""
    if "buscar_produtos" in turn.results:
        return False
    return TERMS.search(turn.said) is not None or SWAPS.search(turn.said) is not None


def _question_of_terms(turn: Turn) -> str:
    return "trocar de plano, upgrade" if SWAPS.search(turn.said) else turn.new_text


def _asks_products(turn: Turn) -> bool:
    if "buscar_produtos" in turn.results:
        return True
    if turn.says(Signal.PROBLEM):
        return False
    if any(turn.says(signal) for signal in (Signal.PRODUCT, Signal.CHEAPER, Signal.FASTER)):
        return True
    return bool(asked_speed(turn) or compared_speeds(turn)) or (
        bool(turn.asked) and _OFFERED_PLANS.search(turn.asked) is not None and turn.is_plain_yes
    )


def _query(turn: Turn) -> str:
    """Return what to search for: the customer's own words, or plain "plano" when they only compare."""
    if compared_speeds(turn) is not None:
        return "plano de internet"
    speed = asked_speed(turn)
    if speed is not None:
        return f"plano {speed} mega"
    if (
        turn.is_plain_yes
        or turn.says(Signal.CHEAPER)
        or (turn.says(Signal.FASTER) and not re.search(r"\b(tv|combo|mesh|roteador|camera)", turn.said))
    ):
        return "plano de internet"
    if not NAMES_PRODUCT.search(turn.said):
        return f"plano de internet {turn.new_text}"[:200] if NEED.search(turn.said) else "plano de internet"
    return re.sub(r"\s+", " ", turn.new_text).strip()[:200]


def _price(product: Json) -> int:
    return cents_of(as_text(product.get("preco"))) or 0


def _speed_of(product: Json) -> int:
    return speed_in(fold(as_text(product.get("nome")))) or speed_in(fold(as_text(product.get("descricao")))) or 0


def _line(product: Json) -> str:
    period = as_text(product.get("periodo"))
    return f"{as_text(product.get('nome'))}: {as_text(product.get('preco'))}{' ' + period if period else ''}"


def _sentence(product: Json) -> str:
    period = as_text(product.get("periodo"))
    price = f"{as_text(product.get('preco'))}{' ' + period if period else ''}"
    return f"{as_text(product.get('nome'))} sai por {price}"


def _quote(turn: Turn) -> str:
    """Search and quote; the card moves on once a price is told."""
    result = turn.use("buscar_produtos", consulta=_query(turn))
    if not result.is_ok:
        return join("Não consegui consultar os planos agora.", HUMAN_OFFER)
    products = as_rows(result.data.get("produtos"))
    if not products:
        return join("Não temos um plano assim no nosso catálogo.", HUMAN_OFFER)
    move_card(turn, "quote", "Preço informado ao cliente")
    speed = asked_speed(turn)
    if turn.says(Signal.CHEAPER) or "mais em conta" in turn.asked:
        cheapest = min(products, key=_price)
        return join(f"O mais em conta: {_sentence(cheapest)}.", _about(cheapest), "Faz sentido para você?")
    if turn.says(Signal.FASTER) and speed is None:
        ordered = sorted(products, key=lambda item: (-_speed_of(item), -_price(item)))[:_MAX_PRODUCTS]
        return lines(
            (
                "Boa! Estas são as nossas opções mais rápidas:",
                *_bullets(ordered),
                "Qual delas chamou sua atenção?",
            )
        )
    compared = compared_speeds(turn)
    if compared is not None:
        weighed = [product for product in products if _speed_of(product) in compared]
        told = (f"• {_line(product)}. {_about(product) or ''}".strip() for product in weighed or products[:2])
        return lines((*told, "Qual deles combina mais com você?"))
    if speed is not None and _speed_of(products[0]) not in (0, speed):
        shown = list(products[:_MAX_PRODUCTS])
        return lines(
            (
                f"Não temos um plano de {written_speed(speed)}, mas temos estes:",
                *_bullets(shown),
                "Algum deles te atende?",
            )
        )
    if speed is not None or len(products) == 1:
        return join(
            f"{_sentence(products[0])}.", _about(products[0]), turn.pick("Quer contratar?", "Quer seguir com ele?")
        )
    if NEED.search(turn.said):
        others = _bullets(list(products[1:_MAX_PRODUCTS]))
        best = join(f"Para isso combina bem: {_sentence(products[0])}.", _about(products[0]))
        return lines((best, "Também temos:", *others, "Qual deles te interessa?"))
    texts = [fold(f"{as_text(row.get('nome'))} {as_text(row.get('descricao'))}") for row in products]
    is_found = is_kind_named(turn.said, texts)
    start = "Temos estas opções:" if is_found else "Isso não encontrei no catálogo, mas temos estas opções:"
    return lines((start, *_bullets(list(products[:_MAX_PRODUCTS])), "Qual delas te interessa?"))


def _bullets(products: list[Json]) -> list[str]:
    return [f"• {_line(product)}" for product in products]


def _about(product: Json) -> str | None:
    text = as_text(product.get("descricao"))
    if not text:
        return None
    short = text if len(text) <= 160 else f"{text[:160].rsplit(' ', 1)[0]}…"
    return short if short.endswith((".", "!", "?", "…")) else f"{short}."


# --- the board


def _column(turn: Turn, stage: str) -> str | None:
    """Return the tenant's column nearest to the stage, None when it has none like it."""
    folded = {fold(column): column for column in turn.context.columns}
    for name in _STAGES[stage]:
        if name in folded:
            return folded[name]
        hit = process.extractOne(name, list(folded), scorer=fuzz.token_set_ratio, score_cutoff=80)
        if hit is not None:
            return folded[str(hit[0])]
    return None


def move_card(turn: Turn, stage: str, reason: str) -> None:
    """Move the lead's card forward, never back but from the lost ones; whether it moved is no news for the customer."""
    if "mover_kanban" in turn.results or "mover_kanban" not in turn.tools:
        return
    column = _column(turn, stage)
    past = turn.past("mover_kanban")
    if column is None or (past is not None and past.is_ok and _reached(turn, past.text("coluna"), column)):
        return
    turn.use("mover_kanban", coluna=column, motivo=reason)


def _reached(turn: Turn, current: str, wanted: str) -> bool:
    columns = list(turn.context.columns)
    if current == wanted:
        return True
    if _column(turn, "lost") in (current, wanted):
        return False
    return current in columns and columns.index(current) >= columns.index(wanted)


# --- closing, or not


def _gives_up(turn: Turn) -> bool:
    """Tell whether the lead is lost: no plan of ours is wanted any more, and none is asked for in its place."""
    if "buscar_produtos" in turn.results or GIVES_UP.search(turn.said) is None:
        return False
    return "?" not in turn.new_text and asked_speed(turn) is None


def _let_go(turn: Turn) -> str:
    move_card(turn, "lost", "Cliente desistiu")
    return "Tudo bem, e agradeço por me contar! Se mudar de ideia, é só me chamar por aqui."


def _buys(turn: Turn) -> bool:
    quoted_before = turn.past("buscar_produtos") is not None
    if (
        turn.says(Signal.BUY)
        and quoted_before
        and not turn.is_no
        and "?" not in turn.new_text.replace("como contrat", "")
    ):
        return True
    return (
        quoted_before
        and turn.is_plain_yes
        and bool(re.search(r"\b(contratar|seguir com ele|faz sentido|te atende)\b", turn.asked))
    )


def _closing(turn: Turn) -> str:
    move_card(turn, "closing", "Cliente quer contratar")
    return join("Que ótima escolha!", _finish_question(turn))


def _finish_question(turn: Turn) -> str:
    """Ask for what the tenant wants to know next, then offer the person who closes the contract."""
    if (
        "salvar_dado_contato" in turn.tools
        and "salvar_dado_contato" not in turn.results
        and turn.past("salvar_dado_contato") is None
    ):
        for field in turn.context.fields:
            if "mail" in fold(field):
                return "Para adiantar o cadastro, qual é o seu e-mail?"
            if fold(field).startswith("endereco"):
                return "Para adiantar, qual é o endereço da instalação?"
    return "Quem conclui a contratação é a nossa equipe. Quer que eu te passe para uma pessoa da equipe?"


# --- the rest


def _other_talk(turn: Turn) -> str:
    if turn.says(Signal.CONFUSED):
        return "Sem problema, eu explico: te ajudo a escolher ou mudar de plano. Qual velocidade você procura?"
    if turn.says(Signal.WHO):
        return join(None if turn.context.is_first_reply else introduction(turn), "Posso te mostrar nossos planos?")
    if turn.says(Signal.NOT_NOW) or (turn.is_no and not offered_human(turn)):
        return "Sem problema! Quando quiser conversar sobre os planos, é só me chamar por aqui."
    if closes(turn):
        return farewell(turn)
    if offered_human(turn) and turn.is_no:
        return "Tudo bem! Posso ajudar com mais alguma dúvida sobre os planos?"
    if turn.says(Signal.HARDSHIP):
        return "Sinto muito por esse momento. Se ajudar, posso te mostrar o plano mais em conta?"
    if any(turn.says(signal) for signal in (Signal.BILLING, Signal.CODE, Signal.DEBT_QUESTION, Signal.PAID)):
        return join("Sobre faturas e pagamentos, quem cuida é outra área.", HUMAN_OFFER)
    if turn.is_plain_yes:
        return "Certo! Qual velocidade ou plano você tem em mente?"
    return from_knowledge(turn, turn.new_text) or unknown_answer(turn)
