"""How files are damaged: by chance, and by those who mean harm."""

import re
import struct
from collections.abc import Callable
from random import Random

LIES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
"""What header fields say that lie: none, one too many, negative, more than there is memory for."""

_FIELDS = re.compile(  # beside which headers keep sizes, counts, rates and channels
    rb"fmt |data|fact|ds64|COMM|SSND|FVER|moov|trak|mdhd|mvhd|tkhd|elst|stsd|stts|stsc|stsz|stco|"
    rb"ctts|mp4a|alac|esds|udta|meta|ilst|stem|covr|fLaC|OggS|OpusHead|OpusTags|vorbis|wvpk|ID3|"
    rb"APIC|TIT2|Xing|Info|LAME|\x1aE\xdf\xa3|\x16T\xaek|\x1fC\xb6u|desc|kuki|pakt|\.snd|riff|"
    rb"SQLite format 3|unbraid\.card|n_fft|n_frames|sample_rate"
)


def mutated(content: bytes, others: list[bytes], random: Random) -> bytes:
    """A damaged copy; up to four kinds of damage.

    Args:
        content: the file.
        others: files of its kind, to splice with.
        random: decides everything.
    """
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        kind = random.choice(_KINDS)
        content = kind(content, others, random) or content[:1]
    return content


def _flip_bits(content: bytes, others: list[bytes], random: Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(random.choice((1, 2, 8, 64))):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _flip_head(content: bytes, others: list[bytes], random: Random) -> bytes:
    n_head = min(len(content), 200)
    return _flip_bits(content[:n_head], others, random) + content[n_head:]


def _truncate(content: bytes, others: list[bytes], random: Random) -> bytes:
    n_bytes = random.randrange(len(content) + 1)
    return content[:n_bytes] if random.random() < 0.8 else content[n_bytes:]


def _splice(content: bytes, others: list[bytes], random: Random) -> bytes:
    other = random.choice(others)
    return content[: random.randrange(len(content))] + other[random.randrange(len(other)) :]


def _repeat(content: bytes, others: list[bytes], random: Random) -> bytes:
    start = random.randrange(len(content))
    piece = content[start : start + random.choice((1, 4, 64, 4_096))]
    at = random.randrange(len(content))
    return content[:at] + piece * random.choice((1, 2, 300)) + content[at:]


def _remove(content: bytes, others: list[bytes], random: Random) -> bytes:
    at = random.randrange(len(content))
    return content[:at] + content[at + random.choice((1, 2, 4, 64, 1_000)) :]


def _blank(content: bytes, others: list[bytes], random: Random) -> bytes:
    at, length = random.randrange(len(content)), random.choice((4, 64, 2_000))
    filled = random.choice((b"\0", b"\xff", random.randbytes(1)))
    return content[:at] + filled * len(content[at : at + length]) + content[at + length :]


def _lie(content: bytes, others: list[bytes], random: Random) -> bytes:
    """Overwrite a number beside a header's name, or anywhere near the start, in either order."""
    names = [match.start() for match in _FIELDS.finditer(content)]
    if names and random.random() < 0.8:
        at = random.choice(names) + random.randrange(-8, 48)
    else:
        at = random.randrange(min(len(content), 256))
    at = max(0, min(at, len(content) - 1))
    form = random.choice(("<H", ">H", "<I", ">I", "<Q", ">Q", "B"))
    n_bits = 8 * struct.calcsize(form)
    value = struct.pack(form, random.choice(LIES) & (2**n_bits - 1))
    return content[:at] + value + content[at + len(value) :]


_Mutator = Callable[[bytes, list[bytes], Random], bytes]
_KINDS: tuple[_Mutator, ...] = (
    *(_flip_bits, _flip_head, _truncate, _splice, _repeat, _remove, _blank),
    *(_lie, _lie, _lie),
)
