"""The kinds of values that DICOM puts on the wire, each with its way there and back.

Upper layer numbers are big endian (PS3.8 9.3.1), command sets little endian (PS3.7 6.3.1).
For every kind and every ``raw`` that it takes: ``encode(decode(raw), len(raw)) == raw``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from dicomlab.model import Kind, printable


def _number(name: str, size: int, order: Literal["big", "little"], show: Callable[[int], str]) -> Kind:
    def encode(value: Any, _: int | None) -> bytes:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"takes a number, not {value!r}")
        try:
            return value.to_bytes(size, order)
        except OverflowError:
            raise ValueError(f"{value} does not fit into {size} byte{'s' * (size > 1)}") from None

    return Kind(name, size, lambda raw: int.from_bytes(raw, order), encode, show)


def _many(one: Kind) -> Kind:
    """Values of a kind one after the other (VM 1-n), as a tuple."""
    size = one.size or 1

    def decode(raw: bytes) -> Any:
        return tuple(one.decode(raw[i : i + size]) for i in range(0, len(raw), size))

    def encode(value: Any, _: int | None) -> bytes:
        many = value if isinstance(value, tuple | list) else (value,)
        return b"".join(one.encode(each, None) for each in many)

    def show(value: Any) -> str:
        return " ".join(one.show(each) for each in value) or "(empty)"

    return Kind(one.name, one.size, decode, encode, show)


def _text(name: str, pad: bytes = b"", size: int | None = None, even: bool = False) -> Kind:
    """Characters, one a byte. What the padding byte fills at the end is not part of the value."""

    def decode(raw: bytes) -> str:
        return (raw.rstrip(pad) if pad else raw).decode("latin-1")

    def encode(value: Any, room: int | None) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"takes a text, not {value!r}")
        try:
            raw = value.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError(f"{value!r} holds characters that no byte stands for") from None
        if room is None:
            room = size if size is not None else len(raw) + (len(raw) % 2 if even else 0)
        if size is not None and len(raw) > room:
            raise ValueError(f"holds {room} bytes, {value!r} has {len(raw)}")
        return raw.ljust(room, pad) if pad else raw

    return Kind(name, size, decode, encode, lambda value: printable(value) if value else "(empty)")


def _bytes_encode(value: Any, room: int | None) -> bytes:
    if value is None:
        return bytes(room or 0)
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"takes bytes, not {value!r}")
    if room is not None and len(value) != room:
        raise ValueError(f"holds {room} bytes, {len(value)} were given")
    return bytes(value)


def _bytes_show(value: bytes) -> str:
    if not value:
        return "(empty)"
    if len(value) > 1 and not any(value):
        return f"{len(value)} × 00H"
    return value.hex(" ").upper() if len(value) <= 8 else f"{len(value)} bytes"


def _tag_encode(value: Any, _: int | None) -> bytes:
    if not isinstance(value, int) or not 0 <= value <= 0xFFFFFFFF:
        raise ValueError(f"a tag is a number of 32 bits, not {value!r}")
    return (value >> 16).to_bytes(2, "little") + (value & 0xFFFF).to_bytes(2, "little")


def tag_text(tag: int) -> str:
    """A tag as the standard prints it: ``(0000,0100)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


BYTES = Kind("bytes", None, bytes, _bytes_encode, _bytes_show)
CODE = _number("code", 1, "big", lambda value: f"{value:02X}H")
U8 = _number("u8", 1, "big", str)
U16 = _number("u16", 2, "big", str)
U32 = _number("u32", 4, "big", str)
AE_TITLE = _text("AE title", b" ", size=16)
UID = _text("UID")
TEXT = _text("text")

# command set elements, by value representation (PS3.5 6.2, PS3.7 6.3.1)
TAG = Kind(
    "tag",
    4,
    lambda raw: int.from_bytes(raw[:2], "little") << 16 | int.from_bytes(raw[2:], "little"),
    _tag_encode,
    tag_text,
)
LENGTH_LE = _number("u32le", 4, "little", str)
VR: dict[str, Kind] = {
    "UL": _number("UL", 4, "little", str),
    "US": _number("US", 2, "little", str),
    "AT": TAG,
    "UI": _text("UI", b"\0", even=True),
    **{vr: _text(vr, b" ", even=True) for vr in ("AE", "LO", "SH", "LT", "CS", "IS")},
}
MANY: dict[str, Kind] = {vr: _many(VR[vr]) for vr in ("US", "AT")}  # those that VM 1-n is used with
