"""The built-in RTMP receiver: sockets, timers and files round ``ReceiveProtocol``.

It is the far end of the demo, of tests and of the benchmark, and a tool for whoever tests a publisher; it is no media
server: nobody can play from it.
"""

from ftp_stream.shell.receiver.events import Left, PublishBegan, PublishOver, ReceiverEvent, Recorded, Refused
from ftp_stream.shell.receiver.server import Receiver

__all__ = ["Left", "PublishBegan", "PublishOver", "Receiver", "ReceiverEvent", "Recorded", "Refused"]
