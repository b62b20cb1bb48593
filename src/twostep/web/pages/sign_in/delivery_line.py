"""How the text or call is doing, as one sentence: on the page, and for its own polling."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from twostep.flows.messages.message_view import DeliveryView
from twostep.web import view
from twostep.web.visit import Visit
from twostep.web.words.message_states import delivery_sentence, late_sentence


def delivery_line(visit: Visit, found: DeliveryView) -> view.DeliveryLine:
    """The line of a message, in the reader's language."""
    sentence = delivery_sentence(
        found.state,
        channel=found.channel,
        at=found.state_at,
        reason=found.reason,
        language=visit.language,
        time_zone=visit.time_zone,
    )
    if found.is_late:
        sentence += f" {late_sentence(found.channel, language=visit.language)}"
    return view.DeliveryLine(found.state.value, sentence)


def status_answer(visit: Visit, found: DeliveryView | None) -> Response:
    """The JSON that the page's script polls."""
    content: dict[str, object] = {"state": None, "sentence": "", "can_send_at": None}
    if found is not None:
        line = delivery_line(visit, found)
        content = {
            "state": line.state,
            "sentence": line.sentence,
            "can_send_at": found.can_send_at,
        }
    return JSONResponse(content, headers={"cache-control": "no-store"})
