"""What every agent does alike: hand over, take off the list, say who it is, say goodbye, look knowledge up."""

import re
from typing import Final

from agents.offline.phrases import HUMAN_OFFER, contact_first_name, greeting, holder_name, introduction, join
from agents.offline.reading import Call, Json, ToolResult, Turn, as_rows, as_text
from agents.offline.signals import Signal
from domain import intents
from domain.speaker import has_denied_name
from domain.stems import overlap, stems
from domain.wording import fold, only_greets

_OFFERED_HUMAN: Final = re.compile(r"\b(passe para (uma pessoa|ela)|transfir\w+)\b")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_MAX_PASSAGE: Final = 320
_LEAST_OVERLAP: Final = 0.34
_LEAST_SHARED: Final = 2
_FEW_STEMS: Final = 2
_EMPTY_STEMS: Final = frozenset(stem for word in ("nossa", "nosso", "caramba", "gente") for stem in stems(word))
_LEADING_WORDS: Final = 4
_LEADS_IN: Final = re.compile(r"^(?:(?:ok|t[aá]|e|mas|ent[aã]o|ah|poxa|affe|blz|beleza|k{3,})\b\W*)+", re.IGNORECASE)
_LEADS_OUT: Final = re.compile(r"\W+(?:ent[aã]o|mesmo|a[ií]|n[eé])\W*\?$", re.IGNORECASE)
_DID_NOT_HELP: Final = re.compile(r"\bnao tenho (?:aqui|informacao)|\beu nao tenho\b|\bnao entendi (?:bem|direito)")
_ASKS: Final = re.compile(r"\b(?:qual|quais|como|onde|quando|quanto|quem|por que|quero|queria|preciso|gostaria|tem)\b")


def offered_human(turn: Turn) -> bool:
    """Tell whether the last question was whether to hand over to a person."""
    return bool(turn.asked) and _OFFERED_HUMAN.search(turn.asked) is not None


def wants_human(turn: Turn) -> bool:
    """Tell whether the customer asks for a person or accepts the one offered."""
    if turn.context.wants_human or turn.says(Signal.HUMAN):
        return True
    if set(turn.results) - {"transferir_para_humano"}:
        return False  # the yes was for what a tool has just done
    if "pessoa da equipe" in turn.asked and turn.says(Signal.ALTERNATIVE):
        return True
    if turn.context.proposal is not None and re.search(r"\b(confirm|registr)", turn.said):
        return False  # the yes is for the agreement that was read back before the offer
    if turn.context.dates or turn.context.amounts:
        return False  # "tá bom, dia 27" goes on with the matter
    matters = (Signal.PRODUCT, Signal.PROBLEM, Signal.HOURS, Signal.BILLING)
    if not turn.context.is_yes and any(turn.says(signal) for signal in matters):
        return False  # "quero ver meu plano" is no yes
    return offered_human(turn) and turn.is_plain_yes


def wants_call(turn: Turn) -> bool:
    """Tell whether the customer asks to be telephoned; one rule for all models (domain/intents.py)."""
    return turn.context.wants_call or intents.asks_call(turn.new_text)


def hand_over(turn: Turn, reason: str, *, opening: str | None = None) -> str:
    """Hand over to a person; claim it only when the tool did it."""
    result = turn.use("transferir_para_humano", motivo=reason)
    if result.is_ok:
        name = holder_name(turn)
        start = f"Certo{', ' + name if name else ''}!" if opening is None else opening
        if turn.call is not None:
            return join(start, _handed_over_in_call(turn.call))
        return join(start, "Transferi nossa conversa para uma pessoa da equipe, que continua por aqui.")
    return "Não consegui fazer a transferência agora, e peço desculpas por isso. Pode tentar de novo em alguns minutos?"


def _handed_over_in_call(call: Call) -> str:
    if call.can_transfer:
        return "Vou te passar agora para uma pessoa da equipe. Só um instante."
    return "Já avisei uma pessoa da equipe, que vai falar com você. Obrigada pela paciência!"


def opt_out(turn: Turn) -> str:
    """Take the customer off the list; claim it only when the tool did it."""
    if turn.use("registrar_opt_out", canal="todos").is_ok:
        if turn.call is not None:
            end_call(turn, "pediu para não ser mais procurado")
            return "Pronto, você não vai mais receber nossas ligações nem mensagens. Desculpe o incômodo e até logo!"
        return "Pronto, descadastrei seu contato e você não recebe mais nossas mensagens. Desculpe o incômodo."
    return (
        "Entendi que você não quer mais mensagens. O sistema falhou agora ao gravar o "
        "pedido; pode me mandar PARE de novo em alguns minutos?"
    )


