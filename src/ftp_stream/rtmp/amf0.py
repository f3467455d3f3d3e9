"""AMF 0, the encoding of commands and metadata (Adobe "Action Message Format -- AMF 0").

What comes from the far end is read with limits on depth, on the number of values and on their length.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from ftp_stream.errors import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_DEPTH", "MAX_VALUES", "EcmaArray", "Value", "decode", "encode"]

MAX_DEPTH = 16  # real commands nest 3 deep
MAX_VALUES = 10_000  # an onMetaData with a key frame index has some thousands; more is an attack on our time

Value: TypeAlias = "bool | float | str | list[Value] | dict[str, Value] | None"


class EcmaArray(dict[str, Value]):
    """A dictionary that goes as an ECMA array (2.10), as players expect of onMetaData; else a plain one."""


class _Marker(IntEnum):
    """The type markers of clause 2.1."""

    NUMBER = 0x00
    BOOLEAN = 0x01
    STRING = 0x02
    OBJECT = 0x03
    NULL = 0x05
    UNDEFINED = 0x06
    ECMA_ARRAY = 0x08
    OBJECT_END = 0x09
    STRICT_ARRAY = 0x0A
    DATE = 0x0B
    LONG_STRING = 0x0C
    UNSUPPORTED = 0x0D
    XML_DOCUMENT = 0x0F
    TYPED_OBJECT = 0x10


_NUMBER = struct.Struct(">Bd")
_DOUBLE = struct.Struct(">d")
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_END = b"\x00\x00\x09"  # an empty name and the object end marker
_MAX_SHORT = 0xFFFF  # bytes in a string with a 16-bit length


# --- writing --------------------------------------------------------------------------------------------------------


def encode(*values: object) -> bytes:
    """Return the values one after the other.

    None, bool, int, float, str, mappings with text keys (:class:`EcmaArray` for ECMA arrays), lists and tuples.

    Raises:
        LocalProtocolError: A value has no AMF 0 form.
    """
    return b"".join(_encode(value) for value in values)


def _encode(value: object) -> bytes:
    if value is None:
        return bytes([_Marker.NULL])
    if isinstance(value, bool):  # before int, which it is too
        return bytes([_Marker.BOOLEAN, value])
    if isinstance(value, int | float):
        return _NUMBER.pack(_Marker.NUMBER, value)
    if isinstance(value, str):
        return _encode_string(value)
    if isinstance(value, Mapping):
        return _encode_mapping(value)
    if isinstance(value, list | tuple):
        return bytes([_Marker.STRICT_ARRAY]) + _U32.pack(len(value)) + encode(*value)
    raise LocalProtocolError(f"AMF 0 has no form for {type(value).__name__}")


def _encode_string(text: str) -> bytes:
    data = _utf8(text)
    if len(data) <= _MAX_SHORT:
        return bytes([_Marker.STRING]) + _U16.pack(len(data)) + data
    return bytes([_Marker.LONG_STRING]) + _U32.pack(len(data)) + data


def _encode_mapping(value: Mapping[str, object]) -> bytes:
    start = bytes([_Marker.OBJECT])
    if isinstance(value, EcmaArray):
        start = bytes([_Marker.ECMA_ARRAY]) + _U32.pack(len(value))
    return start + b"".join(_encode_name(name) + _encode(item) for name, item in value.items()) + _END


def _encode_name(name: str) -> bytes:
    data = _utf8(name)
    if not 0 < len(data) <= _MAX_SHORT:  # an empty name would read as the object's end
        raise LocalProtocolError(f"a property name of {len(data)} bytes has no AMF 0 form")
    return _U16.pack(len(data)) + data


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise LocalProtocolError("a text with lone surrogates has no AMF 0 form") from error


# --- reading --------------------------------------------------------------------------------------------------------


def decode(data: bytes) -> list[Value]:
    """Return all values of a message body.

    Numbers are floats. Undefined and unsupported read as None, dates as milliseconds since the epoch, XML documents as
    text, typed objects as dictionaries. Text that is not UTF-8 is repaired with U+FFFD.

    Raises:
        RemoteProtocolError: The data is cut short, over a limit, or has a marker that RTMP peers do not use
            (references, AMF 3).
    """
    reader = _Decoder(data)
    values = []
    while not reader.at_end:
        values.append(reader.value(0))
    return values


class _Decoder:
    """A position in a message body."""

    __slots__ = ("_budget", "_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._budget = MAX_VALUES

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)

    def value(self, depth: int) -> Value:
        self._budget -= 1
        if depth > MAX_DEPTH or self._budget < 0:
            raise RemoteProtocolError(f"AMF 0 over {MAX_DEPTH} levels or {MAX_VALUES} values")
        marker = self._take(1)[0]
        read = _READERS.get(marker)
        if read is None:
            raise RemoteProtocolError(f"unusable AMF 0 marker 0x{marker:02x}")
        return read(self, depth)

    def number(self, _depth: int) -> float:
        return float(_DOUBLE.unpack(self._take(8))[0])

    def boolean(self, _depth: int) -> bool:
        return self._take(1) != b"\x00"

    def string(self, _depth: int) -> str:
        return self._text(self._take(_U16.unpack(self._take(2))[0]))

    def long_string(self, _depth: int) -> str:
        return self._text(self._take(_U32.unpack(self._take(4))[0]))

    def nothing(self, _depth: int) -> None:
        return None

    def object(self, depth: int) -> dict[str, Value]:
        return dict(self._properties(depth))

    def typed_object(self, depth: int) -> dict[str, Value]:
        self.string(depth)  # the class name means nothing to us
        return dict(self._properties(depth))

    def ecma_array(self, depth: int) -> EcmaArray:
        self._take(4)  # the count is a hint which several servers get wrong; the end marker rules
        return EcmaArray(self._properties(depth))

    def strict_array(self, depth: int) -> list[Value]:
        count = _U32.unpack(self._take(4))[0]
        return [self.value(depth + 1) for _ in range(count)]  # a false count ends at the data's end or the budget

    def date(self, depth: int) -> float:
        milliseconds = self.number(depth)
        self._take(2)  # time zone, "should not be filled" (2.13)
        return milliseconds

    def _properties(self, depth: int) -> list[tuple[str, Value]]:
        items: list[tuple[str, Value]] = []
        while True:
            name = self.string(depth)
            if not name and self._peek() == _Marker.OBJECT_END:
                self._position += 1
                return items
            items.append((name, self.value(depth + 1)))

    def _peek(self) -> int:
        return -1 if self.at_end else self._data[self._position]

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise RemoteProtocolError("AMF 0 cut short")
        data = self._data[self._position : end]
        self._position = end
        return data

    @staticmethod
    def _text(data: bytes) -> str:
        return data.decode("utf-8", "replace")


_READERS: dict[int, Callable[[_Decoder, int], Value]] = {
    _Marker.NUMBER: _Decoder.number,
    _Marker.BOOLEAN: _Decoder.boolean,
    _Marker.STRING: _Decoder.string,
    _Marker.OBJECT: _Decoder.object,
    _Marker.NULL: _Decoder.nothing,
    _Marker.UNDEFINED: _Decoder.nothing,
    _Marker.ECMA_ARRAY: _Decoder.ecma_array,
    _Marker.STRICT_ARRAY: _Decoder.strict_array,
    _Marker.DATE: _Decoder.date,
    _Marker.LONG_STRING: _Decoder.long_string,
    _Marker.UNSUPPORTED: _Decoder.nothing,
    _Marker.XML_DOCUMENT: _Decoder.long_string,
    _Marker.TYPED_OBJECT: _Decoder.typed_object,
}
