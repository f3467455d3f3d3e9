"""Makes the golden files beside it: run by hand on a machine with ffmpeg and nginx-rtmp, never by the tests.

What FFmpeg sends as a publisher is recorded by the smallest server that it will talk to; what nginx-rtmp answers is
recorded by the smallest client. Neither uses this project's protocol code for what is recorded.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = [
    *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=1"),
    *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=1"),
    *("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-b_strategy", "0", "-g", "5", "-threads", "1"),
    *("-c:a", "aac", "-b:a", "32k", "-ac", "1", "-flags", "+bitexact", "-fflags", "+bitexact"),
]


def number(value: float) -> bytes:
    return b"\0" + struct.pack(">d", value)


def string(text: str) -> bytes:
    return b"\2" + len(text).to_bytes(2, "big") + text.encode()


def message(type_id: int, body: bytes, csid: int = 3, stream_id: int = 0, chunk_size: int = 128) -> bytes:
    header = bytes([csid, 0, 0, 0]) + len(body).to_bytes(3, "big") + bytes([type_id]) + stream_id.to_bytes(4, "little")
    chunks = [body[at : at + chunk_size] for at in range(0, len(body), chunk_size)]
    return header + bytes([0xC0 | csid]).join(chunks)


def status(code: str, level: str = "status", description: str = "") -> bytes:
    def item(name: str, text: str) -> bytes:
        return string(name)[1:] + string(text)

    return b"\3" + item("level", level) + item("code", code) + item("description", description) + b"\0\0\x09"


class Recorder:
    """A server for one connection that answers each command as soon as its name and number have come."""

    def __init__(self, connection: socket.socket, chunk_size: int | None, refusals: list[str]) -> None:
        self.connection = connection
        self.received = b""
        self.chunk_size = chunk_size
        self.refusals = refusals

    def read(self, until: bytes) -> bool:
        while until not in self.received[3073:]:
            try:
                data = self.connection.recv(65536)
            except OSError:
                return False
            if not data:
                return False
            self.received += data
        return True

    def run(self) -> None:
        self.connection.settimeout(20)
        while len(self.received) < 1537:
            self.received += self.connection.recv(1537 - len(self.received))
        self.connection.sendall(b"\3" + bytes(1536) + self.received[1:1537])
        while len(self.received) < 3073:
            self.received += self.connection.recv(3073 - len(self.received))
        self.read(string("connect") + number(1))
        time.sleep(0.3)
        if self.refusals:
            text = status("NetConnection.Connect.Rejected", "error", self.refusals.pop(0))
            self.connection.sendall(message(20, string("_error") + number(1) + b"\5" + text))
            self.read(b"\xff never")
            return
        if self.chunk_size:
            self.connection.sendall(message(1, self.chunk_size.to_bytes(4, "big"), csid=2))
        self.connection.sendall(message(20, string("_result") + number(1) + b"\5\5"))
        self.read(string("createStream") + number(4))
        self.connection.sendall(message(20, string("_result") + number(4) + b"\5" + number(1)))
        self.read(string("publish") + number(5))
        time.sleep(0.3)
        self.connection.sendall(
            message(20, string("onStatus") + number(0) + b"\5" + status("NetStream.Publish.Start"), 5, 1)
        )
        self.read(b"\xff never")


def serve(chunk_size: int | None, refusals: list[str], command: list[str], userinfo: str = "") -> list[bytes]:
    """Return what FFmpeg sent, connection by connection."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(5)
        url = f"rtmp://{userinfo}127.0.0.1:{listener.getsockname()[1]}/live/golden"
        sent = []
        with subprocess.Popen(["ffmpeg", "-v", "error", "-y", *command, "-f", "flv", url]) as process:
            with suppress(TimeoutError):
                while process.poll() is None:
                    connection, _ = listener.accept()
                    with connection:
                        recorder = Recorder(connection, chunk_size, refusals)
                        recorder.run()
                        sent.append(recorder.received)
            process.wait(20)
    return sent


def ffmpeg_publishes() -> None:
    """The same media to a file and to the recorder: from 0, and across 2**24 ms (which takes extended timestamps)."""
    with tempfile.TemporaryDirectory() as directory:
        source = str(Path(directory) / "source.mkv")
        subprocess.run(["ffmpeg", "-v", "error", "-y", *SOURCE, source], check=True)
        for name, chunk_size, offset in (("plain", 4096, 0.0), ("extended", None, 16776.7)):
            command = [
                "-i",
                source,
                "-c",
                "copy",
                "-output_ts_offset",
                str(offset),
                "-flvflags",
                "no_duration_filesize",
            ]
            flv = HERE / f"ffmpeg-{name}.flv"
            subprocess.run(["ffmpeg", "-v", "error", "-y", *command, "-f", "flv", str(flv)], check=True)
            (HERE / f"ffmpeg-{name}.bin").write_bytes(serve(chunk_size, [], command)[0][3073:])


