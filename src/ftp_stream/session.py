"""One RTMP session of a stream: the hot path.

A turn, five times a second: which rows are due, read their bytes, put headers before them, one write. Nothing is
awaited, logged or counted per packet.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from ftp_stream import __version__
from ftp_stream.config import Idle
from ftp_stream.core.aac import DEFAULT_AUDIO, silent_frame
from ftp_stream.core.pacing import BURST_US, CUSHION_US, PHASES, Pace, next_turn, rate_for
from ftp_stream.core.timeline import Placed, Timeline, hold_table, milliseconds
from ftp_stream.model import Row, Source
from ftp_stream.rtmp import flv

if TYPE_CHECKING:
    from ftp_stream.model import AudioConfig, FrameTable, VideoConfig
    from ftp_stream.report import StreamReport
    from ftp_stream.shell.publisher import Connection
    from ftp_stream.supply import Hand, StreamSettings, Supply

__all__ = ["Session"]

HOLD_AFTER_US = 1_000_000  # how late a segment may be before a picture is held; servers bear 3 s of silence
BATCH_US = 1_000_000  # the most media time that is gathered at once, so that a stall cannot fill the memory
BATCH_BYTES = 8 << 20  # the most that is gathered at once, but for one frame: what a file says of its times is its own
BEHIND_US = 3_000_000  # further behind its pace than this, a stream goes on from where it is
SESSION_US = 23 * 86_400 * 1_000_000  # a new session before 31 bits of milliseconds are spent (24.8 days)
DRAIN = 1.5  # seconds to wait for the last confirmations before we end a session
FINISH = 1.5  # seconds that the rest of a GOP may take when the stream is stopped
_AUDIO, _KEY = int(Row.AUDIO), int(Row.KEY)
_SILENT = int(Row.AUDIO) | int(Source.SILENCE)


@dataclass(slots=True, eq=False)
class _Playing:
    """The segment being sent."""

    hand: Hand
    placed: Placed
    held: bool  # a held picture, not a segment of its own
    row: int  # the next row to send
    gop: int  # the GOP that row belongs to

    @property
    def gop_end(self) -> int:
        """The row behind the GOP being sent."""
        gops = self.placed.table.gops
        return gops[self.gop + 1] if self.gop + 1 < len(gops) else len(self.placed.table)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A GOP that was sent; its number went into the ping behind it."""

    number: int
    hand: Hand | None  # None: a held picture, nothing to take note of
    gop: int
    frames: int


