"""Takes a call as Twilio would, speaks it with a real voice, and listens to what was said.

The voice is flite's, sent through telephone sound (8 kHz, µ-law); the ear is pocketsphinx's, which
knows English digits. What it hears is what a person would.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import wave
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest


VOICE = "rms"
RATE = 8000
GRAMMAR = (
    "#JSGF V1.0; grammar six; public <six> = <d> <d> <d> <d> <d> <d>;"
    " <d> = zero | one | two | three | four | five | six | seven | eight | nine;"
)
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Said:
    """One Say or Pause of a TwiML document, in order."""

    words: str = ""
    pause: float = 0.0


def need() -> None:
    """Skip, saying why, where voice or ear is missing."""
    if shutil.which("flite") is None:
        pytest.skip("flite is not here: apt-get install flite")
    pytest.importorskip("pocketsphinx")


def said(twiml: str) -> Iterator[Said]:
    """What a document says, inside Gather or not."""
    for element in ET.fromstring(twiml).iter():  # noqa: S314  our own answer
        if element.tag == "Say":
            yield Said(words=element.text or "")
        elif element.tag == "Pause":
            yield Said(pause=float(element.get("length", "1")))


def action_of(twiml: str) -> str | None:
    """Where a pressed key goes; None: the call ends after the words."""
    gather = ET.fromstring(twiml).find("Gather")  # noqa: S314  as above
    return None if gather is None else gather.get("action")


def speak(parts: list[Said], folder: Path) -> bytes:
    """Render as telephone sound: 16-bit samples at 8 kHz that went through µ-law and back."""
    sound = bytearray()
    for part in parts:
        sound += b"\0\0" * int(RATE * part.pause)
        if part.words:
            sound += _voice(part.words, folder)
    return bytes(_through_mu_law(bytes(sound)))


def hear(sound: bytes) -> str:
    """The six digits that were spoken."""
    from pocketsphinx import Decoder, get_model_path  # noqa: PLC0415  where `need` has found it

    decoder = Decoder(
        hmm=get_model_path("en-us/en-us"),
        dict=get_model_path("en-us/cmudict-en-us.dict"),
        lm=None,
        samprate=16_000,
        loglevel="FATAL",
    )
    decoder.add_jsgf_string("six", GRAMMAR)
    decoder.activate_search("six")
    decoder.start_utt()
    decoder.process_raw(_doubled(sound), full_utt=True)
    decoder.end_utt()
    guess = decoder.hyp()
    words = guess.hypstr.split() if guess else []
    return "".join(str(DIGITS.index(word)) for word in words)


def _voice(words: str, folder: Path) -> bytes:
    path = folder / "said.wav"
    subprocess.run(["flite", "-voice", VOICE, "-t", words, "-o", path], check=True)
    with wave.open(str(path)) as spoken:
        rate, frames = spoken.getframerate(), spoken.readframes(spoken.getnframes())
    assert rate == 2 * RATE
    return _pack(_filtered(memoryview(frames).cast("h"))[::2])


def _through_mu_law(sound: bytes) -> bytearray:
    """ITU-T G.711, there and back."""
    out = bytearray()
    for sample in memoryview(sound).cast("h"):
        sign, level = (-1, -sample) if sample < 0 else (1, sample)
        level = min(level, 32_635) + 132
        exponent = max(level.bit_length() - 8, 0)
        mantissa = level >> (exponent + 3) & 0x0F
        back = sign * (((mantissa << 3) + 132 << exponent) - 132)
        out += max(-32_768, min(32_767, back)).to_bytes(2, "little", signed=True)
    return out


def _doubled(sound: bytes) -> bytes:
    """8 kHz as 16 kHz, for an ear that was trained on that."""
    spread: list[float] = []
    for sample in memoryview(sound).cast("h"):
        spread += (2.0 * sample, 0.0)
    return _pack(_filtered(spread))


def _filtered(samples: Sequence[float]) -> list[float]:
    """Only what a telephone carries: half of the band (a windowed sinc of 31 taps)."""
    taps = [
        (0.5 if n == 0 else math.sin(math.pi * n / 2) / (math.pi * n))
        * (0.54 + 0.46 * math.cos(math.pi * n / 15))
        for n in range(-15, 16)
    ]
    weighed = [(n, tap) for n, tap in enumerate(taps) if abs(tap) > 1e-9]
    padded = [0.0] * 15 + list(samples) + [0.0] * 15
    return [sum(tap * padded[at + n] for n, tap in weighed) for at in range(len(samples))]


def _pack(samples: Sequence[float]) -> bytes:
    return array("h", [max(-32_768, min(32_767, round(sample))) for sample in samples]).tobytes()
