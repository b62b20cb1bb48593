"""Where spans go: OTLP over HTTP, in batches, from a separate thread.

Spans that cannot be exported are dropped: a hanging collector delays neither pages nor shutdown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from twostep import __version__
from twostep.config.operate import TracingSettings
from twostep.tracing.spans import Spans


EXPORT_SECONDS = 3.0
EVERY_SECONDS = 2.0
MOST_WAITING = 4096
STOP_SECONDS = 3.0


@contextmanager
def exporting(settings: TracingSettings) -> Iterator[Spans]:
    """Make spans and export them."""
    authorization = settings.authorization
    exporter = OTLPSpanExporter(
        endpoint=settings.endpoint,
        headers={"authorization": authorization.get_secret_value()} if authorization else None,
        timeout=EXPORT_SECONDS,
    )
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.share)),
        # No resource detectors: they would add the command line and the host name.
        resource=Resource({"service.name": "twostep", "service.version": __version__}),
        span_limits=SpanLimits(max_events=0, max_links=0, max_attribute_length=100),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=MOST_WAITING,
            schedule_delay_millis=1000 * EVERY_SECONDS,
        )
    )
    try:
        yield Spans(provider.get_tracer("twostep", __version__))
    finally:
        # Shutdown may wait for every batch in turn, so it gets a time limit.
        stopping = threading.Thread(target=provider.shutdown, daemon=True)
        stopping.start()
        stopping.join(STOP_SECONDS)
