"""The runs: each starts a server and a contender, feeds it, and returns figures ready for JSON."""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bench import process, seen
from bench.feed import Feeder
from bench.footage import MAY_GROW, RATE, SECONDS, Footage
from bench.ground import BACKLOG, HUNGRY, SLACK, Figures, Scale, bench
from bench.machine import Watch
from bench.rivals import Concat, Costs, PerFile
from bench.server import number_of
from bench.service import Service
from bench.sink import IS_VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.feed import Schedule

_WARM_UP = 5.0  # seconds in which a stream has begun: its start burst is over
_PARTS = 3  # of the time that is measured, to show the spread


def per_file(scale: Scale) -> Figures:
    """One ffmpeg per file."""
    files = scale.rival_files
    with bench(scale.streams, files, BACKLOG) as at:
        watch = Watch()
        contender = PerFile(at.inboxes, at.server, files)
        feeder = Feeder(at.inboxes, at.footage, BACKLOG)
        contender.start()
        feeder.start()
        time.sleep(1.5 * SECONDS)
        contender.sample_memory()
        contender.wait(files * SECONDS + SLACK)
        feeder.stop()
        disturbed = others(watch)
        trace = at.server.trace()
        return _costs(contender.costs) | seams(trace, at.footage) | first_bytes(trace, feeder) | disturbed


def concat(scale: Scale) -> Figures:
    """One ffmpeg with a list of files."""
    with bench(scale.streams, scale.rival_files, BACKLOG) as at:
        watch = Watch()
        contender = Concat(at.directory, at.footage, at.server, scale.streams)
        contender.start(SECONDS)
        time.sleep(0.5 * SECONDS)
        contender.sample_memory()
        contender.wait()
        disturbed = others(watch)
        return _costs(contender.costs) | seams(at.server.trace(), at.footage) | disturbed


def service(scale: Scale) -> Figures:
    """The service with files always waiting: CPU and seams."""
    return _ours(scale.streams, BACKLOG, scale.seconds)


def waiting(scale: Scale) -> Figures:
    """The service with few streams that all wait for their next file: delay, and memory to compare with."""
    return _ours(scale.few, HUNGRY, scale.seconds)


def crowd(scale: Scale) -> Figures:
    """The service with many streams on one core; server and feeder have the others."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[1:] or cores))
    try:
        return _ours(scale.crowd, BACKLOG, scale.seconds, set(cores[:1]))
    finally:
        os.sched_setaffinity(0, set(cores))


RUNS: dict[str, Callable[[Scale], Figures]] = {
    "per_file": per_file,
    "concat": concat,
    "waiting": waiting,
    "service": service,
    "crowd": crowd,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the service had used at one moment."""

    at: float  # monotonic seconds
    cpu: process.Cpu


def _ours(streams: int, schedule: Schedule, seconds: float, cores: set[int] | None = None) -> Figures:
    files = schedule.at_once + math.ceil((schedule.spread + _WARM_UP + seconds) / schedule.interval)
    with bench(streams, files, schedule) as at:
        contender = Service(at.directory, at.inboxes, at.server, cores)
        contender.start()
        try:
            feeder = Feeder(at.inboxes, at.footage, schedule)
            feeder.start()
            time.sleep(schedule.spread + _WARM_UP)
            watch = Watch(cores, contender.pid if cores else None)  # a core of its own has nobody else of ours
            readings = _readings(contender, seconds)
            disturbed = others(watch)
            memory = _memory(contender)
            feeder.stop()
        finally:
            contender.stop()
        trace = at.server.trace()
        return (
            memory
            | {"streams": streams, "server_cpu_s": trace.cpu, "problems": problems(contender)}
            | _usage(readings, trace)
            | seams(trace, at.footage)
            | first_bytes(trace, feeder)
            | next_bytes(trace, at.footage, feeder)
            | late(trace)
            | disturbed
        )


def _memory(contender: Service) -> Figures:
    count, children = process.children_memory(contender.pid)
    main = process.memory(contender.pid)
    return {"main_mb": asdict(main), "children_mb": asdict(children), "children": count}


def _readings(contender: Service, seconds: float) -> list[Reading]:
    readings = [Reading(time.monotonic(), contender.cpu())]
    for _ in range(_PARTS):
        time.sleep(seconds / _PARTS)
        contender.check()
        readings.append(Reading(time.monotonic(), contender.cpu()))
    return readings


def problems(contender: Service) -> list[str]:
    """The lines of its log that are worse than news: how often each kind, and one of it."""
    kinds: dict[str, list[str]] = {}
    for line in contender.log().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            event = {"level": "none", "event": line}
        if event.get("level") not in {"debug", "info"}:
            kinds.setdefault(str(event.get("event")), []).append(line)
    return [f"{len(lines)} x {lines[0][:400]}" for lines in kinds.values()]


