"""The client of a process, against servers that answer, break off, close, or are not there."""

import asyncio
import gzip
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from channels.base import OutcomeUnknown, Rejected, Unavailable
from channels.transport import MAX_ANSWER_BYTES, exchange
from wiring.http_client import make_http

TIMEOUT = httpx.Timeout(5)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
# The proxy of the machine that the tests run on is not what they are about.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


class Server:
    """Answers request after request by a script; b"" closes the connection. The last line is said for ever."""

    def __init__(self, script: Sequence[bytes], *, is_closing: bool = False) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        self.heard = asyncio.Event()
        self.connections = 0
        self.url = ""
        self._script = list(script)
        self._is_closing = is_closing  # right after each answer, without a word

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(
                    (int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:")), 0
                )
                self.requests.append((head, await reader.readexactly(size)))
                self.heard.set()
                answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                writer.write(answer)
                await writer.drain()
                if not answer or self._is_closing:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=tls)
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with make_http(timeout=TIMEOUT, max_connections=20) as http:
        yield http


def answer(body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def test_request_and_answer_pass_as_they_are() -> None:
    server = Server([answer(gzip.compress(b'{"ok": "\xc3\xa7"}'), "Content-Encoding: gzip", "X-Way: a", "X-Way: b")])
    async with serving(server), client() as http:
        got = await http.post(
            f"{server.url}/a%2Fb?q=x%20y", json={"to": "ção"}, headers={"authorization": "Bearer t", "x-own": "1"}
        )
    ((head, body),) = server.requests
    lines = head.decode().lower().splitlines()
    assert lines[0] == "post /a%2fb?q=x%20y http/1.1"
    assert body == '{"to":"ção"}'.encode()
    for name in ("host", "content-length", "content-type", "authorization", "user-agent", "x-own"):
        assert sum(line.startswith(f"{name}:") for line in lines) == 1, lines
    assert got.json() == {"ok": "ç"}
    assert got.headers.get_list("x-way") == ["a", "b"]
    assert (got.status_code, got.reason_phrase) == (200, "OK")


async def test_empty_post_and_form_and_files_are_sent() -> None:
    server = Server([OK])
    async with serving(server), client() as http:
        await http.post(server.url)
        await http.post(server.url, data={"To": "+55 11"})
        await http.post(server.url, files={"file": ("a.csv", b"cpf\n1", "text/csv")})
    heads = [head.lower() for head, _ in server.requests]
    bodies = [body for _, body in server.requests]
    assert bodies[:2] == [b"", b"To=%2B55+11"]
    assert b"cpf\n1" in bodies[2]
    assert all(b"content-length:" in head and b"transfer-encoding" not in head for head in heads)


async def test_one_after_the_other_share_a_connection_and_cookies_are_not_kept_by_it() -> None:
    server = Server([answer(b"{}", "Set-Cookie: a=1"), OK])
    async with serving(server), client() as http:
        for _ in range(3):
            await exchange(http, "POST", server.url, json_body={})
            http.cookies.clear()
    assert server.connections == 1
    assert not any(b"cookie" in head.lower() for head, _ in server.requests)


async def test_many_at_once_keep_to_the_limit_and_all_are_answered() -> None:
    server = Server([OK])
    async with serving(server), client() as http:
        answers = await asyncio.gather(*(exchange(http, "POST", server.url, json_body={"n": n}) for n in range(200)))
    assert [one.status for one in answers] == [200] * 200
    assert len({body for _, body in server.requests}) == 200
    assert server.connections <= 20


async def test_connection_that_the_server_closed_meanwhile_takes_nothing_with_it() -> None:
    server = Server([OK], is_closing=True)
    async with serving(server), client() as http:
        for _ in range(3):
            assert (await exchange(http, "POST", server.url, json_body={})).status == 200
            await asyncio.sleep(0.01)
    assert server.connections == 3


async def test_redirects_are_not_followed() -> None:
    server = Server([b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"])
    async with serving(server), client() as http:
        assert (await exchange(http, "GET", server.url)).status == 302
    assert len(server.requests) == 1


async def test_answer_that_is_too_large_is_left_and_the_next_one_works() -> None:
    server = Server([answer(b"x" * (MAX_ANSWER_BYTES * 4)), OK])
    async with serving(server), client() as http:
        assert (await exchange(http, "POST", server.url, json_body={})).body is None
        assert (await exchange(http, "POST", server.url, json_body={})).body == b"{}"


async def test_nobody_there_means_not_sent() -> None:
    async with client() as http:
        with pytest.raises(Unavailable):
            await exchange(http, "POST", f"http://127.0.0.1:{free_port()}", json_body={})


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="closed"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", id="cut"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-", id="cut in the head"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="broken chunk"),
        pytest.param(answer(b"no gzip", "Content-Encoding: gzip"), id="broken gzip"),
    ],
)
async def test_whatever_breaks_after_the_request_left_means_that_nobody_knows(said: bytes) -> None:
    server = Server([said], is_closing=True)
    async with serving(server), client() as http:
        with pytest.raises(OutcomeUnknown):
            await exchange(http, "POST", server.url, json_body={})
    assert len(server.requests) == 1, "a POST is not repeated"


@pytest.mark.parametrize("said", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
async def test_silence_ends_by_the_time_given_and_nobody_knows(said: bytes) -> None:
    server = Server([said])
    async with serving(server), client() as http:
        with pytest.raises(OutcomeUnknown):
            await exchange(http, "POST", server.url, json_body={}, total_seconds=0.05)
        with pytest.raises(httpx.ReadTimeout):
            await http.post(server.url, timeout=0.05)


async def test_wait_for_a_free_connection_ends_and_nothing_was_sent() -> None:
    server = Server([b"HTTP/1.1 200 OK\r\n"])
    async with serving(server), make_http(timeout=TIMEOUT, max_connections=1) as http:
        first = asyncio.create_task(http.post(server.url))
        await server.heard.wait()
        with pytest.raises(httpx.ConnectTimeout):
            await http.post(server.url, timeout=httpx.Timeout(5, connect=0.02, pool=0.02))
        first.cancel()
        await asyncio.wait([first])
    assert len(server.requests) == 1


async def test_what_cannot_be_sent_is_refused_before_a_connection_is_made() -> None:
    server = Server([OK])
    async with serving(server), client() as http:
        for url, token in ((server.url, "a\r\nX-Evil: 1"), (server.url.replace("http", "ftp"), "a")):
            with pytest.raises(Rejected) as refused:
                await exchange(http, "POST", url, headers={"authorization": token}, json_body={})
            assert refused.value.code == "unsendable"
    assert server.connections == 0


async def test_certificate_that_nobody_vouches_for_means_not_sent(tmp_path: Path) -> None:
    server = Server([OK])
    async with serving(server, tls=_self_signed(tmp_path)), client() as http:
        with pytest.raises(Unavailable):
            await exchange(http, "POST", server.url, json_body={})
    assert server.requests == []


async def test_certificate_of_a_known_authority_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, tls = Server([OK]), _self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    async with serving(server, tls=tls), client() as http:
        assert (await exchange(http, "POST", server.url, json_body={})).status == 200


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
async def test_proxy_of_the_environment_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server([OK])
    async with serving(server):
        monkeypatch.setenv(name, server.url)
        async with client() as http:
            assert (await exchange(http, "POST", "http://provider.invalid/x", json_body={})).status == 200
    assert server.requests[0][0].startswith(b"POST http://provider.invalid/x ")


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1)).add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    own = folder / "own.pem"
    own.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    return context
