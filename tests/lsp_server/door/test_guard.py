"""Who gets in: Host, Origin, token, size."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.lsp_server.door.conftest import RULES, Served, scripted, serving

TOKEN = "correct-horse-battery-staple"
FIM = {"prompt": "greet = ", "suffix": "\n"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8012", "[::1]:8012"])
def test_own_names_are_let_in(door: Served, host: str) -> None:
    assert door.http.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[", "a:b:c", ""])
@pytest.mark.parametrize("path", ["/health", "/health/", "/metrics", "/docs", "/nowhere", "/api/tags"])
def test_a_rebound_name_is_refused(door: Served, host: str, path: str) -> None:
    answer = door.http.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "Host" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_origin_is_refused(door: Served, headers: dict[str, str]) -> None:
    before = door.metric("redraft_forwards_total")
    assert door.http.post("/v1/completions", json=FIM, headers=headers).status_code == 403
    assert door.metric("redraft_forwards_total") == before


def test_the_own_page_may_ask(door: Served) -> None:
    headers = {"Origin": door.url, "Sec-Fetch-Site": "same-origin"}
    answer = door.http.post("/v1/completions", json=FIM, headers=headers)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(door: Served, chunked: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(80):
            yield b" " * 65_536

    content = pieces() if chunked else b" " * (80 * 65_536)
    try:
        answer = door.http.post("/v1/completions", content=content)
    except httpx2.WriteError:
        pass  # refused before all was sent
    else:
        assert answer.status_code == 413
        assert "4,194,304" in answer.json()["error"]["message"]
    assert door.http.get("/health").status_code == 200


def test_a_token_is_asked_of_everything_but_health(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with serving("--model", scripted(tmp_path, RULES), "--token-file", str(file)) as door:
        assert door.http.get("/health").status_code == 200
        for path in ("/metrics", "/v1/models", "/docs", "/nowhere"):
            assert door.http.get(path).status_code == 401
        for given in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"):
            headers = {"Authorization": given.encode("latin-1")}
            answer = door.http.post("/v1/completions", json=FIM, headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 401, given
            assert TOKEN not in answer.text
        right = {"Authorization": f"Bearer {TOKEN}"}
        answer = door.http.post("/v1/completions", json=FIM, headers=right)
        assert answer.json()["choices"][0]["text"] == "'hello'"


def test_off_loopback_a_token_is_required(redraft: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    ran = redraft("serve", "--host", "0.0.0.0", REDRAFT_TOKEN="")
    assert ran.returncode == 1
    assert ran.stderr.startswith("redraft: other machines can reach 0.0.0.0")
    assert "REDRAFT_TOKEN" in ran.stderr


def test_a_token_file_that_is_none_is_one_sentence(redraft: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    ran = redraft("serve", "--token-file", "none.txt")
    told = "redraft: the token file none.txt cannot be read (No such file or directory); check the path.\n"
    assert (ran.returncode, ran.stderr) == (1, told)


def test_off_loopback_with_a_token(tmp_path: Path) -> None:
    with serving("--model", scripted(tmp_path, RULES), "--host", "0.0.0.0", REDRAFT_TOKEN=TOKEN) as door:
        url = f"http://127.0.0.1:{door.port}/v1/models"
        assert httpx2.get(url).status_code == 401
        assert httpx2.get(url, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_name_can_be_allowed(tmp_path: Path) -> None:
    with serving("--model", scripted(tmp_path, RULES), "--allow-host", "host.docker.internal") as door:
        for host, status in (("host.docker.internal:8012", 200), ("evil.example", 403)):
            assert door.http.get("/health", headers={"Host": host}).status_code == status
