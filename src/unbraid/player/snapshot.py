"""What the player tells of itself: one picture of its state, and short notices."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unbraid.player.transport import Motion

NoticeKind = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened later than its command: one line that names the thing and the remedy.

    Attributes:
        serial: counts from 1; tells notices that were seen from new ones.
        text: for people.
        kind: "error": something asked for did not happen; "warning": it plays on, but not as it
            should; "info": a device came back, a song was left out.
    """

    serial: int
    text: str
    kind: NoticeKind


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The player at one moment; cheap to take 60 times a second. Positions are samples at
    `sample_rate` (44 100 Hz), whatever rate the file has.

    Attributes:
        motion: what the transport does; PLAYING also while the first samples are still decoded.
        position: the sample that is heard now: behind what is mixed by the ring, the stretch and
            the device. While a seek is under way, where it goes.
        n_samples: the song's length; may change by a little when a file's header was wrong.
        loop: its first sample and the first behind it.
        is_seeking: the song is still being decoded up to where it is to play.
        song: grows when another song opens (its title, cover and waveform are new then).
        index: of the song in the playlist; None if it was taken out.
        path: None before a song is open; then everything of the song is empty or 0.
        is_opening: a song is being opened; the one before may still sound.
        artist, album: "" if the file does not say.
        cover: JPEG or PNG, the same object as long as the song is the same.
        model: what is heard: a set's or peer's name, or "original". In a blind test its letter.
        model_wanted: what was asked for while it is not heard yet; None when nothing is under way.
        is_mixture: the mixture is heard in place of the stems although the faders are not at
            unity: stems are not there yet, or the model is "original".
        ahead_s: seconds that are separated ahead of the playhead, in playing order (a loop that is
            separated wholly counts as the rest of the song).
        done_fraction: of the song that is separated, 0 to 1.
        times_real_time: seconds of music separated in a second of work, lately; 0 before the first.
        n_late: tiles that were heard as the mixture because they were not ready, from a second
            after each start, seek, or change of model on: the counter in view.
        n_waited: the same within that second.
        n_underruns: times that the device ran dry.
        n_separated: tiles separated since construction; those found in the store do not count.
        limiter_acts: it turned down what is heard now.
        device: as the system calls it; "" while none is open.
        device_lost: no device plays; one is looked for.
        latency_s: from the mixer to the ear.
        store_bytes: what this song's stems and decoded samples take on the disk.
        notices: the latest 20, oldest first.
    """

    motion: Motion = Motion.STOPPED
    position: int = 0
    n_samples: int = 0
    sample_rate: int = 44_100
    loop: tuple[int, int] | None = None
    tempo: float = 1.0
    key: int = 0
    is_seeking: bool = False
    song: int = 0
    index: int | None = None
    path: Path | None = None
    is_opening: bool = False
    title: str = ""
    artist: str = ""
    album: str = ""
    duration_s: float = 0.0
    cover: bytes | None = None
    model: str = ""
    model_wanted: str | None = None
    is_mixture: bool = False
    ahead_s: float = 0.0
    done_fraction: float = 0.0
    times_real_time: float = 0.0
    n_late: int = 0
    n_waited: int = 0
    n_underruns: int = 0
    n_separated: int = 0
    limiter_acts: bool = False
    device: str = ""
    device_lost: bool = False
    latency_s: float = 0.0
    store_bytes: int = 0
    notices: tuple[Notice, ...] = ()
