"""Audios, images and files: the model is told only that they came, and says so kindly."""

from typing import Final

from agents.offline.identity_talk import document_argument
from agents.offline.phrases import join
from agents.offline.reading import Turn
from agents.offline.signals import Signal
from domain.wording import fold

# Words of the runner's description -> what the customer reads, in the order of likelihood.
_KINDS: Final = (
    ("audio", "Recebi seu áudio, mas por aqui eu ainda não consigo ouvir."),
    ("imagem", "Recebi sua imagem, mas por aqui eu ainda não consigo ver."),
    ("video", "Recebi seu vídeo, mas por aqui eu ainda não consigo assistir."),
    ("documento", "Recebi seu arquivo, mas por aqui eu ainda não consigo abrir."),
    ("localizacao", "Recebi sua localização, mas por aqui eu ainda não consigo abrir o mapa."),
    ("contato", "Recebi o contato, mas por aqui eu ainda não consigo abrir."),
    ("pedido", "Recebi seu pedido, mas por aqui eu ainda não consigo abrir."),
)
_NEVER_A_RECEIPT: Final = ("audio", "figurinha", "localizacao", "contato", "pedido")
_RECEIPT_BY_PERSON: Final = "Comprovante quem confere é uma pessoa da equipe. Quer que eu te passe para ela?"


def without_words(turn: Turn) -> str:
    """Answer messages that hold no words."""
    kinds = [fold(description) for description in turn.media]
    if all("figurinha" in kind for kind in kinds):
        return "😊 Posso ajudar em mais alguma coisa?"
    shown = next((text for word, text in _KINDS if any(word in kind for kind in kinds)), None)
    shown = shown or "Recebi sua mensagem, mas ela não chegou por inteiro aqui."
    may_be_receipt = any(not any(word in kind for word in _NEVER_A_RECEIPT) for kind in kinds)
    if may_be_receipt and (turn.said_before(Signal.PAID, bursts=4) or turn.past("atualizar_status_cobranca")):
        return join("Agradeço o envio!", shown, _notice(turn), _RECEIPT_BY_PERSON)
    if may_be_receipt and turn.context.agent == "cobranca":
        return join(
            shown,
            "Se for um comprovante de pagamento, me escreve “já paguei”; se não for, me conta por texto, por favor?",
        )
    return join(shown, "Pode me escrever o que você precisa, por favor?")


def _notice(turn: Turn) -> str | None:
    """Note the payment told before, once the holder is confirmed; say it only when the tool did it."""
    if turn.context.identity != "confirmada":
        return None
    known = turn.past("atualizar_status_cobranca")
    if known is None or not known.is_ok:
        known = turn.use("atualizar_status_cobranca", cpf_cnpj=document_argument(turn), novo_status="paid")
    if not known.is_ok:
        return None
    return (
        "O pagamento já consta por aqui."
        if known.text("situacao") == "pago"
        else "Seu aviso de pagamento está anotado."
    )