def ffmpeg_answers() -> None:
    """What FFmpeg makes of challenges: the app it connects with afterwards."""
    challenges = {
        "adobe": [
            "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ",
            "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=fox&salt=kM9&challenge=Bz&opaque=c8Q",
            "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed&opaque=c8Q",
        ],
        "adobe-without-opaque": [
            "code=403 need auth; authmod=adobe",
            "authmod=adobe ?reason=needauth&user=fox&salt=testsalt&challenge=testchallenge",
            "authmod=adobe ?reason=authfailed",
        ],
        "llnw": [
            "[ code=403 need auth; authmod=llnw ]",
            "[ authmod=llnw ] : ?reason=needauth&user=fox&nonce=9f3a77",
            "[ authmod=llnw ] : ?reason=authfailed",
        ],
    }
    lines = []
    for name, descriptions in challenges.items():
        sent = serve(None, descriptions.copy(), ["-f", "lavfi", "-i", "sine=duration=1"], "fox:s3cret-hen@")
        for description, received in zip(["", *descriptions], sent, strict=False):
            text = b"".join(received[3073:].split(b"\xc3")).partition(b"\0\3app\2")[2]
            lines.append("\t".join([name, description, text[2 : 2 + int.from_bytes(text[:2], "big")].decode()]))
    (HERE / "ffmpeg-auth.tsv").write_text("\n".join(lines) + "\n")


NGINX = """
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ }}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}
"""


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


class Client:
    """A publisher that records what the server says after the handshake."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.received = b""
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.connection.sendall(b"\3" + bytes(1536))
        self.connection.settimeout(1)
        answer = b""
        while len(answer) < 3073:
            answer += self.connection.recv(3073 - len(answer))
        self.connection.sendall(answer[1:1537])

    def send(self, type_id: int, body: bytes, csid: int = 3, stream_id: int = 0) -> None:
        self.connection.sendall(message(type_id, body, csid, stream_id))
        with suppress(TimeoutError):
            while data := self.connection.recv(65536):
                self.received += data

    def publish(self) -> None:
        self.send(5, (2000).to_bytes(4, "big"), 2)
        url = string(f"rtmp://127.0.0.1:{self.port}/live")
        properties = b"\3" + string("app")[1:] + string("live") + string("tcUrl")[1:] + url + b"\0\0\x09"
        self.send(20, string("connect") + number(1) + properties)
        self.send(20, string("releaseStream") + number(2) + b"\5" + string("golden"))
        self.send(20, string("FCPublish") + number(3) + b"\5" + string("golden"))
        self.send(20, string("createStream") + number(4) + b"\5")
        self.send(20, string("publish") + number(5) + b"\5" + string("golden") + string("live"), 8, 1)

    def stream(self) -> None:
        self.send(8, bytes.fromhex("af001210"), 4, 1)
        for _ in range(3):
            self.send(8, b"\xaf\1" + bytes(1000), 4, 1)
        self.send(4, bytes.fromhex("0006 00000007"), 2)  # a ping with 7

    def end(self) -> None:
        self.send(20, string("FCUnpublish") + number(6) + b"\5" + string("golden"))
        self.send(20, string("deleteStream") + number(7) + b"\5" + number(1))


def servers_answer() -> None:
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        (Path(directory) / "nginx.conf").write_text(NGINX.format(port=port))
        with subprocess.Popen(["/usr/sbin/nginx", "-p", directory, "-c", "nginx.conf"]) as nginx:
            time.sleep(1)
            first, second = Client(port), Client(port)
            first.publish()
            second.publish()
            first.stream()
            first.end()
            nginx.terminate()
        (HERE / "nginx-publish.bin").write_bytes(first.received)
        (HERE / "nginx-badname.bin").write_bytes(second.received)
        port = free_port()
        listen = ["ffmpeg", "-v", "error", "-y", "-listen", "1", "-i", f"rtmp://127.0.0.1:{port}/live/golden"]
        with subprocess.Popen([*listen, "-c", "copy", str(Path(directory) / "out.flv")]) as ffmpeg:
            time.sleep(1)
            client = Client(port)
            client.publish()
            client.stream()
            client.connection.close()
            ffmpeg.wait(20)
        (HERE / "ffmpeg-listen.bin").write_bytes(client.received)


if __name__ == "__main__":
    parts = {"publishes": ffmpeg_publishes, "answers": ffmpeg_answers, "servers": servers_answer}
    for name in sys.argv[1:] or parts:
        parts[name]()
