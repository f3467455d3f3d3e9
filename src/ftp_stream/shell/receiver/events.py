"""What a receiver tells: frozen values. The stream's name holds the key, so no text form shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Left", "PublishBegan", "PublishOver", "ReceiverEvent", "Recorded", "Refused"]


@dataclass(frozen=True, slots=True)
class PublishBegan:
    """A publish was accepted."""

    stream: str = field(repr=False)  # app/key: the key is a secret
    app: str
    peer: str  # address of the publisher


@dataclass(frozen=True, slots=True)
class PublishOver:
    """A publish that was accepted has ended."""

    stream: str = field(repr=False)
    app: str
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A publish was refused."""

    stream: str = field(repr=False)
    app: str
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """A connection is gone."""

    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording is complete, or was given up where there is a problem."""

    path: Path
    problem: str = ""


ReceiverEvent: TypeAlias = PublishBegan | PublishOver | Refused | Left | Recorded
