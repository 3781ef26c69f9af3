"""Counters for Prometheus; they never leave the machine unless somebody fetches them."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from infill.filler import FillReport
from lsp_server.door.line import Line

MEDIA = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What /metrics shows of one server."""

    def __init__(self, line: Line) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        counter, gauge = partial(Counter, registry=self._registry), partial(Gauge, registry=self._registry)
        self.requests = counter(
            "redraft_requests", "Requests answered, by dialect and HTTP status.", ("dialect", "status")
        )
        self.cancelled = counter(
            "redraft_cancelled", "Requests whose client went away before the answer.", ("dialect",)
        )
        self.seconds = Histogram(
            "redraft_request_seconds", "From the request's last byte to the answer, waiting included.", ("dialect",),
            buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30), registry=self._registry,
        )  # fmt: skip
        self.running = gauge("redraft_running", "Requests that the model works on.")
        self.forwards = counter("redraft_forwards", "Forwards of the model, those for context included.")
        self.events = counter("redraft_client_events", "What Tabby's clients did with answers.", ("type",))
        self._tokens = counter("redraft_tokens", "Tokens of answers.")
        self._context = counter("redraft_context_tokens", "Context tokens encoded.")
        gauge("redraft_waiting", "Requests in the line.").set_function(lambda: len(line))

    def note(self, report: FillReport) -> None:
        """Add what an answer cost."""
        self._tokens.inc(report.tokens)
        self._context.inc(report.context_tokens)

    def page(self) -> bytes:
        """The text format."""
        return generate_latest(self._registry)