class Session:
    """Plays what a stream has in hand into one connection."""

    def __init__(
        self,
        settings: StreamSettings,
        supply: Supply,
        connection: Connection,
        audio: AudioConfig | None,
        report: StreamReport,
    ) -> None:
        """Make the session of a connection that publishes.

        Args:
            settings: The stream's.
            supply: Where its segments come from.
            connection: Accepted by the server, nothing sent yet.
            audio: The audio to use where the first segment has none; None for the default.
            report: Takes what happened, for status and log.
        """
        self.audio: AudioConfig | None = None  # fixed by the first segment: servers freeze it
        self._settings = settings
        self._supply = supply
        self._connection = connection
        self._protocol = connection.protocol
        self._fallback = audio or DEFAULT_AUDIO
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._phase = crc32(settings.name.encode()) % PHASES
        self._stopping = False
        self._timeline = Timeline(self._fallback)
        self._silence = memoryview(b"")
        self._video: VideoConfig | None = None
        self._pace: Pace | None = None
        self._playing: _Playing | None = None
        self._starved = False  # there was nothing to begin at the last seam when its time came
        self._holding = False
        self._marks: deque[_Mark] = deque()
        self._number = 0
        self._frames = 0  # sent since the last mark
        self._pause: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """End the pause between two turns."""
        if self._pause and not self._pause.done():
            self._pause.set_result(None)

    def stop(self) -> None:
        """End after the GOP in hand."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Play until it is stopped or the stream needs a new session.

        Raises:
            DestinationFault: The connection failed.
            StorageError: A segment's bytes could not be read.
        """
        while await self._turn(self._loop.time()):
            await self._sleep_until(next_turn(self._loop.time(), self._phase))
        await self._drain()

    def take_confirmations(self) -> None:
        """Take note of all that the server has confirmed; to be called once more after the connection's end."""
        marks, confirmed = self._marks, self._protocol.confirmed
        while marks and marks[0].number <= confirmed:
            mark = marks.popleft()
            self._supply.counters.frames_confirmed += mark.frames
            if mark.hand and self._supply.confirmed(mark.hand, mark.gop):
                self._report.done(mark.hand)

    async def _turn(self, now: float) -> bool:
        """Send what is due; say whether the session goes on."""
        if self._connection.fault:
            raise self._connection.fault
        self.take_confirmations()
        if self._stopping:
            await self._finish_gop()
            return False
        while await self._send_some(now):
            await self._connection.writable()
            self.take_confirmations()
        self._connection.flush()
        return self._playing is not None or not self._renewal_due()

    # --- what is sent -----------------------------------------------------------------------------------------------

    async def _send_some(self, now: float) -> bool:
        """Send what is due, at most `BATCH_US` of it; say whether there may be more."""
        playing = self._playing or self._begin(now)
        if playing is None or self._pace is None:
            return False
        table = playing.placed.table
        start = table.dts_us[playing.row]
        self._keep_pace(now, playing)
        until = min(self._pace.due(now) - playing.placed.offset_us, start + BATCH_US)
        due = bisect_right(table.dts_us, until, playing.row)
        last = _bounded(table, playing.row, due)
        if last > playing.row:
            await self._send_rows(playing, last)
        if playing.row < len(table):
            return last < due or until == start + BATCH_US
        self._playing = None
        return True

    async def _send_rows(self, playing: _Playing, last: int) -> None:
        """Send the rows up to ``last``, with a mark behind every GOP that ends among them."""
        table, base = playing.placed.table, playing.row
        payloads = await playing.hand.reader.read(table, base, last, self._silence)
        while playing.row < last:
            end = min(last, playing.gop_end)
            self._write(playing, end, payloads, base)
            playing.row = end
            if end == playing.gop_end:
                self._mark(playing)
        self._connection.flush()

    def _write(self, playing: _Playing, end: int, payloads: list[memoryview], base: int) -> None:
        """Hand the rows from the next one up to ``end`` to the protocol. Hot: every packet of every stream."""
        row = playing.row
        table, offset = playing.placed.table, playing.placed.offset_us + 500  # half a millisecond: rounds
        flags, dts, cts = table.flags, table.dts_us, table.cts_us
        send_audio, send_video = self._protocol.send_audio, self._protocol.send_video
        codec = playing.hand.segment.video.codec
        size = 0
        for index in range(row, end):
            flag, payload = flags[index], payloads[index - base]
            at = offset + dts[index]
            time = at // 1000
            size += len(payload)
            if flag & _AUDIO:
                send_audio(time, payload)
            else:
                send_video(codec, flag & _KEY != 0, time, (at + cts[index]) // 1000 - time, payload)
        if not playing.held:
            frames = end - row - flags.count(_SILENT, row, end)
            self._frames += frames
            self._supply.counters.frames_sent += frames
        self._supply.counters.bytes_sent += size

    def _mark(self, playing: _Playing) -> None:
        self._number += 1
        hand = None if playing.held else playing.hand
        self._marks.append(_Mark(self._number, hand, playing.gop, self._frames))
        self._protocol.mark(self._number, self._loop.time())
        self._frames = 0
        playing.gop += 1

    # --- which segment ----------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> _Playing | None:
        """Begin the next segment, or hold a picture when it is late; ``None`` for nothing to send now."""
        hand = self._supply.next_hand()
        if hand is None:
            self._starved = True
            self._supply.ask()
            return self._hold(now)
        return None if self._renewal_due() else self._play(hand, now)

    def _renewal_due(self) -> bool:
        """Whether the next segment needs a new session: servers freeze codecs and audio, and the wire's clock ends."""
        if self._video is None or self.audio is None:
            return False
        if self._timeline.end_us is not None and self._timeline.end_us > SESSION_US:
            return True
        hand = self._supply.next_hand()
        if hand is None:
            return False
        audio, video = hand.segment.audio, hand.segment.video
        return video.codec != self._video.codec or (audio is not None and audio.record != self.audio.record)

    def _play(self, hand: Hand, now: float) -> _Playing:
        hand.begun = True
        seam = self._video is not None
        placed = self._place(hand, now, held=False)
        self._playing = _Playing(hand, placed, held=False, row=placed.first_row, gop=hand.gop)
        self._starved = self._holding = False
        self._report.begun(hand, seam=seam)
        return self._playing

    def _hold(self, now: float) -> _Playing | None:
        """Hold the last picture once the next segment is late enough for a server to mind."""
        held = self._supply.last_begun()
        if self._settings.idle is Idle.OFF or held is None:
            return None
        end = self._timeline.end_us
        patience = 0 if self._holding else HOLD_AFTER_US
        if (end is not None and self._pace and self._pace.due(now) < end + patience) or self._renewal_due():
            return None
        placed = self._place(held, now, held=True)
        self._playing = _Playing(held, placed, held=True, row=0, gop=0)
        if not self._holding:
            self._holding = True
            self._report.holding(held)
        return self._playing

    def _place(self, hand: Hand, now: float, *, held: bool) -> Placed:
        """Lay a segment, or the hold of its picture, on the timeline, with the headers it needs."""
        segment = hand.segment
        if self.audio is None:
            self.audio = segment.audio or self._fallback
            self._silence = memoryview(silent_frame(self.audio.channels))
            self._timeline = Timeline(self.audio)
        table, gop = (hold_table(segment.table), 0) if held else (segment.table, hand.gop)
        self._timeline, placed = self._timeline.lay(table, gop)
        start = placed.offset_us + placed.table.dts_us[placed.first_row]
        if self._pace is None:
            self._pace = Pace(now, start + (BURST_US if self._supply.waiting else 0))
        elif self._starved and not self._holding and not held:
            self._pace = self._pace.resumed(now, start)
        self._configure(segment.video, self.audio, milliseconds(start))
        return placed

    def _configure(self, video: VideoConfig, audio: AudioConfig, time: int) -> None:
        """Send the headers that a decoder needs, only where they changed: some servers cut at each header."""
        if self._video is not None and self._video.record == video.record:
            return
        self._protocol.send_metadata(_metadata(video, audio))
        self._protocol.send_video_config(video.codec, video.record, time)
        if self._video is None:
            self._protocol.send_audio_config(audio.record, time)
        self._video = video

    def _keep_pace(self, now: float, playing: _Playing) -> None:
        """Ask for the next segment in time, and catch up while files wait.

        A destination that took nothing for a while is not flooded afterwards with all that it missed.
        """
        supply, table = self._supply, playing.placed.table
        if self._pace is None:
            return
        if self._pace.due(now) - playing.placed.offset_us - table.dts_us[playing.row] > BEHIND_US:
            self._pace = Pace(now, playing.placed.offset_us + table.dts_us[playing.row] + BURST_US, self._pace.rate)
        if playing.held:
            supply.ask()
            return
        left = table.duration_us - table.dts_us[playing.row]
        supply.counters.position = playing.hand.key.recorded_at + table.dts_us[playing.row] / 1e6
        following = supply.next_hand()
        if left < CUSHION_US and following is None:
            supply.ask()
        waiting = supply.waiting + (following is not None)
        rate = rate_for(files_waiting=waiting, left_us=left, catchup_rate=self._settings.catchup_rate)
        self._pace = self._pace.at_rate(now, rate)

    # --- confirmation and end ---------------------------------------------------------------------------------------

    async def _finish_gop(self) -> None:
        """Send the GOP in hand to its end at once, as far as the server takes it: a whole GOP is not sent again."""
        playing = self._playing
        if playing is None or playing.held or playing.row == playing.placed.table.gops[playing.gop]:
            return
        end = playing.gop_end
        try:
            async with asyncio.timeout(FINISH):
                while playing.row < end:
                    table = playing.placed.table
                    until = bisect_right(table.dts_us, table.dts_us[playing.row] + BATCH_US, playing.row)
                    await self._send_rows(playing, _bounded(table, playing.row, min(end, until)))
                    await self._connection.writable()
        except TimeoutError:
            return

    async def _drain(self) -> None:
        """Wait a moment for the confirmation of what was sent."""
        self._connection.flush()
        deadline = self._loop.time() + DRAIN
        while self._marks and self._loop.time() < deadline and not self._connection.fault:
            await asyncio.sleep(0.02)
            self._connection.measure()
            self.take_confirmations()

    async def _sleep_until(self, moment: float) -> None:
        pause = self._pause = self._loop.create_future()
        timer = self._loop.call_at(moment, self.wake)
        try:
            await pause
        finally:
            timer.cancel()


def _bounded(table: FrameTable, first: int, last: int) -> int:
    """Return the row up to which no more than `BATCH_BYTES` are gathered from ``first`` on, at least one row."""
    while last - first > 1 and sum(table.size[first:last]) > BATCH_BYTES:
        last = first + (last - first) // 2
    return last


def _metadata(video: VideoConfig, audio: AudioConfig) -> dict[str, float | bool | str]:
    return flv.metadata(
        codec=video.codec,
        width=video.width,
        height=video.height,
        frame_rate=video.frame_rate,
        sample_rate=audio.sample_rate,
        channels=audio.channels,
        encoder=f"ftp-stream {__version__}",
    )
