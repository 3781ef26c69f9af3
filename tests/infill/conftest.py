"""What several tests of `infill` stand on: the embedded weights behind the front door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.checkpoint import EMBEDDED
from infill.complete import Completer
from training.serving import Served


@pytest.fixture(scope="module")
def completer() -> Iterator[Completer]:
    """The embedded model, opened once a file."""
    served = Served.open(EMBEDDED, "onnx", 2)
    made = Completer(served.filler)
    yield made
    made.close()
