"""Word stems and synonyms of Brazilian Portuguese, light enough for hashing and overlap counts."""

import re
from functools import lru_cache
from typing import Final

from domain.wording import fold

_WORD: Final = re.compile(r"[a-z0-9]+")
_STOPWORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """
        a o as os um uma uns umas de da do das dos em na no nas nos por para com sem e ou que se eu voce
        voces ele ela eles elas me te lhe nos meu minha meus minhas seu sua seus suas esse essa isso este
        esta isto aquele aquela ao aos mais muito ja tem ter tenho ser sou foi sao era estou estao como qual
        quais quando quanto onde quem oi ola bom boa dia tarde noite favor gostaria queria quero saber pode
        posso la aqui ai entao tambem so ate bem obrigado nao sim fazer faco faz pela pelo sobre entre tudo
        """,
    )
)
_SYNONYMS: Final = {
    "boleto": "fatura", "conta": "fatura", "mensalidade": "fatura", "cobranca": "fatura", "debito": "fatura",
    "divida": "fatura", "wifi": "internet", "rede": "internet", "banda": "internet", "conexao": "internet",
    "fibra": "internet", "valor": "preco", "custo": "preco", "custa": "preco", "tarifa": "preco", "taxa": "preco",
    "atendente": "pessoa", "humano": "pessoa", "lenta": "lento", "devagar": "lento", "travando": "lento",
    "modem": "roteador", "aparelho": "roteador", "onu": "roteador", "instalar": "instala", "instalacao": "instala",
    "tecnico": "visita", "mudanca": "mudar", "transferencia": "mudar", "endereco": "endereco", "casa": "endereco",
    "cancelar": "cancela", "cancelamento": "cancela", "encerrar": "cancela", "horario": "hora", "horas": "hora",
    "abre": "hora", "abrem": "hora", "fecha": "hora", "fecham": "hora", "atendem": "atend", "atendimento": "atend",
    "expediente": "hora", "pagamento": "paga", "pagar": "paga", "pago": "paga", "paguei": "paga",
    "mega": "velocidade", "rapido": "velocidade", "rapida": "velocidade", "pacote": "plano", "oferta": "plano",
    "sabado": "hora", "domingo": "hora", "feriado": "hora", "senha": "senha",
}  # fmt: skip
_SUFFIXES: Final = (
    "mente", "amentos", "amento", "imentos", "imento", "acoes", "acao", "icoes", "icao", "idades", "idade", "adores",
    "ador", "antes", "ante", "ando", "endo", "indo", "ados", "adas", "ado", "ada", "idos", "idas", "ido", "ida",
    "arem", "erem", "irem", "amos", "emos", "imos", "aram", "eram", "iram", "ava", "ar", "er", "ir", "oes", "ao", "ais",
    "eis", "es", "os", "as", "ou", "ei", "am", "em", "s", "a", "o", "e",
)  # fmt: skip


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """Return the stem of a folded word, synonyms brought together first."""
    known = _SYNONYMS.get(word) or (_SYNONYMS.get(word[:-1]) if word.endswith("s") else None)
    word = known or word
    if word.isdigit():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of the words that carry meaning, in order."""
    return tuple(stem(word) for word in _WORD.findall(fold(text)) if word not in _STOPWORDS)


def overlap(question: str, text: str) -> float:
    """Return the share of the question's stems that stand in the text."""
    asked = set(stems(question))
    return len(asked & set(stems(text))) / len(asked) if asked else 0.0
