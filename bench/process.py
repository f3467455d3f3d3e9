"""What processes cost, read from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds, user and system, of a process and of those it started."""

    own: float
    children: float  # living descendants, and children that have ended and been waited for

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(self.own - earlier.own, self.children - earlier.children)


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB: with shared pages counted in full, and by each process's share of them."""

    rss: float
    pss: float

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss + other.rss, self.pss + other.pss)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def descendants(pid: int) -> list[int]:
    """All living processes below this one."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:
                continue  # ended meanwhile
    found, new = [], [pid]
    while new:
        new = [child for parent in new for child in parents.get(parent, [])]
        found += new
    return found


def cpu(pid: int) -> Cpu:
    """CPU seconds used so far by a process and its descendants."""
    own = _stat(pid)
    children = sum(map(int, own[13:15]))
    for child in descendants(pid):
        try:
            children += sum(map(int, _stat(child)[11:15]))
        except OSError:
            continue
    return Cpu(sum(map(int, own[11:13])) / _TICK, children / _TICK)


def memory(pid: int) -> Memory:
    """Resident memory of one process."""
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, amount, *_ = line.split()
        values[name] = int(amount) / 1000  # kB
    return Memory(values["Rss:"], values["Pss:"])


def children_memory(pid: int) -> tuple[int, Memory]:
    """How many living descendants a process has, and their resident memory."""
    found = []
    for child in descendants(pid):
        try:
            found.append(memory(child))
        except (OSError, KeyError):
            continue  # ended meanwhile
    return len(found), sum(found, Memory(0.0, 0.0))
