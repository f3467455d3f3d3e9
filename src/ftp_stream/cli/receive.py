"""`ftp-stream receive`: the built-in receiver as a tool for whoever tests a publisher."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ftp_stream.cli.common import OK, out
from ftp_stream.cli.stand_in import APP
from ftp_stream.errors import ConfigError
from ftp_stream.rtmp.audit import StreamAudit, TrackAudit
from ftp_stream.shell.receiver import Left, PublishBegan, PublishOver, Receiver, ReceiverEvent, Recorded, Refused
from ftp_stream.view import duration, plain

__all__ = ["receive"]

_EVERY = 0.5  # seconds between two pictures
_MOST = 20  # streams in a picture


def receive(
    *,
    listen: Annotated[str, typer.Option(help="ADDRESS:PORT; [::1]:1935 for IPv6.")] = "127.0.0.1:1935",
    record: Annotated[Path | None, typer.Option(help="Write what comes to this FLV file.", dir_okay=False)] = None,
) -> None:
    """Receive RTMP publishes and show what comes. For testing publishers: it is no media server."""
    host, port = _address(listen)
    raise typer.Exit(asyncio.run(_Reception(host, port, record).run()))


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - a port has 16 bits
        raise ConfigError(f"--listen {text!r} must be ADDRESS:PORT, for example 127.0.0.1:1935 or 0.0.0.0:1935")
    return host.removeprefix("[").removesuffix("]"), int(port)


class _Reception:
    """A receiver and the picture of what it sees."""

    def __init__(self, host: str, port: int, record: Path | None) -> None:
        self._receiver = Receiver(host, port, record=record, on_event=self._note)
        self._last = Text("Nobody has come yet.", "dim")

    async def run(self) -> int:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        async with self._receiver:
            out.print(f"Publish to {self._receiver.url(APP, 'ANY-KEY')}; Ctrl-C ends.")
            with Live(console=out, auto_refresh=False) as live:
                while not stopping.is_set():
                    live.update(self._picture(loop.time()), refresh=True)
                    try:
                        async with asyncio.timeout(_EVERY):
                            await stopping.wait()
                    except TimeoutError:
                        continue
                live.update(self._picture(loop.time()), refresh=True)
        return OK

    def _note(self, event: ReceiverEvent) -> None:
        match event:
            case PublishBegan():
                self._last = Text(f"{event.peer} publishes to {plain(event.app)}", "green")
            case PublishOver() | Refused() | Left():
                self._last = Text(f"{event.peer}: {plain(event.reason)}", "yellow")
            case Recorded():
                words = f"{event.path}: {event.problem}" if event.problem else f"{event.path} is complete"
                self._last = Text(plain(words), "red" if event.problem else "green")

    def _picture(self, now: float) -> Group:
        audits = self._receiver.audits
        recent = list(audits.items())[-_MOST:]
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for title in ("Stream", "State", "Publishes", "Video", "Audio", "Data", "Gap", "Back"):
            table.add_column(title, justify="left" if title in {"Stream", "State"} else "right")
        for name, audit in recent:
            table.add_row(*_row(name, audit, now))
        more = [Text(f"and {len(audits) - _MOST} earlier ones", "dim")] if len(audits) > _MOST else []
        return Group(*([table] if recent else []), *more, self._last)


def _row(name: str, audit: StreamAudit, now: float) -> list[str]:
    publish = audit.current
    video, audio = publish.video, publish.audio
    return [
        f"{plain(name.rpartition('/')[0])}/***",  # the rest is the key
        f"live for {duration(now - publish.started_at)}" if audit.live else "ended",
        f"{audit.publish_count}",
        _frames(video),
        _frames(audio),
        f"{(video.payload_bytes + audio.payload_bytes) / 1e6:,.1f} MB",
        f"{max(video.largest_gap_ms, audio.largest_gap_ms)} ms",
        f"{video.steps_back + audio.steps_back}",
    ]


def _frames(track: TrackAudit) -> str:
    return f"{track.frames:,} {plain(track.codec)}" if track.frames else "-"
