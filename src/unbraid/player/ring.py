"""The only thing between the player's thread and the device's: a ring of samples."""

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import SpecError

Samples = NDArray[np.float32]


class Ring:
    """Stereo samples from one thread that writes to one that reads; neither ever waits.

    Each side changes a count of its own only, after it has copied, so no lock is needed. Nothing
    is allocated after construction. Frames lie interleaved, as devices want them.

    Args:
        n_samples: most that it holds; 4096 are 93 ms at 44.1 kHz.
    """

    def __init__(self, n_samples: int) -> None:
        if n_samples < 1:
            raise SpecError(f"a ring of {n_samples} samples holds nothing; give 1 or more")
        self.n_samples = n_samples
        self._frames = np.zeros((n_samples, 2), np.float32)
        self.n_written = 0
        """Samples written since the start."""
        self.n_read = 0
        """Samples read since the start: the device's clock."""

    @property
    def n_filled(self) -> int:
        """Samples that wait to be read."""
        return self.n_written - self.n_read

    @property
    def n_free(self) -> int:
        """Samples that can be written now."""
        return self.n_samples - self.n_filled

    def write(self, samples: Samples) -> None:
        """Append (2, n) samples; the writing thread's side.

        Raises:
            SpecError: there is no room; look at `n_free` first.
        """
        n_samples = samples.shape[1]
        if n_samples > self.n_free:
            raise SpecError(f"{n_samples} samples do not fit into the {self.n_free} that are free")
        start = self.n_written % self.n_samples
        n_first = min(n_samples, self.n_samples - start)
        self._frames[start : start + n_first] = samples[:, :n_first].T
        self._frames[: n_samples - n_first] = samples[:, n_first:].T
        self.n_written += n_samples

    def read_into(self, frames: Samples) -> int:
        """Fill (n, 2) frames as far as there are samples; the reading thread's side.

        Returns:
            How many were filled; the rest of `frames` is left as it was.
        """
        n_samples = min(len(frames), self.n_filled)
        start = self.n_read % self.n_samples
        n_first = min(n_samples, self.n_samples - start)
        frames[:n_first] = self._frames[start : start + n_first]
        frames[n_first:n_samples] = self._frames[: n_samples - n_first]
        self.n_read += n_samples
        return n_samples

    def drop(self) -> None:
        """Forget what waits; only while nobody reads."""
        self.n_read = self.n_written
