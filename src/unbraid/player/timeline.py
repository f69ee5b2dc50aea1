"""Which sample of the song is heard: through the stretcher, the ring and the device."""

from collections import deque

from unbraid.player.transport import Span


class Timeline:
    """Remembers what was put on the bus, and when each of it came out.

    The bus is all that the transport's spans gave, one after the other. Not thread-safe.
    """

    def __init__(self) -> None:
        self._spans: deque[tuple[int, Span]] = deque()  # with where they begin on the bus
        self._marks: deque[tuple[int, float]] = deque()  # samples written, and the bus there
        self._end = 0

    def add(self, start: int, n_samples: int, *, at: int | None = None) -> None:
        """The next `n_samples` on the bus are the song's from `start` on.

        Args:
            start: sample of the song.
            n_samples: how many.
            at: where on the bus they begin; None for after what was added last.
        """
        at = self._end if at is None else at
        if not n_samples:
            return
        if self._spans:
            begin, last = self._spans[-1]
            if (last.start + last.n_samples, begin + last.n_samples) == (start, at):
                start, n_samples, at = last.start, last.n_samples + n_samples, begin
                self._spans.pop()
        self._spans.append((at, Span(start, n_samples)))
        self._end = at + n_samples

    def mark(self, n_written: int, heard: float) -> None:
        """The sample after the first `n_written` for the device lies at `heard` on the bus."""
        self._marks.append((n_written, heard))

    def position(self, n_played: int) -> int | None:
        """The song's sample that follows the first `n_played`; None if there was none.

        Forgets what came before it, so ask in order.
        """
        while len(self._marks) > 1 and self._marks[1][0] <= n_played:
            self._marks.popleft()
        if not self._marks:
            return None
        n_written, heard = self._marks[0]
        if len(self._marks) > 1 and n_played > n_written:
            n_next, heard_next = self._marks[1]
            heard += (heard_next - heard) * (n_played - n_written) / (n_next - n_written)
        while len(self._spans) > 1 and self._spans[1][0] <= heard:
            self._spans.popleft()
        if not self._spans:
            return None
        at, span = self._spans[0]
        return span.start + min(max(0, int(heard) - at), span.n_samples)
