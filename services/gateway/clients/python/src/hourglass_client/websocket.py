"""As much of RFC 6455 as a client needs, without doing any input or output itself: bytes in, messages and answers out."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from typing import Iterator, Optional
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MAX_MESSAGE = 8 << 20  # bytes; the biggest is an event of an order with 10,000 slices in its schedule
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Broken(Exception):
    """The connection cannot be used (any more). code is that of the closing frame, 0 if there was none."""

    def __init__(self, text: str, code: int = 0, status: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.status = status  # of the refused handshake


class Protocol:
    """One connection's state: feed it what arrives, send what it returns."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self.secure = parts.scheme in ("https", "wss")
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if self.secure else 80)
        self._key = base64.b64encode(os.urandom(16))
        lines = [f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {self._key.decode()}", "Sec-WebSocket-Version: 13"]
        for name, value in headers.items():
            if "\r" in value or "\n" in value:
                raise ValueError(f"header {name} has a line break")
            lines.append(f"{name}: {value}")
        self.request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self._buffer = bytearray()
        self._open = False
        self._message = bytearray()
        self._fragmented = False
        self.replies: list[bytes] = []  # to be sent, pongs and the closing frame

    def feed(self, data: bytes) -> Iterator[str]:
        """Takes bytes that have arrived, none at the end of the connection, and yields complete text messages."""
        if not data:
            raise Broken("the connection was closed")
        self._buffer += data
        if not self._open and not self._handshake():
            return
        while (frame := self._frame()) is not None:
            text = self._take(*frame)
            if text is not None:
                yield text

    def _handshake(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > 64 << 10:
                raise Broken("the answer to the handshake is too long")
            return False
        head = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        status = int(head[0].split(" ")[1]) if len(head[0].split(" ")) > 1 and head[0].split(" ")[1].isdigit() else 0
        accept = base64.b64encode(hashlib.sha1(self._key + _GUID).digest()).decode()  # RFC 6455 §4.2.2 names the algorithm
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if status != 101 or headers.get("sec-websocket-accept") != accept:
            raise Broken(f"the handshake was answered with {status}", status=status)
        self._open = True
        return True

    def _frame(self) -> Optional[tuple[int, bool, bytes]]:
        if len(self._buffer) < 2:
            return None
        first, second = self._buffer[0], self._buffer[1]
        size, at = second & 127, 2
        if size == 126:
            at = 4
        elif size == 127:
            at = 10
        if len(self._buffer) < at:
            return None
        if size == 126:
            (size,) = struct.unpack_from(">H", self._buffer, 2)
        elif size == 127:
            (size,) = struct.unpack_from(">Q", self._buffer, 2)
        if first & 0x70 or second & 0x80:
            raise Broken("the server's frame breaks RFC 6455")
        if size + len(self._message) > MAX_MESSAGE:
            raise Broken("the message is too long")
        if len(self._buffer) < at + size:
            return None
        payload = bytes(self._buffer[at : at + size])
        del self._buffer[: at + size]
        return first & 15, bool(first & 0x80), payload

    def _take(self, opcode: int, last: bool, payload: bytes) -> Optional[str]:
        if opcode == PING:
            self.replies.append(self.frame(PONG, payload))
        elif opcode == CLOSE:
            code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
            self.replies.append(self.frame(CLOSE, payload[:2]))
            raise Broken(f"closed by the server: {code} {payload[2:].decode('utf-8', 'replace')}".strip(), code=code)
        elif opcode in (0, TEXT):
            if (opcode == 0) != self._fragmented:
                raise Broken("the server's frame breaks RFC 6455")
            self._message += payload
            self._fragmented = not last
            if last:
                text = self._message.decode("utf-8")
                self._message.clear()
                return text
        elif opcode != PONG:
            raise Broken("the server's frame is not text")
        return None

    @staticmethod
    def frame(opcode: int, payload: bytes) -> bytes:
        """Encodes a frame of a client, which is masked."""
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        mask = os.urandom(4)
        return head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(payload))
