"""The Qt that is pinned keeps its references: 6.12.0 loses one to None with each void call."""

import importlib.util
import os
import subprocess
import sys

import pytest

N_CALLS = 20_000
"""PySide6 6.12.0 aborts the interpreter after about 5,000 on Python 3.11."""

COUNT = f"""
import sys
from PySide6.QtCore import Property, QCoreApplication, QObject, Signal, Slot
from PySide6.QtQml import QQmlComponent, QQmlEngine

class Model(QObject):
    changed = Signal(int)

    @Slot(int)
    def press(self, number):
        self.changed.emit(number)

    @Property(int, notify=changed)
    def value(self):
        return 1

application = QCoreApplication([])
model = Model()
model.changed.connect(lambda number: None)
engine = QQmlEngine()
component = QQmlComponent(engine)
component.setData(b'''import QtQml
QtObject {{
    function run(model) {{ for (var i = 0; i < {N_CALLS}; i++) model.press(i) }}
}}''', "")
root = component.create()
assert root is not None, component.errorString()

def lost(call):
    call()
    before = sys.getrefcount(None)
    call()
    return before - sys.getrefcount(None)

def calls_into_qt():
    for number in range({N_CALLS}):
        model.setObjectName("a")

def signals():
    for number in range({N_CALLS}):
        model.changed.emit(number)

def slots_from_qml():
    root.run(model)

for call in (calls_into_qt, signals, slots_from_qml):
    print(call.__name__, lost(call))
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("PySide6") is None, reason="pip install PySide6")
def test_void_calls_lose_no_reference_to_none() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        capture_output=True,
        text=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stderr
    lost = {name: int(count) for name, count in map(str.split, done.stdout.splitlines())}
    assert set(lost) == {"calls_into_qt", "signals", "slots_from_qml"}
    # A handful comes and goes by itself; None is immortal from Python 3.12 on.
    assert all(abs(count) < 100 for count in lost.values()), lost
