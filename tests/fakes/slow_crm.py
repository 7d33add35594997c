"""A CRM on loopback that answers when a test says so: over real HTTP, with the demo's debtors."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from channels.crm import HttpCrm
from domain.ports import Clock

_HEADERS = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
_MARIA = {
    "nome": "Maria da Silva", "cpf_cnpj": "52998224725", "valor_total": 239.80, "faturas_em_aberto": 2,
    "faturas": [
        {"numero_fatura": "FAT-1001", "valor": 119.90, "data_vencimento": "2026-10-10"},
        {"numero_fatura": "FAT-1002", "valor": 119.90, "data_vencimento": "2026-11-10"},
    ],
}  # fmt: skip


@dataclass
class SlowCrm:
    """While it is held nobody gets an answer; `asked` counts the questions."""

    url: str = ""
    asked: int = 0
    free: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def hold(self) -> None:
        self.free.clear()

    def release(self) -> None:
        self.free.set()

    async def until_asked(self, times: int = 1) -> None:
        """Wait until it was asked so often."""
        async with self.news, asyncio.timeout(20):
            await self.news.wait_for(lambda: self.asked >= times)

    def client(self, http: httpx.AsyncClient, clock: Clock) -> HttpCrm:
        return HttpCrm(http, url=self.url, api_key="chave", clock=clock)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one question, wait, and answer it."""
        try:
            await _read_request(reader)
            self.asked += 1
            async with self.news:
                self.news.notify_all()
            await self.free.wait()
            body = json.dumps(_MARIA).encode()
            writer.write(_HEADERS.format(length=len(body)).encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked did not wait for the answer
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(line for line in head.splitlines() if line.startswith("content-length:"))
    await reader.readexactly(int(length.partition(":")[2]))


@asynccontextmanager
async def serve_slow_crm() -> AsyncIterator[SlowCrm]:
    """Listen on loopback; it answers at once until it is held."""
    crm = SlowCrm()
    crm.release()
    server = await asyncio.start_server(crm.answer, "127.0.0.1", 0)
    crm.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield crm
    finally:
        crm.release()
        server.close()
        await server.wait_closed()
