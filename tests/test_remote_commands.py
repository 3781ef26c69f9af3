"""What is asked first, and with which key: from the environment, from the keyring, and never by accident."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError

from lsp_server.compose import Choice
from lsp_server.errors import UserError
from lsp_server.remote import KEY_VARIABLE, remote_of
from tests.serving import FAULTS, Server, says, serving

KEY = "sk-very-secret-0123456789"
AREA = "import math\n\n\ndef area(radius):\n    return math.pi * radius ** 2\n"
FAR, NEAR = "http://gpu.example:30000/v1", "http://127.0.0.1:30000/v1"
Run = Callable[..., subprocess.CompletedProcess[str]]


class Kept(KeyringBackend):
    """A keyring in memory, or one that raises."""

    priority = 1.0

    def __init__(self, kept: dict[tuple[str, str], str] | Exception) -> None:
        super().__init__()
        self.kept = kept

    def get_password(self, service: str, username: str) -> str | None:
        if isinstance(self.kept, Exception):
            raise self.kept
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment nor a keyring holds a key."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    keep({})


def keep(kept: dict[tuple[str, str], str] | Exception) -> None:
    keyring.set_keyring(Kept(kept))


def key_for(url: str) -> str:
    remote = remote_of(Choice(remote_url=url))
    assert remote is not None
    return remote.key


def test_without_an_address_there_is_no_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert remote_of(Choice(remote_kind="fim", remote_model="m")) is None


def test_the_key_comes_from_the_environment_then_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_for(FAR) == ""
    keep({("redraft", "api.example"): f"{KEY}\n", ("other", "other.example"): "x"})
    assert key_for("https://api.example/v1") == KEY
    assert key_for("https://other.example/v1") == ""
    monkeypatch.setenv(KEY_VARIABLE, f" {KEY}2 ")
    assert key_for("https://api.example/v1") == f"{KEY}2"


def test_a_locked_keyring_is_a_line_in_the_log_without_what_it_said(caplog: pytest.LogCaptureFixture) -> None:
    keep(NoKeyringError())
    assert key_for("https://api.example/v1") == "" and not caplog.text, "a machine without a keyring"
    keep(RuntimeError(f"locked, {KEY}"))
    assert key_for("https://api.example/v1") == ""
    assert "the keyring cannot be read (RuntimeError)" in caplog.text and KEY not in caplog.text


@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Evil: 1", f"{KEY} 2", f"{KEY}é", f"{KEY}\x00"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_unseen(key: str) -> None:
    keep({("redraft", "api.example"): key})
    with pytest.raises(UserError, match="the key in the keyring holds characters that no key has") as raised:
        key_for("https://api.example/v1")
    assert KEY not in str(raised.value)


def test_a_key_does_not_travel_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_for(FAR) == ""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with pytest.raises(UserError, match="would travel unencrypted; make ") as raised:
        key_for(FAR)
    assert KEY not in str(raised.value)
    for url in (NEAR, "http://localhost:1/v1", "http://[::1]:1/v1", "https://gpu.example/v1"):
        assert key_for(url) == KEY
    through = "http://192.0.2.2:3128"
    with pytest.raises(UserError, match="would travel unencrypted"):
        remote_of(Choice(remote_url=NEAR, remote_proxy=through))
    for url, proxy in (("https://gpu.example/v1", through), (NEAR, "http://127.0.0.1:3128")):
        assert (remote := remote_of(Choice(remote_url=url, remote_proxy=proxy))) and remote.key == KEY


# ---- the commands


def test_certificates_that_cannot_be_read_are_one_sentence(redraft: Run, sums: Path) -> None:
    ran = redraft("complete", "sums.py:2:12", "--remote", "https://gpu.example", SSL_CERT_FILE="/no/such/file")
    (line,) = ran.stderr.splitlines()
    assert line.startswith("redraft: gpu.example cannot be asked (") and "check SSL_CERT_FILE" in line
    assert ran.returncode == 1


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "sums.py"
    path.write_text("def add(a, b):\n    return \n")
    return path


async def test_commands_ask_the_remote_and_fall_back_with_one_line(
    redraft: Run, script: Callable[..., str], sums: Path
) -> None:
    async def complete(server: Server) -> subprocess.CompletedProcess[str]:
        model = script([("return ", "a - b")])
        chosen = ("--model", model, "--remote", server.url, "--remote-kind", "completions", "--remote-model", "m")
        return await asyncio.to_thread(redraft, "complete", "sums.py:2:12", *chosen, REDRAFT_REMOTE_KEY=KEY)

    async with serving(says("a + b", "b + a")) as server:
        ran = await complete(server)
        assert (ran.stdout, ran.stderr, ran.returncode) == ("a + b\n", "", 0)
        server.behave = FAULTS["HTML"][0]
        ran = await complete(server)
        assert (ran.stdout, ran.returncode) == ("a - b\n", 0)
        (line,) = ran.stderr.splitlines()
        assert line.startswith("redraft: 127.0.0.1:") and KEY not in line
        assert line.endswith("check redraft.remote.url; the model on this machine answers")


@pytest.mark.parametrize("kind", ["mercury-edit", "vllm", "fim"])
async def test_a_repair_is_written_there_and_judged_here(redraft: Run, tmp_path: Path, kind: str) -> None:
    """The embedded model scores the remote's line against the user's."""
    (tmp_path / "area.py").write_text(AREA.replace("math.pi", "maht.pi"))
    async with serving(says("    return math.pi * radius ** 2\n")) as server:
        ran = await asyncio.to_thread(redraft, "fix", "area.py:5", "--remote", server.url, "--remote-kind", kind)
        assert "-    return maht.pi * radius ** 2\n+    return math.pi * radius ** 2\n" in ran.stdout, ran.stderr
        server.behave = says("    return radius.pi ** maht * 2\n")
        ran = await asyncio.to_thread(redraft, "fix", "area.py:5", "--remote", server.url, "--remote-kind", kind)
        assert "\n+    return math.pi * radius ** 2\n" in ran.stdout, "near texts are tried, too"
        (tmp_path / "area.py").write_text(AREA)
        ran = await asyncio.to_thread(redraft, "fix", "area.py:5", "--remote", server.url, "--remote-kind", kind)
        assert (ran.stdout, ran.stderr) == ("", "redraft: found no better text here.\n")


async def test_the_doctor_asks_the_remote_by_itself(redraft: Run, script: Callable[..., str]) -> None:
    async def doctor(*chosen: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(redraft, "doctor", "--model", script([("total +=", " value")]), *chosen)

    ran = await doctor()
    assert "remote:      none; no other machine is asked" in ran.stdout and ran.returncode == 0
    async with serving(says(" value")) as server:
        ran = await doctor("--remote", server.url)
        assert f"remote:      {server.url} (completions, without a key): an answer in " in ran.stdout, ran.stdout
        assert ran.returncode == 0
        server.behave = FAULTS["401"][0]
        ran = await doctor("--remote", server.url)
        assert "PROBLEM:     127.0.0.1:" in ran.stdout and "set REDRAFT_REMOTE_KEY (401); meanwhile the" in ran.stdout
        assert "next key:" in ran.stdout, "the model here is measured all the same"
        assert ran.returncode == 1


@pytest.mark.parametrize("url", ["gpu:30000", "ftp://h/", "http://", "http://u:p@h/", "http://h/?x=1", "http://h:x/"])
def test_what_is_no_address_is_wrong_usage(redraft: Run, sums: Path, url: str) -> None:
    ran = redraft("complete", "sums.py:2:12", "--remote", url)
    assert ran.returncode == 2
    assert "give an http or https address without user name, password and query" in ran.stderr
    assert "u:p" not in ran.stderr
