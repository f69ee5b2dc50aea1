"""The player: a song on four faders, while it is still being taken apart. No Qt, no torch."""
