"""Listening without names: which model is better when nobody knows which is which."""

import json
import math
import random
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from unbraid.errors import OutputError, UsageError

LETTERS = "ABCDEFGH"


@dataclass(frozen=True, slots=True)
class Trial:
    """One choice.

    Attributes:
        letters: which model stood behind which letter.
        chosen: the letter that was preferred.
        song: the file's name, without its folder.
        position: where in the song the choice was made, in samples.
    """

    letters: dict[str, str]
    chosen: str
    song: str
    position: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a blind test came to.

    Attributes:
        counts: choices by model, all candidates in the order they were given.
        n_trials: choices in all.
        favourite: the model chosen most often; None if there is a tie, or no choice at all.
        p_value: how likely so uneven a count, or a more uneven one, of the most often chosen
            model is if the listener only guesses: an exact two-sided binomial test.
    """

    counts: dict[str, int]
    n_trials: int
    favourite: str | None
    p_value: float


class Blind:
    """A blind test under way. `Player.set_model` takes its letters; its names are hidden.

    Behind which letter a model stands changes with every trial, so choices are independent.

    Args:
        names: of the models, 2 to 8.
        log: a file that gets a line of JSON for each choice and one for the end; None for none.
        seed: for tests; None draws from the system.

    Raises:
        UsageError: too few or too many names, or one twice.
    """

    def __init__(
        self, names: list[str], *, log: Path | None = None, seed: int | None = None
    ) -> None:
        if not 2 <= len(names) <= len(LETTERS) or len(set(names)) < len(names):
            raise UsageError(f"a blind test needs 2 to {len(LETTERS)} different models")
        self.names = tuple(names)
        self.letters = LETTERS[: len(names)]
        """What the listener chooses from: "AB" for two models."""
        self.trials: list[Trial] = []
        self.is_revealed = False
        self._log = log
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()
        self._lock = threading.Lock()
        self._hidden = self._shuffled()

    @property
    def n_trials(self) -> int:
        """Choices so far."""
        return len(self.trials)

    def hidden(self, letter: str) -> str:
        """The model behind a letter in this trial. For the player, not for the listener.

        Raises:
            UsageError: there is no such letter.
        """
        if letter not in self._hidden:
            raise UsageError(f"no letter {letter!r} in this test; choose from {self.letters}")
        return self._hidden[letter]

    def letter_of(self, name: str) -> str | None:
        """The letter that a model has in this trial; None if it is no candidate."""
        for letter, hidden in self._hidden.items():
            if hidden == name:
                return letter
        return None

    def choose(self, letter: str, *, song: str = "", position: int = 0) -> Trial:
        """Log a choice and begin the next trial, with letters dealt anew.

        Use `Player.choose`, which knows song and position.

        Raises:
            UsageError: there is no such letter, or the test is over.
            OutputError: the log cannot be written; the choice is kept.
        """
        with self._lock:
            if self.is_revealed:
                raise UsageError("this blind test is over; start another")
            self.hidden(letter)
            trial = Trial(dict(self._hidden), letter, song, position)
            self.trials.append(trial)
            self._hidden = self._shuffled()
        self._write({"trial": self.n_trials, **asdict(trial)})
        return trial

    def reveal(self) -> Verdict:
        """End the test and tell names, counts and what they mean.

        Raises:
            OutputError: the log cannot be written; ask again for the verdict.
        """
        was_revealed, self.is_revealed = self.is_revealed, True
        counts = dict.fromkeys(self.names, 0)
        for trial in self.trials:
            counts[trial.letters[trial.chosen]] += 1
        most = max(counts.values())
        winners = [name for name, count in counts.items() if count == most]
        verdict = Verdict(
            counts,
            self.n_trials,
            winners[0] if len(winners) == 1 else None,
            binomial_p(most, self.n_trials, 1 / len(self.names)),
        )
        if not was_revealed:
            self._write({"verdict": asdict(verdict)})
        return verdict

    def _shuffled(self) -> dict[str, str]:
        return dict(
            zip(self.letters, self._random.sample(self.names, len(self.names)), strict=True)
        )

    def _write(self, line: dict[str, object]) -> None:
        if self._log is None:
            return
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise OutputError(
                f"{self._log}: cannot be written ({error.strerror}); check its folder"
            ) from error


def binomial_p(n_hits: int, n_trials: int, chance: float) -> float:
    """Exact two-sided binomial test.

    Args:
        n_hits: how often it happened.
        n_trials: out of so many.
        chance: of each.

    Returns:
        The probability of all counts that are no likelier than `n_hits`.

    Example:
        >>> round(binomial_p(9, 10, 0.5), 4)
        0.0215
    """
    likelihoods = [
        math.comb(n_trials, k) * chance**k * (1 - chance) ** (n_trials - k)
        for k in range(n_trials + 1)
    ]
    bound = likelihoods[n_hits] * (1 + 1e-7)  # rounding must not part equal ones
    return min(1.0, sum(p for p in likelihoods if p <= bound))
