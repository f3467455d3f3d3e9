"""The hot path: a turn, five times a second.

Which rows are due, read their bytes, put headers before them, one write. Nothing is awaited, logged or counted per
packet.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from typing import TYPE_CHECKING
from zlib import crc32

from ftp_stream import __version__
from ftp_stream.core.aac import silent_frame
from ftp_stream.core.forms import config_at, fixed
from ftp_stream.core.lag import allowed_lag, first_near
from ftp_stream.core.pacing import BURST_US, CUSHION_US, PHASES, Pace, next_turn, rate_for
from ftp_stream.core.renewal import lasted, other_pictures, other_sound
from ftp_stream.core.timeline import Timeline, milliseconds
from ftp_stream.model import Row, Skip, Source
from ftp_stream.rtmp import flv
from ftp_stream.session.filler import Filler
from ftp_stream.session.marks import Marks
from ftp_stream.session.playing import Playing

if TYPE_CHECKING:
    from ftp_stream.model import AudioConfig, FrameTable, VideoConfig
    from ftp_stream.report import StreamReport
    from ftp_stream.session.filler import Filling
    from ftp_stream.shell.publisher import Connection
    from ftp_stream.supply import Hand, StreamSettings, Supply

__all__ = ["Session"]

BATCH_US = 1_000_000  # the most media time that is gathered at once, so that a stall cannot fill the memory
BATCH_BYTES = 8 << 20  # the most that is gathered at once, but for one frame: what a file says of its times is its own
BEHIND_US = 3_000_000  # further behind its pace than this, a stream goes on from where it is
DRAIN = 1.5  # seconds to wait for the last confirmations before we end a session
FINISH = 1.5  # seconds that the rest of a GOP may take when the stream is stopped
_AUDIO, _KEY = int(Row.AUDIO), int(Row.KEY)
_SILENT = int(Row.AUDIO) | int(Source.SILENCE)


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
            audio: The audio to use where the first segment has none; None for the destination's own.
            report: Takes what happened, for status and log.
        """
        self.audio: AudioConfig | None = None  # fixed by the first segment: servers freeze it
        self._settings = settings
        self._supply = supply
        self._connection = connection
        self._protocol = connection.protocol
        self._fallback = audio or settings.preset.audio
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._phase = crc32(settings.name.encode()) % PHASES
        self._limit_us = round(settings.preset.session_limit * 1e6)
        self._stopping = False
        self.ended_because = ""  # why what comes next needs a new session
        self._timeline = Timeline(self._fallback)
        self._silence = memoryview(b"")
        self._video: VideoConfig | None = None  # that the destination has
        self._codec = ""  # of that
        self._pace: Pace | None = None
        self._playing: Playing | None = None
        self._starved = False  # there was nothing to begin at the last seam when its time came
        self._filler = Filler(settings, supply, report)
        self._marks = Marks(supply, connection.protocol, report)
        self._frames = 0  # sent since the last mark
        self._footage_bps = 0.0
        self._pause: asyncio.Future[None] | None = None

    @property
    def footage_bps(self) -> float:
        """What the footage that is sent needs, bits per second at its own pace; 0 while there is none to send."""
        return 0.0 if self._filler.active or self._starved else self._footage_bps

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
        self._marks.take()

    async def _turn(self, now: float) -> bool:
        """Send what is due; say whether the session goes on."""
        if self._connection.fault:
            raise self._connection.fault
        self.take_confirmations()
        if self._stopping:
            await self._finish_gop()
            return False
        while self._connection.has_room and await self._send_some(now):
            self.take_confirmations()
        self._connection.flush()
        return not self.ended_because

    # --- what is sent -----------------------------------------------------------------------------------------------

    async def _send_some(self, now: float) -> bool:
        """Send what is due, at most `BATCH_US` of it; say whether there may be more."""
        playing = self._looked_at(self._playing or self._begin(now), now)
        if playing is None or self._pace is None:
            return self._playing is not None
        table = playing.placed.table
        start = playing.sent_us
        self._keep_pace(now, playing)
        until = min(self._pace.due(now) - playing.placed.offset_us, start + BATCH_US)
        due = bisect_right(table.dts_us, until, playing.row)
        last = _bounded(table, playing.row, min(due, self._next_look(playing)))
        if last > playing.row:
            await self._send_rows(playing, last)
        if playing.row < len(table):
            return last < due or until == start + BATCH_US
        self._playing = None
        return True

    async def _send_rows(self, playing: Playing, last: int) -> None:
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

    def _write(self, playing: Playing, end: int, payloads: list[memoryview], base: int) -> None:
        """Hand the rows from the next one up to ``end`` to the protocol. Hot: every packet of every stream."""
        row = playing.row
        table, offset = playing.placed.table, playing.placed.offset_us + 500  # half a millisecond: rounds
        flags, dts, cts = table.flags, table.dts_us, table.cts_us
        send_audio, send_video = self._protocol.send_audio, self._protocol.send_video
        codec = self._codec
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
        if not playing.filler:
            frames = end - row - flags.count(_SILENT, row, end)
            self._frames += frames
            self._supply.counters.frames_sent += frames
        self._supply.counters.bytes_sent += size

    def _mark(self, playing: Playing) -> None:
        self._marks.add(None if playing.filler else playing.hand, playing.gop, self._frames, self._loop.time())
        self._frames = 0
        playing.gop += 1

    # --- which segment ----------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> Playing | None:
        """Begin the next segment, or what stands in for it when it is late; ``None`` for nothing to send now."""
        hand = self._supply.next_hand()
        while hand and hand.passed:
            hand.begun = True
            self._marks.leave_out(hand, len(hand.segment.table.gops) - 1, hand.passed)
            hand = self._supply.next_hand()
        if self._needs_new(hand):
            return None
        if hand is None:
            self._starved = True
            self._supply.ask()
            return self._fill(now)
        return self._play(hand, now)

    def _needs_new(self, hand: Hand | None) -> bool:
        """Whether this session ends here, since what comes next needs a new one; if so, take note why."""
        if self._video is None or self.audio is None:
            return False
        because = lasted(self._timeline.end_us or 0, self._limit_us)
        if hand and not because:
            because = other_sound(self.audio, hand.segment.audio) or self._other(config_at(hand.segment, hand.gop))
        self.ended_because = because
        return because != ""

    def _other(self, video: VideoConfig) -> str:
        """Return why a destination does not bear these pictures behind those that it has got, "" where it does."""
        return other_pictures(self._video, video, self._settings.preset.new_headers)

    def _play(self, hand: Hand, now: float) -> Playing:
        hand.begun = True
        seam = self._video is not None
        self._playing = self._place(hand, hand.segment.table, hand.gop, now)
        self._starved = False
        self._filler.end()
        self._footage_bps = sum(hand.segment.table.size) * 8e6 / max(hand.segment.table.duration_us, 1)
        self._report.begun(hand, seam=seam)
        return self._playing

    def _fill(self, now: float) -> Playing | None:
        """Let something stand in once the next segment is late enough for a server to mind."""
        end = self._timeline.end_us
        if end is not None and self._pace and self._pace.due(now) < end + self._filler.patience_us:
            return None
        filling = self._filler.next(now)
        if filling is None:
            return None
        self._playing = self._place(filling.hand, filling.table, 0, now, header=self._header_of(filling))
        return self._playing

    def _header_of(self, filling: Filling) -> VideoConfig:
        """Return the header to stand before what stands in: that of the camera wherever no other one is needed.

        A slate brings its parameter sets within it, so a session can begin with the camera's header, and keep it.
        """
        if self._video is None:
            return filling.camera
        segment = filling.hand.segment
        video = config_at(segment, len(segment.table.gops) - 1)
        return video if video.codec in self._settings.preset.new_headers else self._video

    def _place(
        self, hand: Hand, table: FrameTable, gop: int, now: float, *, header: VideoConfig | None = None
    ) -> Playing:
        """Lay a segment on the timeline, with the headers it needs; or what stands in for one, with its ``header``."""
        segment, filler = hand.segment, header is not None
        video = header or config_at(segment, gop)
        if self.audio is None:
            self.audio = segment.audio or self._fallback
            self._silence = memoryview(silent_frame(self.audio.channels))
            self._timeline = Timeline(self.audio)
            self._supply.need(fixed(self._settings.form, self.audio, header or segment.video))
        before = self._timeline
        self._timeline, placed = before.lay(table, gop)
        start = placed.offset_us + placed.table.dts_us[placed.first_row]
        if self._pace is None:
            self._pace = Pace(now, start + (BURST_US if self._supply.waiting else 0))
        elif self._starved and not self._filler.active and not filler:
            self._pace = self._pace.resumed(now, start)
        self._configure(video, self.audio, milliseconds(start))
        return Playing(hand, placed, before, filler, gop)

    def _configure(self, video: VideoConfig, audio: AudioConfig, time: int) -> None:
        """Send the headers that a decoder needs, only where they changed: some servers cut at each header."""
        if self._video is not None and self._video.record == video.record:
            return
        self._protocol.send_metadata(_metadata(video, audio))
        self._protocol.send_video_config(video.codec, video.record, time)
        if self._video is None:
            self._protocol.send_audio_config(audio.record, time)
        self._video, self._codec = video, video.codec

    # --- within a segment -------------------------------------------------------------------------------------------

    def _next_look(self, playing: Playing) -> int:
        """Return the row up to which a segment may be sent before it is looked at again: the start of a GOP."""
        if playing.filler:
            return len(playing.placed.table)
        too_long = playing.placed.offset_us + playing.sent_us > self._limit_us
        if too_long or self._first_near(playing) > playing.gop:
            return playing.gop_end
        return playing.change_row()

    def _looked_at(self, playing: Playing | None, now: float) -> Playing | None:
        """See, before a GOP, what can be sent; ``None`` where what was in hand is not sent any more."""
        while playing and playing.at_gop and not playing.filler:
            near = self._first_near(playing)
            if near == playing.gop:
                return self._checked(playing)
            playing = self._skip(playing, near, now)
        return playing

    def _checked(self, playing: Playing) -> Playing | None:
        """See, before a GOP, whether this session may send it; if so, send the headers that it needs."""
        placed = playing.placed
        config = config_at(playing.hand.segment, playing.gop)
        begun = playing.row > placed.first_row
        too_long = lasted(placed.offset_us + playing.sent_us, self._limit_us) if begun else ""
        self.ended_because = too_long or self._other(config)
        if self.ended_because:
            self._playing = None
            return None
        if self.audio:
            self._configure(config, self.audio, milliseconds(placed.offset_us + playing.sent_us))
        return playing

    def _first_near(self, playing: Playing) -> int:
        """Return the GOP from which on a segment is not too far behind the newest file: mostly the one in hand."""
        supply, hand = self._supply, playing.hand
        if supply.max_lag is None or supply.newest is None:
            return playing.gop
        table = hand.segment.table
        lasted = max(hand.lasted, table.duration_us / 1e6)
        limit = supply.newest - allowed_lag(supply.max_lag, lasted) - hand.key.recorded_at
        return first_near(table, playing.gop, limit)

    def _skip(self, playing: Playing, gop: int, now: float) -> Playing | None:
        """Leave out what lies too far behind the newest file: go on within the segment, or with the next one."""
        hand, table = playing.hand, playing.hand.segment.table
        rest = gop == len(table.gops)
        until_us = table.duration_us if rest else table.dts_us[table.gops[gop]]
        seconds = (until_us - playing.sent_us) / 1e6
        reason = f"it lay {self._supply.max_lag:g} s or more behind the newest file"
        self._marks.leave_out(hand, gop - 1, Skip(hand.segment.path, playing.gop, gop, seconds, reason))
        self._timeline = playing.before.until(playing.placed, playing.row)
        self._playing = None
        if rest:
            return self._begin(now)
        self.ended_because = self._other(config_at(hand.segment, gop))
        if self.ended_because:
            return None
        self._playing = self._place(hand, table, gop, now)
        return self._playing

    def _keep_pace(self, now: float, playing: Playing) -> None:
        """Ask for the next segment in time, and catch up while files wait.

        A destination that took nothing for a while is not flooded afterwards with all that it missed.
        """
        supply, table = self._supply, playing.placed.table
        if self._pace is None:
            return
        if self._pace.due(now) - playing.placed.offset_us - playing.sent_us > BEHIND_US:
            self._pace = Pace(now, playing.placed.offset_us + playing.sent_us + BURST_US, self._pace.rate)
        if playing.filler:
            supply.ask()
            self._pace = self._pace.at_rate(now, 1.0)
            return
        left = table.duration_us - playing.sent_us
        supply.counters.position = playing.position
        following = supply.next_hand()
        if left < CUSHION_US and (following is None or supply.hands[-1].passed):
            supply.ask()
        waiting = supply.waiting + (following is not None)
        rate = rate_for(files_waiting=waiting, left_us=left, catchup_rate=self._settings.catchup_rate)
        self._pace = self._pace.at_rate(now, rate)

    # --- confirmation and end ---------------------------------------------------------------------------------------

    async def _finish_gop(self) -> None:
        """Send the GOP in hand to its end at once, as far as the server takes it: a whole GOP is not sent again."""
        playing = self._playing
        if playing is None or playing.filler or playing.at_gop:
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
        while self._marks.waiting and self._loop.time() < deadline and not self._connection.fault:
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