def _usage(readings: list[Reading], trace: seen.Trace) -> Figures:
    """CPU per minute of footage that arrived: over the whole time, and the lowest and highest part of it."""
    arrivals = sorted(
        arrived
        for publish in trace.publishes
        for arrived, code in zip(publish.arrived, publish.codes, strict=True)
        if int(code) & IS_VIDEO
    )

    def per_minute(first: Reading, last: Reading) -> tuple[float, float]:
        pictures = bisect_left(arrivals, last.at) - bisect_left(arrivals, first.at)
        minutes = pictures / RATE / 60
        used = last.cpu - first.cpu
        return (used.own + used.children) / minutes, used.own / minutes

    parts = [per_minute(first, last) for first, last in itertools.pairwise(readings)]
    whole = per_minute(readings[0], readings[-1])
    used, elapsed = readings[-1].cpu - readings[0].cpu, readings[-1].at - readings[0].at
    found: Figures = {"own_cores": used.own / elapsed, "children_cores": used.children / elapsed}
    for name, value, values in zip(
        ("cpu_per_minute", "playing_per_minute"), whole, zip(*parts, strict=True), strict=True
    ):
        found |= {name: value, f"{name}_low": min(values), f"{name}_high": max(values)}
    return found


def memory_slope(figures: Figures, scale: Scale) -> Figures | None:
    """MB per further stream, from the runs with few and with many streams; None unless both were made.

    The main process alone: the children that prepare are two at most, however many streams there are, and with few
    streams the second may never be needed.
    """
    if not {"waiting", "service"} <= figures.keys():
        return None
    few, many = figures["waiting"]["main_mb"], figures["service"]["main_mb"]
    return {f"{name}_mb": (many[name] - few[name]) / (scale.streams - scale.few) for name in ("rss", "pss")}


def _costs(found: Costs) -> Figures:
    ordered = sorted(found.cpu_per_minute)
    return {
        "cpu_per_minute": found.mean,
        "cpu_per_minute_low": ordered[len(ordered) // 10] if ordered else None,
        "cpu_per_minute_high": ordered[len(ordered) * 9 // 10] if ordered else None,
        "processes": len(ordered),
        "failed": found.failed,
        "rss_mb": statistics.fmean(each.rss for each in found.memory),
        "pss_mb": statistics.fmean(each.pss for each in found.memory),
    }


def seams(trace: seen.Trace, footage: Footage) -> Figures:
    """What the server saw where files join, of all streams together.

    A hole is what lies between two pictures beyond the time of one: on the wire beyond its length, on the wall clock
    beyond what passes before any other key frame.
    """
    wall, wire, usual, broken, publishes = [], [], [], 0, 0
    starts = footage.starts
    for stream in trace.by_key().values():
        messages = seen.pictures(stream)
        found = seen.seams(messages, starts)
        wall += [seam.wall_ms for seam in found]
        wire += [seam.wire_ms for seam in found if seam.wire_ms is not None]
        usual += seen.key_gaps(messages, starts)
        broken += seen.in_order(messages, footage.frames, MAY_GROW) >= 0
        publishes += len(stream)
    frame = 1000 / RATE
    waited = statistics.median(usual) if usual else frame  # before any key frame: rows may be sent in batches
    return {
        "seam_wall_hole_ms": seen.spread(each - waited for each in wall),
        "seam_wire_hole_ms": seen.spread(each - frame for each in wire),
        "seam_wall_ms": seen.spread(wall),
        "seam_wire_ms": seen.spread(wire),
        "usual_wall_ms": seen.spread(usual),
        "publishes": publishes,
        "streams": len(trace.by_key()),
        "streams_with_a_picture_missing": broken,
    }


def first_bytes(trace: seen.Trace, feeder: Feeder) -> Figures:
    """Seconds from the release of each camera's first file to its first media at the server."""
    delays = [
        stream[0].arrived[0] - feeder.released[number_of(name), 0]
        for name, stream in trace.by_key().items()
        if stream[0].arrived
    ]
    return {"first_byte_s": seen.spread(delays)}


def next_bytes(trace: seen.Trace, footage: Footage, feeder: Feeder) -> Figures:
    """Seconds from the moment at which a file may be taken, which is when its successor appears, to its first picture.

    This is a delay only where the stream waits for the file. The first file of each camera is left out.
    """
    delays = []
    for name, stream in trace.by_key().items():
        messages = seen.pictures(stream)
        for number, position in seen.beginnings(messages, footage.starts):
            free = feeder.released.get((number_of(name), number + 1))
            if number and free is not None:
                delays.append(messages[position].arrived - free)
    return {"next_byte_s": seen.spread(delays)}


def late(trace: seen.Trace) -> Figures:
    """How late messages came, of all streams together."""
    counts: Counter[int] = Counter()
    for publish in trace.publishes:
        counts += seen.lateness(publish, _WARM_UP)
    return {
        "late_ms": {
            "median": seen.quantile(counts, 0.5),
            "p99": seen.quantile(counts, 0.99),
            "max": max(counts, default=0),
            "count": counts.total(),
        }
    }


def others(watch: Watch) -> Figures:
    """What other programs had meanwhile."""
    return {"others": asdict(watch.read())}
