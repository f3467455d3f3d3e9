"""Real RTMP servers as child processes on free loopback ports, each driven by its pid and ended by it.

All waiting has a deadline and looks at something that the server shows: the kernel's table of listening sockets (a
connection made only to look would use up the one that `ffmpeg -listen` takes, and would stand in the logs that tests
count), a line of the log, or the exit of the process.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.authority import Certificate

NODE = Path(__file__).parent / "node"
NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
DEADLINE = 20.0  # seconds; a loaded two-core machine needs some to start Node


def free_port() -> int:
    """A loopback port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
    """Look until the condition holds; blocks the caller, so not for use while a test's own loop must send."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"after {deadline:g} s still waiting for {what}")
        time.sleep(0.02)


def listens(port: int, pid: int) -> bool:
    """Whether some process of this one's network listens on this IPv4 port, by the kernel's own table (state 0A)."""
    wanted = f":{port:04X}"
    rows = (line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    return any(row[1].endswith(wanted) and row[3] == "0A" for row in rows)


class RealServer:
    """One server program; `directory` holds its configuration, log and recordings."""

    name = ""
    host = "127.0.0.1"
    published = r""  # the log line of an accepted publish; {key} is the stream key

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_port()
        self.log_path = directory / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @staticmethod
    def missing() -> str:
        """Why this server cannot run here, or ""."""
        raise NotImplementedError

    def argv(self) -> list[str]:
        raise NotImplementedError

    def url(self, key: str, app: str = "live") -> str:
        return f"rtmp://{self.host}:{self.port}/{app}/{key}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start the program and wait until it listens."""
        self.starts += 1
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv(), cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self._listening_or_dead, f"{self.name} to listen on {self.port}")

    def _listening_or_dead(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-2000:]}")
        return listens(self.port, self.pid) and self.ready()

    def ready(self) -> bool:
        """Whether it does all that it should, beyond listening."""
        return True

    def freeze(self) -> None:
        """SIGSTOP: the kernel goes on taking bytes, the program does not."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL and wait; nothing is flushed or said to anybody."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM and wait; also wakes a frozen program. Does nothing where it has ended."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self.kill()
        self.start()

    def wait_exit(self, deadline: float = DEADLINE) -> None:
        """Wait until the program has ended by itself."""
        assert self.process is not None
        self.process.wait(deadline)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def publishes(self, key: str) -> int:
        """How many publishes of this key the server has begun, over all its lives."""
        return len(re.findall(self.published.format(key=re.escape(key)), self.log()))

    def recordings(self, key: str) -> list[Path]:
        """The FLV files recorded under this key, oldest first: one for each publish."""
        return sorted((self.directory / "record").rglob(f"{key}*.flv"), key=lambda path: path.stat().st_mtime_ns)


class NginxRtmp(RealServer):
    """Debian's nginx with libnginx-mod-rtmp: acknowledges, answers pings, records.

    Applications: `live` records everything, `relay` does not, `denied` lets nobody publish; others do not exist.
    """

    name = "nginx-rtmp"
    published = r"publish: name='{key}'"

    @staticmethod
    def missing() -> str:
        if shutil.which("nginx", path="/usr/sbin:/usr/bin") is None:
            return "nginx is not installed (Debian: nginx)"
        return "" if NGINX_MODULE.exists() else "nginx has no RTMP module (Debian: libnginx-mod-rtmp)"

    def argv(self) -> list[str]:
        (self.directory / "record").mkdir(exist_ok=True)
        configuration = self.directory / "nginx.conf"
        configuration.write_text(self._configuration(), encoding="utf-8")
        return ["/usr/sbin/nginx", "-p", str(self.directory), "-c", str(configuration)]

    def _configuration(self) -> str:
        return f"""
            load_module {NGINX_MODULE};
            daemon off;
            master_process off;
            pid {self.directory}/nginx.pid;
            lock_file {self.directory}/nginx.lock;
            error_log {self.log_path} info;
            events {{ worker_connections 1024; }}
            rtmp {{
              server {{
                listen {self.host}:{self.port};
                application live {{
                  live on;
                  record all;
                  record_path {self.directory}/record;
                  record_unique on;
                  record_append on;  # two publishes in one second have one file
                }}
                application relay {{ live on; }}
                application denied {{ live on; deny publish all; }}
              }}
            }}
        """


class NodeMediaServer(RealServer):
    """The npm package node-media-server: no acknowledgements, no pongs; records every publish; RTMPS where certified.

    Keys must be of letters, digits, `_` and `-`. A publisher's return within 30 s from the same address continues the
    former recording's publish.
    """

    name = "node-media-server"
    published = r"start push /\w+/{key}\b"

    def __init__(self, directory: Path, certificate: Certificate | None = None) -> None:
        super().__init__(directory)
        self.certificate = certificate
        self.tls_port = free_port() if certificate else 0

    @staticmethod
    def missing() -> str:
        if shutil.which("node") is None:
            return "node is not installed"
        installed = (NODE / "node_modules" / "node-media-server").is_dir()
        return "" if installed else "node-media-server is not installed (npm ci in tests/real/node)"

    def tls_url(self, key: str, host: str = "localhost") -> str:
        return f"rtmps://{host}:{self.tls_port}/live/{key}"

    def argv(self) -> list[str]:
        configuration = self.directory / "config.json"
        settings = {
            "bind": "127.0.0.1",
            "rtmp": {"port": self.port},
            "record": {"auto": True, "path": str(self.directory / "record")},
            "store": {"path": str(self.directory / "data")},
            "webadmin": {"enable": False},
        }
        if self.certificate is not None:
            settings["rtmps"] = {
                "port": self.tls_port,
                "key": str(self.certificate.key),
                "cert": str(self.certificate.chain),
            }
        configuration.write_text(json.dumps(settings), encoding="utf-8")
        return ["node", str(NODE / "node_modules" / "node-media-server" / "bin" / "app.js"), "-c", str(configuration)]

    def ready(self) -> bool:
        return self.log().count("Store ready") == self.starts  # the recorder begins with the store

    def recordings(self, key: str) -> list[Path]:
        return sorted((self.directory / "record").glob(f"*/{key}/*.flv"), key=lambda path: path.stat().st_mtime_ns)


class FfmpegListener(RealServer):
    """`ffmpeg -listen 1`: takes one publish of its own random key, copies it to a file and ends with it.

    Started again, it takes one more, into another file.
    """

    name = "ffmpeg -listen"
    published = r"Input #0, flv"

    def __init__(self, directory: Path, key: str) -> None:
        super().__init__(directory)
        self.key = key

    @staticmethod
    def missing() -> str:
        return "" if shutil.which("ffmpeg") else "ffmpeg is not installed (Debian: ffmpeg)"

    def argv(self) -> list[str]:
        quiet = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-y"]
        listen = ["-listen", "1", "-i", self.url(self.key)]
        return [
            *quiet,
            *listen,
            "-map",
            "0",
            "-c",
            "copy",
            "-copyts",
            "-flush_packets",
            "1",
            "-f",
            "flv",
            str(self.directory / f"out-{self.starts:03}.flv"),
        ]

    def recordings(self, key: str) -> list[Path]:
        return sorted(self.directory.glob("out-*.flv")) if key == self.key else []
