"""The state of a text or call as one sentence, for the page and its status polling."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from twostep.flows.messages.message_view import DeliveryView
from twostep.web import view
from twostep.web.visit import Visit
from twostep.web.words.message_states import delivery_sentence, late_sentence


def delivery_line(visit: Visit, delivery: DeliveryView) -> view.DeliveryLine:
    """The state of a message, in the reader's language."""
    sentence = delivery_sentence(
        delivery.state,
        channel=delivery.channel,
        at=delivery.state_at,
        reason=delivery.reason,
        language=visit.language,
        time_zone=visit.time_zone,
    )
    if delivery.is_late:
        sentence += f" {late_sentence(delivery.channel, language=visit.language)}"
    return view.DeliveryLine(delivery.state.value, sentence)


def status_answer(visit: Visit, delivery: DeliveryView | None) -> Response:
    """The JSON that the page's script polls."""
    content: dict[str, object] = {"state": None, "sentence": "", "can_send_at": None}
    if delivery is not None:
        line = delivery_line(visit, delivery)
        content = {
            "state": line.state,
            "sentence": line.sentence,
            "can_send_at": delivery.can_send_at,
        }
    return JSONResponse(content, headers={"cache-control": "no-store"})