def cannot_call(turn: Turn) -> str:
    """Say honestly that this assistant cannot phone."""
    return join(
        turn.pick(
            "Por aqui eu não consigo ligar, só converso por mensagem.",
            "Eu não faço ligações, converso só por mensagem.",
        ),
        HUMAN_OFFER,
    )


def end_call(turn: Turn, reason: str) -> None:
    """Have the call end after this reply, where there is one."""
    if turn.call is not None and "encerrar_ligacao" in turn.tools:
        turn.use("encerrar_ligacao", motivo=reason)


def asked_to_leave(turn: Turn) -> str | None:
    """Answer what comes before anything else: a person wanted, an opt-out, a call, a wrong person."""
    if turn.says(Signal.OPT_OUT) or (turn.call is not None and intents.asks_opt_out(turn.new_text)):
        return opt_out(turn)
    if wants_human(turn):
        return hand_over(turn, f"Cliente pediu atendimento humano: {turn.new_text[:120]}".strip())
    return None


def is_wrong_person(turn: Turn) -> bool:
    """Tell whether whoever writes is not the person looked for."""
    if turn.context.is_wrong_person or turn.says(Signal.WRONG_PERSON):
        return True
    return has_denied_name(turn.asked, turn.new_text)


def wrong_person(turn: Turn) -> str:
    """Apologise and stop: not a word on why we wrote."""
    end_call(turn, "não é a pessoa procurada")
    return join(
        introduction(turn) if turn.context.is_first_reply else None,
        turn.pick(
            "Peço desculpas pelo engano e agradeço por avisar. Tenha um ótimo dia!",
            "Desculpe o incômodo. Agradeço o aviso, e um ótimo dia para você!",
        ),
    )


def distrust(turn: Turn) -> str:
    """Answer the fear of a fraud: who writes, what is never asked for."""
    if "nunca peco senha" in fold(turn.last_reply):
        return join("Sem problema, você não precisa informar nada por aqui.", HUMAN_OFFER)
    is_known = turn.context.is_first_reply  # the greeting before it says who writes
    return join(
        "Entendo o cuidado, e você faz bem em desconfiar.",
        None if is_known else introduction(turn),
        "Eu nunca peço senha, código de verificação nem dados de cartão.",
        "Quer seguir por aqui, ou prefere que eu te passe para uma pessoa da equipe?",
    )


def farewell(turn: Turn) -> str:
    """Close warmly."""
    name = holder_name(turn) or ""
    who = f", {name}" if name else ""
    if turn.call is not None:
        end_call(turn, "a conversa terminou")
        return turn.pick(f"Eu que agradeço{who}. Tenha um ótimo dia, até logo!", f"Obrigada{who}, e um ótimo dia!")
    return turn.pick(
        f"Por nada{who}! Se precisar, é só me chamar por aqui. 😊",
        f"Eu que agradeço{who}! Qualquer coisa, estou por aqui. 😊",
    )


def closes(turn: Turn) -> bool:
    """Tell whether the customer only thanks or says goodbye."""
    if turn.says(Signal.BYE):
        return True
    return turn.says(Signal.THANKS) and len(turn.said) < 40 and "?" not in turn.new_text


def hello(turn: Turn) -> str:
    """Open the first reply: who speaks, and for whom; nothing in later replies, nor after a call's own greeting."""
    return greeting(turn) if turn.context.is_first_reply and not (turn.call and turn.last_reply) else ""


def introduction_of_call(turn: Turn, *, greets: bool = False) -> str:
    """Say on the phone who speaks and for whom."""
    context = turn.context
    return f"{'Olá! ' if greets else ''}Aqui é a {context.assistant}, assistente virtual da {context.company}."


def greets_only(turn: Turn) -> bool:
    """Tell whether the new messages are a greeting and nothing else."""
    return bool(turn.said) and only_greets(turn.said)


