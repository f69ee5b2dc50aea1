"""Every error unbraid raises on purpose. Each message names the thing and says what to do."""


class UnbraidError(Exception):
    """Base of all; the command line prints its message as one line and exits with `exit_code`."""

    exit_code = 1


class UsageError(UnbraidError):
    """The caller asked for something that does not exist: a stem, a format, a template field."""

    exit_code = 2


class AudioError(UnbraidError):
    """A file cannot be read as audio."""


class OutputError(UnbraidError):
    """A file cannot be written: it exists, its folder is missing or read-only, the disk is full."""


class DeviceError(UnbraidError):
    """No sound device plays: none is there, it is of another name, or a library is missing."""


class SpecError(UnbraidError):
    """Arrays or settings do not fit the model's analysis settings."""


class ModelError(UnbraidError):
    """A model file is missing, damaged, of the wrong shape, or carries no card."""


class TrainingError(UnbraidError):
    """A recipe, a pool or a checkpoint does not fit; found before any work starts."""


class Cancelled(UnbraidError):  # noqa: N818 - it is a wish, not an error
    """The caller asked to stop."""

    exit_code = 130
