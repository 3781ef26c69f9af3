"""schemathesis reads the server's own description and sends what it allows and what it does not: no 5xx ever."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from lsp_server.door.app import FILLS
from lsp_server.door.facts import PROBES
from tests.lsp_server.door.conftest import Served

EXAMPLES = 25


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_nothing_that_is_sent_breaks_the_server(door: Served, mode: GenerationMode) -> None:
    described = schemathesis.openapi.from_url(f"{door.url}/openapi.json")
    paths = set()
    for found in described.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not operation.body:
            continue  # nothing in it could be wrong

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def sent(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=[not_a_server_error], timeout=60)

        sent()
        paths.add(operation.path)
    assert paths >= set(FILLS)
    assert mode is GenerationMode.NEGATIVE or paths >= {probe.path for probe in PROBES}
