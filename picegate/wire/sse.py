"""Server-sent events from bytes to data payloads. Blind to chunking; works on bytes, so no character is ever split."""

MAX_EVENT_BYTES = 8 * 1024 * 1024  # a chunk may carry an image or a second of audio in base64


class SseDecoder:
    """`feed` chunks as they come, `flush` at the end; both return the data payloads of the events that closed.

    Lines end with LF, CRLF or CR. Comments and the fields `event`, `id` and `retry` are skipped; several data lines of
    one event are joined with LF, as the standard says.

    Raises:
        ValueError: an event larger than `max_bytes`: a peer that sends one endless line must not fill the memory.
    """

    __slots__ = ("_data", "_max_bytes", "_parts", "_size", "_skip_lf")

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []  # of the line that has not ended yet
        self._data: list[bytes] = []  # data lines of the event that has not ended yet
        self._size = 0  # bytes in both
        self._skip_lf = False  # the last chunk ended with CR: a following LF belongs to it

    def feed(self, chunk: bytes) -> list[bytes]:
        # The common case first, since this is what every token of an answer costs: whole events of one data line each.
        if (
            not self._size
            and not self._skip_lf
            and chunk.startswith(b"data: ")
            and chunk.endswith(b"\n\n")
            and b"\r" not in chunk
            and len(chunk) <= self._max_bytes
        ):
            payloads = chunk[6:-2].split(b"\n\ndata: ")
            if chunk.count(b"\n") == 2 * len(payloads):
                return payloads
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\n" not in chunk and b"\r" not in chunk:
            if chunk:
                self._parts.append(chunk)
                self._grow(len(chunk))
            return []
        return self._lines(chunk)

    def flush(self) -> list[bytes]:
        """The event that the end of the stream closes, if any: many servers leave out the last blank line."""
        payloads = self._lines(b"\n\n")
        self._skip_lf = False
        return payloads

    def _lines(self, chunk: bytes) -> list[bytes]:
        if self._parts:
            chunk = b"".join(self._parts) + chunk
            self._parts.clear()
        self._skip_lf = chunk.endswith(b"\r")
        lines = chunk.splitlines()
        if not chunk.endswith((b"\n", b"\r")):
            self._parts.append(lines.pop())
        payloads: list[bytes] = []
        for line in lines:
            if not line:
                if self._data:
                    payloads.append(b"\n".join(self._data))
                    self._data.clear()
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b" ", 5) else line[5:])
            elif line == b"data":
                self._data.append(b"")
            if len(line) > self._max_bytes:
                raise self._too_large()
        self._size = 0
        self._grow(sum(map(len, self._parts)) + sum(len(line) + 1 for line in self._data))
        return payloads

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._max_bytes:
            raise self._too_large()

    def _too_large(self) -> ValueError:
        return ValueError(f"a server-sent event is larger than {self._max_bytes} bytes")
