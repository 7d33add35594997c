"""The outside world of the bench: a CRM and a provider, each with its delay, in a process of their own.

`python -m bench.outside` writes its port and serves until its standard input ends. Raw HTTP/1.1: it must cost little.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import cast

import uvloop

from bench.http_load import content_length

CRM_PATH = "/clientes/consultar_inadimplencia"
_HOST = "127.0.0.1"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_LATE = timedelta(days=40)


class Outside:
    """What the CRM and the provider answer, and how often each phone was written to."""

    def __init__(self, *, today: date) -> None:
        self._due_on = (today - _LATE).isoformat()
        self.asked = 0
        self.sent: Counter[str] = Counter()

    def answer(self, path: str, body: bytes) -> dict[str, object]:
        """Answer one request: the CRM that money is owed, the provider that it took the message, else the counts."""
        if path == CRM_PATH:
            return self._owes(str(json.loads(body)["cpf_cnpj"]))
        if path.endswith("/messages"):
            return self._took(str(json.loads(body)["to"]))
        return {"asked": self.asked, "sent": self.sent.total(), "phones": len(self.sent)}

    def _owes(self, document: str) -> dict[str, object]:
        self.asked += 1
        invoice = {
            "numero_fatura": f"FAT-{document}", "valor": 119.9, "data_vencimento": self._due_on,
            "dias_atraso": _LATE.days, "linha_digitavel": "00190500954014481606906809350314337370000011990",
        }  # fmt: skip
        return {
            "nome": "Maria da Silva", "cpf_cnpj": document, "faturas_em_aberto": 1, "valor_total": 119.9,
            "faturas": [invoice],
        }  # fmt: skip

    def _took(self, phone: str) -> dict[str, object]:
        self.sent[phone] += 1
        return {
            "messaging_product": "whatsapp",
            "contacts": [{"input": phone, "wa_id": phone}],
            "messages": [{"id": f"wamid.{phone}.{self.sent[phone]}", "message_status": "accepted"}],
        }


class _Exchange(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self, outside: Outside, delay_seconds: float) -> None:
        self._outside = outside
        self._delay_seconds = delay_seconds
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < content_length(head):
            return
        self._buffer = b""
        method, path = head.split(b" ", 2)[:2]
        text = json.dumps(self._outside.answer(path.decode(), body)).encode()
        response = _HEAD % len(text) + text
        delay = self._delay_seconds if method == b"POST" else 0
        asyncio.get_running_loop().call_later(delay, self._write, response)

    def _write(self, response: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


async def _serve(delay_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    outside = Outside(today=datetime.now(UTC).date())
    server = await loop.create_server(lambda: _Exchange(outside, delay_seconds), _HOST, 0, backlog=500)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await asyncio.to_thread(sys.stdin.read)  # whoever started it is gone, or is done


def main() -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m bench.outside")
    parser.add_argument("--delay-seconds", type=float, required=True)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(arguments.delay_seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
