"""The window: Qt Quick. View models in Python, looks in QML; Python never paints."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from unbraid.errors import UsageError

if TYPE_CHECKING:
    from unbraid.player.engine import Player

__all__ = ["run"]


def run(paths: Iterable[str | Path] = (), *, player: "Player", is_model_given: bool = False) -> int:
    """Open the window and stay until it is closed.

    Args:
        paths: files, folders, globs and playlists to add and play; what the player has open or in
            its list already is left as it is.
        player: closed by whoever made it.
        is_model_given: the listener named the model, so the one remembered is not taken.

    Returns:
        The exit code.

    Raises:
        UsageError: Qt is not installed, or there is no display.
    """
    try:
        from unbraid.desktop.application import run_window
    except ImportError as error:
        raise UsageError(
            f"the window needs Qt ({error}): pip install 'unbraid[player]', and on Linux "
            "apt-get install libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0; "
            "or play without a window: unbraid play --headless"
        ) from None
    return run_window(list(paths), player, is_model_given=is_model_given)
