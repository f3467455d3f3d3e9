"""The RTMP protocol, both roles, sans-IO: bytes in, events and bytes out."""
