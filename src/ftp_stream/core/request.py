"""What the service asks of a child process, as bytes; `core.inspection` has what the child answers."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import Any, Final

from ftp_stream.model import AudioConfig, Encoder, Form, Shape, VideoCodec

__all__ = ["LENGTH_BYTES", "PrepareRequest", "Request", "SlateRequest", "decode_request", "encode_request", "length"]

_LENGTH: Final = struct.Struct("=I")
LENGTH_BYTES: Final = _LENGTH.size


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """Make a file ready to play."""

    form: Form
    may_encode: bool = False  # pictures may be encoded here and now; else the answer may be that they must be


@dataclass(frozen=True, slots=True)
class SlateRequest:
    """Make a slate; the file handed in with it is the user's picture, or none.

    Size, shape of the pixels, profile and level are the camera's, read from its record by the child.
    """

    record: bytes  # AVCDecoderConfigurationRecord of what the stream sends now
    frame_rate: float  # of that, per second; 0 where unknown
    name: str  # the camera's
    language: str  # a key of core.slate.SENTENCES
    bitrate: int = 0  # bits per second that a user's picture may make of it; 0: by its size


Request = PrepareRequest | SlateRequest


def encode_request(request: Request) -> bytes:
    """Return a request as it goes to a child: its length, then JSON."""
    told = _slate(request) if isinstance(request, SlateRequest) else _prepare(request)
    return _LENGTH.pack(len(told)) + told


def _slate(request: SlateRequest) -> bytes:
    return json.dumps({"slate": asdict(request) | {"record": request.record.hex()}}).encode()


def _prepare(request: PrepareRequest) -> bytes:
    form = asdict(request.form)
    form["copied"] = sorted(request.form.copied)
    for name in ("audio", "other_audio"):
        if form[name]:
            form[name]["record"] = form[name]["record"].hex()
    return json.dumps({"prepare": form, "may_encode": request.may_encode}).encode()


def length(prefix: bytes) -> int:
    """Return how many bytes follow the first `LENGTH_BYTES` of a request."""
    [count] = _LENGTH.unpack(prefix)
    return int(count)


def decode_request(told: bytes) -> Request:
    """Return what is asked, from what follows the length; the service is believed."""
    request: dict[str, Any] = json.loads(told)
    if slate := request.get("slate"):
        return SlateRequest(**{**slate, "record": bytes.fromhex(slate["record"])})
    form = request["prepare"]
    shape = form["shape"]
    return PrepareRequest(
        Form(
            copied=frozenset(map(VideoCodec, form["copied"])),
            encoded=form["encoded"],
            shape=Shape(**{**shape, "aspect": tuple(shape["aspect"])}) if shape else None,
            bitrate=form["bitrate"],
            encoder=Encoder(form["encoder"]),
            audio=_audio(form["audio"]),
            other_audio=_audio(form["other_audio"]),
        ),
        request["may_encode"],
    )


def _audio(told: dict[str, Any] | None) -> AudioConfig | None:
    return AudioConfig(**{**told, "record": bytes.fromhex(told["record"])}) if told else None
