"""A worker that goes wrong in the way that a song's name says; runs in a process of its own."""

import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from unbraid.library.worker import Separate, Setup, _Bench, serve


def serve_rogue(connection: Connection, setup: Setup) -> None:
    honest = _Bench._separate

    def separate(bench: _Bench, task: Separate) -> Any:
        way = task.path.stem
        if way == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if way.endswith("once") and not task.path.with_suffix(".tried").exists():
            task.path.with_suffix(".tried").touch()
            if way.startswith("crashes"):
                os._exit(3)
            np.ones(2**31)
        if way == "spins":
            while True:
                pass
        if way == "waits":
            time.sleep(3_600)
        if way == "eats":
            np.ones(2**31)
        return honest(bench, task)

    _Bench._separate = separate  # type: ignore[method-assign]
    serve(connection, setup)
