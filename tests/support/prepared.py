"""Prepares a file in this very process, and reads back the frames that its table names."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ftp_stream.core.aac import parse_config
from ftp_stream.core.frames import build
from ftp_stream.core.request import PrepareRequest
from ftp_stream.media.prepare import prepare
from ftp_stream.model import Form, Row, Source

if TYPE_CHECKING:
    from ftp_stream.core.inspection import Inspection
    from ftp_stream.model import FrameTable


@dataclass(frozen=True, slots=True)
class Prepared:
    """What preparing made of a file."""

    found: Inspection
    table: FrameTable
    payloads: list[bytes]  # one per row

    @property
    def notes(self) -> str:
        return "; ".join(self.found.notes)

    def rows(self, *, audio: bool) -> list[int]:
        return [row for row, flag in enumerate(self.table.flags) if bool(flag & Row.AUDIO) == audio]

    def frames(self, *, audio: bool) -> list[bytes]:
        """The payloads of one track."""
        return [self.payloads[row] for row in self.rows(audio=audio)]

    def shown(self, *, audio: bool) -> list[int]:
        """Presentation times of one track in the order of sending, microseconds."""
        return [self.table.dts_us[row] + self.table.cts_us[row] for row in self.rows(audio=audio)]

    def decoded(self, *, audio: bool) -> list[int]:
        return [self.table.dts_us[row] for row in self.rows(audio=audio)]

    def keys(self) -> list[bool]:
        return [bool(self.table.flags[row] & Row.KEY) for row in self.rows(audio=False)]

    def sources(self) -> set[Source]:
        return {Source(flag & Row.SOURCE_MASK) for flag in self.table.flags}


def prepare_file(path: Path, form: Form | None = None, *, may_encode: bool = False) -> Prepared:
    """Prepare a file; SegmentRefused as the service would see it."""
    fileno = os.open(path, os.O_RDONLY)
    try:
        with tempfile.NamedTemporaryFile() as sidecar:
            found = prepare(fileno, sidecar, PrepareRequest(form or Form(), may_encode))
            sidecar.flush()
            aside = Path(sidecar.name).read_bytes()
    finally:
        os.close(fileno)
    content = path.read_bytes()
    config = parse_config(found.audio_record) if found.audio else None
    assert len(aside) == found.sidecar_size
    table = build(found.video, found.audio, config=config, file_size=len(content), sidecar_size=len(aside))
    payloads = [
        (aside if flag & Row.SOURCE_MASK == Source.SIDECAR else content)[position : position + size]
        for flag, position, size in zip(table.flags, table.position, table.size, strict=True)
    ]
    return Prepared(found, table, payloads)