def best_passage(question: str, result: ToolResult) -> Json | None:
    """Return the passage that speaks of the question, None when none does.

    A nearest-neighbour search always finds something; only shared words make it an answer.
    """
    best: tuple[float, Json] | None = None
    for row in as_rows(result.data.get("trechos")):
        passage = f"{as_text(row.get('titulo'))} {as_text(row.get('texto'))}"
        share = overlap(question, passage)
        if (is_about(question, passage) or _names(question, as_text(row.get("titulo")))) and (
            best is None or share > best[0]
        ):
            best = share, row
    return best[1] if best is not None else None


def _names(question: str, title: str) -> bool:
    """Tell whether a question, however long, names all that a title of several words is made of."""
    named = set(stems(title))
    return len(named) >= _LEAST_SHARED and named <= set(stems(question))


def is_about(question: str, passage: str) -> bool:
    """Tell whether a passage shares enough of the question's words to answer it."""
    asked = {stem for stem in stems(question) if not stem.isdigit() and stem not in _EMPTY_STEMS}
    shared = len(asked & set(stems(passage)))
    return bool(asked) and shared >= min(_LEAST_SHARED, len(asked)) and shared / len(asked) >= _LEAST_OVERLAP


def quoted(question: str, passage: Json) -> str:
    """Return the sentences of a passage nearest to the question, in their order, with the source's title."""
    text = _near_paragraphs(question, as_text(passage.get("texto")))
    if len(text) > _MAX_PASSAGE:
        sentences = [sentence for sentence in _SENTENCE.split(text) if sentence]
        ranked = sorted(range(len(sentences)), key=lambda at: (-overlap(question, sentences[at]), at))
        kept: list[int] = []
        for at in ranked:
            if sum(len(sentences[index]) + 1 for index in kept) + len(sentences[at]) <= _MAX_PASSAGE:
                kept.append(at)
        text = " ".join(sentences[at] for at in sorted(kept)) or f"{text[:_MAX_PASSAGE].rsplit(' ', 1)[0]}…"
    title = as_text(passage.get("titulo")) or as_text(passage.get("fonte"))
    return f"{text} (Fonte: {title})" if title else text


def _near_paragraphs(question: str, text: str) -> str:
    """Return the paragraphs that share words with the question, all of them when none does."""
    paragraphs = [paragraph for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]
    near = [paragraph for paragraph in paragraphs if overlap(question, paragraph) > 0]
    return "\n\n".join(near or paragraphs)


def from_knowledge(turn: Turn, question: str) -> str | None:
    """Answer from the knowledge base; None when it holds no answer."""
    asked = question_alone(question)
    result = turn.use("buscar_conhecimento", pergunta=asked)
    if not result.is_ok:
        return None
    passage = best_passage(asked, result)
    return quoted(asked, passage) if passage is not None else None


def question_alone(text: str) -> str:
    """Take from a question the few words that only lead in or out ("ok, sorry. … então?"): they blur the search."""
    *before, asked = re.split(r"(?<=[.!?:;\n])\s+", text.strip())
    if not asked.endswith("?") or len(" ".join(before).split()) > _LEADING_WORDS:
        return text
    return _LEADS_OUT.sub("?", _LEADS_IN.sub("", asked))


def unknown_answer(turn: Turn) -> str:
    """Say that the answer is not known and offer a person; after two such answers call one."""
    if len(turn.recent_replies) > 1 and all(_DID_NOT_HELP.search(fold(reply)) for reply in turn.recent_replies[-2:]):
        return hand_over(turn, _could_not_help(turn), opening="Acho melhor alguém te ajudar com isso.")
    if not _is_question(turn):
        return turn.pick(
            "Desculpe, não entendi bem. Pode me contar com outras palavras o que você precisa?",
            "Acho que não entendi direito. Pode me contar de outro jeito como posso ajudar?",
        )
    return join(
        turn.pick("Essa informação eu não tenho aqui.", "Sobre isso eu não tenho informação segura por aqui."),
        HUMAN_OFFER,
    )


def _could_not_help(turn: Turn) -> str:
    return f"A assistente não conseguiu ajudar: {turn.new_text[:120]}".strip()


def _is_question(turn: Turn) -> bool:
    """Tell whether something was asked for, rather than words that tell nothing ("hmm", "bla bla")."""
    return "?" in turn.new_text or _ASKS.search(turn.said) is not None or len(set(stems(turn.said))) > _FEW_STEMS


def named_hello(turn: Turn) -> str:
    """Greet in the middle of a talk."""
    name = holder_name(turn) or contact_first_name(turn)
    return f"Oi, {name}!" if name else "Oi!"
