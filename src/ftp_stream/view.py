"""The Status as a picture for a terminal."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from ftp_stream.core.status import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console, ConsoleOptions, RenderResult

    from ftp_stream.core.status import CameraStatus, Fault, ReceiverStatus, Status, StreamStatus
    from ftp_stream.core.uplink import SlowUplink

__all__ = ["Picture", "Screen", "duration", "plain"]

_FIXED = {"Lag": 10, "Frames": 14, "Publish": 12}  # columns of a fixed width, in characters
_GAPS = 8  # two characters between columns
_NAME = 20  # a name and its glyph, or "playing 4.2 Mbit/s"
_LEAST_ROOM = 33  # for a stream's name and its file, on the narrowest terminal
_RATE_OVER = 5.0  # seconds that a rate is averaged over: the sending itself goes in bursts
_LOOKS = {
    Phase.PLAYING: ("●", "bold green"),
    Phase.HOLDING: ("◐", "yellow"),
    Phase.SLATE: ("▣", "yellow"),
    Phase.CONNECTING: ("◌", "cyan"),
    Phase.BACKOFF: ("✖", "bold red"),
    Phase.IDLE: ("○", "dim"),
    Phase.STOPPED: ("■", "dim"),
}
_DISPOSED = {"delivered": "green", "repeated": "dim"}  # the others are losses


def plain(text: str) -> str:
    """Return the text without what could command a terminal: names come from strangers."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def duration(seconds: float) -> str:
    """Return a span of time in its two largest units: 42 s, 3m 05s, 2h 14m, 3d 4h."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest} s"


class Screen:
    """Draws one status after the other; keeps the last few seconds, for the rates."""

    def __init__(self) -> None:
        self._sent: dict[str, deque[tuple[float, int]]] = {}  # stream -> (when, bytes sent until then)

    def draw(self, status: Status) -> Picture:
        """Return the picture of this status."""
        streams = [stream for camera in status.cameras for stream in camera.streams]
        return Picture(status, {stream.name: self._rate(stream, status.at) for stream in streams})

    def _rate(self, stream: StreamStatus, at: float) -> float:
        """Return bits a second over the last few seconds; 0 where nothing is known or sent."""
        past = self._sent.setdefault(stream.name, deque())
        if past and (stream.bytes_sent < past[-1][1] or at < past[-1][0]):
            past.clear()  # another run of the service
        past.append((at, stream.bytes_sent))
        while past[0][0] < at - _RATE_OVER and past[1][0] < at:
            past.popleft()
        (then, before), (now, after) = past[0], past[-1]
        return (after - before) * 8 / (now - then) if now > then else 0.0


class Picture:
    """One status, drawn as wide as the terminal is."""

    def __init__(self, status: Status, rates: Mapping[str, float]) -> None:
        self._status = status
        self._rates = rates  # stream -> bits per second

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the parts, top to bottom."""
        status = self._status
        yield _head(status)
        for camera in status.cameras:
            yield ""
            yield _camera_line(camera)
            yield self._streams(camera, options.max_width)
            yield from _troubles(camera, status.at)
        if not status.cameras:
            yield Text("No camera is set up.", "yellow")
        if status.receiver:
            yield ""
            yield _receiver(status.receiver)

    def _streams(self, camera: CameraStatus, width: int) -> Table:
        room = max(_LEAST_ROOM, width - sum(_FIXED.values()) - _GAPS)
        name = max(_NAME, room * 2 // 5)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1), width=width)
        table.add_column("Stream", width=name, no_wrap=True, overflow="ellipsis")
        table.add_column("File", width=room - name, no_wrap=True, overflow="ellipsis")
        for title, wide in _FIXED.items():
            table.add_column(title, width=wide, no_wrap=True, justify="right")
        for stream in camera.streams:
            table.add_row(*self._row(stream, room - name))
        return table

    def _row(self, stream: StreamStatus, file_width: int) -> list[Text]:
        glyph, look = _LOOKS[stream.phase]
        rate = self._rates.get(stream.name, 0.0)
        doing = f"{rate / 1e6:.1f} Mbit/s" if rate else _since(stream, self._status.at)
        return [
            Text.assemble((f"{glyph} ", look), (plain(stream.name), "bold"), f"\n  {stream.phase} ", (doing, "dim")),
            _two(_end_of(plain(stream.file), file_width) or "-", plain(stream.destination)),
            _two("-" if stream.lag is None else duration(stream.lag), f"{stream.waiting:,} waiting"),
            _two(f"{stream.frames_sent:,} sent", f"{stream.frames_confirmed:,} ok"),
            _two(_count(stream.seams, "seam"), _count(stream.reconnects, "reconnect")),
        ]


def _head(status: Status) -> Table:
    line = Table.grid(expand=True)
    line.add_column(ratio=1)
    line.add_column(justify="right")
    name = Text.assemble(("ftp-stream ", "bold"), (status.version, "bold"), (f"  pid {status.pid}", "dim"))
    clock = time.strftime("%H:%M:%S", time.localtime(status.at))
    line.add_row(name, Text(f"up {duration(status.at - status.started)}  {clock}", "dim"))
    return line


def _camera_line(camera: CameraStatus) -> Text:
    text = Text.assemble((f"Camera {plain(camera.name)}", "bold"), (f"  {plain(camera.watch_dir)}", "dim"))
    text.append(f"  {_count(camera.files_waiting, 'file')} waiting")
    for kind, files in camera.disposed.items():
        text.append(f" · {files:,} {kind}", _DISPOSED.get(kind, "yellow"))
    return text


def _troubles(camera: CameraStatus, at: float) -> list[Text]:
    lines = [_fault(stream, stream.fault, at) for stream in camera.streams if stream.fault]
    lines += [_slow(stream, stream.uplink) for stream in camera.streams if stream.uplink]
    lines += [_skipped(stream) for stream in camera.streams if stream.skipped_seconds]
    lines += [Text(f"! {plain(problem)}", "yellow") for problem in camera.problems]
    return lines


def _fault(stream: StreamStatus, fault: Fault, at: float) -> Text:
    standing = stream.phase in {Phase.BACKOFF, Phase.CONNECTING}
    state = fault.kind.replace("_", " ")
    text = Text.assemble((f"✖ {plain(stream.name)} {state}", "bold red" if standing else ""), f" {plain(fault.step)}: ")
    text.append(plain(fault.words))
    text.append(f" ({plain(fault.code)})" if fault.code else "")
    text.append(f", {duration(at - fault.at)} ago")
    if standing and stream.retry_at is not None:
        text.append(f", next try in {duration(stream.retry_at - at)}")
    text.append(f"\n  {plain(fault.cure)}" if fault.cure and standing else "")
    if not standing:
        text.stylize("dim")
    return text


def _slow(stream: StreamStatus, uplink: SlowUplink) -> Text:
    return Text.assemble((f"! {plain(stream.name)} slow line", "bold yellow"), f" {uplink.words}\n  {uplink.cure}")


def _skipped(stream: StreamStatus) -> Text:
    words = f"{duration(stream.skipped_seconds)} of footage left out, so as not to lie further behind than MAX_LAG"
    return Text(f"! {plain(stream.name)} {words}", "yellow")


def _receiver(receiver: ReceiverStatus) -> Text:
    good = not receiver.problems and receiver.publishes == 1
    text = Text.assemble(("✔ " if good else "○ ", "bold green" if good else "yellow"), ("Receiver", "bold"))
    text.append(f" sees {_count(receiver.publishes, 'publish', 'publishes')}, {receiver.frames:,} frames")
    text.append(f", {receiver.bytes / 1e6:,.1f} MB")
    text.append(f"  {plain(receiver.address)}", "dim")
    for problem in receiver.problems:
        text.append(f"\n✖ {plain(problem)}", "red")
    return text


def _two(first: str, second: str, look: str = "") -> Text:
    return Text.assemble((first, look), "\n", (second, "dim"), no_wrap=True, overflow="ellipsis")


def _since(stream: StreamStatus, at: float) -> str:
    return f"for {duration(at - stream.since)}" if stream.since else ""


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _end_of(text: str, most: int) -> str:
    """The end of a path tells files apart, its beginning does not."""
    return text if len(text) <= most else "…" + text[1 - most :]
