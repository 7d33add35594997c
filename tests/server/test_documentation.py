"""The documentation pages of the api work where nothing else can be reached."""

import re

import pytest

from tests.server.conftest import Api

_LOADED = re.compile(r"<(?:script|link|img)[^>]*?(?:src|href)=\"([^\"]+)\"")


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_documentation_loads_only_what_the_service_has_itself(api: Api, page: str) -> None:
    answer = await api.http.get(page)
    assert answer.status_code == 200
    loaded = _LOADED.findall(answer.text)
    assert any(path.endswith(".js") for path in loaded)
    for path in loaded:
        assert path.startswith("/"), path
        assert not path.startswith("//"), path
        found = await api.http.get(path)
        assert (found.status_code, len(found.content) > 1000) == (200, True), path
        assert not found.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "http" not in policy
    assert "default-src 'self'" in policy
    assert "/openapi.json" in answer.text


async def test_everything_else_keeps_the_strict_policy(api: Api) -> None:
    answer = await api.http.get("/health")
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
