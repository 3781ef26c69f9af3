"""Loading: whatever becomes of it, the connection is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infill import manners, patterns
from infill.complete import Completer
from lsp_server import settings
from lsp_server.compose import load_completer
from lsp_server.model import Model
from lsp_server.settings import Settings


class Panic(BaseException):
    """As of a library in Rust: no Exception."""


@pytest.mark.parametrize("kind", [ValueError, Panic])
async def test_what_goes_wrong_is_told_whatever_kind_it_is(kind: type[BaseException]) -> None:
    asked: list[str] = []

    def load(chosen: Settings) -> Completer:
        asked.append(chosen.model)
        raise kind(f"{chosen.model or 'the embedded one'} is broken")

    told = asyncio.get_running_loop().create_future()
    model = Model(load, told.set_result)
    model.begin(settings.read({}, pinned={"model": "/models/one"})[0])
    assert await told == model.failure == "the embedded one is broken"
    assert asked == ["/models/one", ""]
    assert model.ended.is_set() and model.completer is None


def test_the_first_key_waits_for_no_pattern_to_be_compiled(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"rules": []}')
    for known in (patterns._spec, manners._denied_name, manners._is_secret):
        known.cache_clear()  # of other tests
    load_completer(Settings(model=f"scripted:{tmp_path}/model.json")).close()
    ready = patterns._spec.cache_info().misses
    assert manners.denied("/w/a.py") is None
    assert patterns._spec.cache_info().misses == ready > 0
