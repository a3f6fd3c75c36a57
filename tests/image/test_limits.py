"""Huge images are reduced while they are decoded, or refused; threads decode few of them at once."""

import subprocess
import sys
import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import medley as md
from medley.errors import BadImageWarning
from medley.image.pixels import _Gate, read

HUGE = """
import resource
from io import BytesIO
from PIL import Image
import numpy as np
from medley.image.codec import ImageCodec

file = BytesIO()
Image.new("RGB", (9_000, 9_000), (200, 10, 10)).save(file, "png")
codec = ImageCodec((16, 16)).fit(np.zeros((2, 16, 16, 3), np.uint8))
codec.encode([np.zeros((16, 16, 3), np.uint8)])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
array = codec.encode([file.getvalue()] * 4).array
assert (array[:, 0] > 190).all(), array
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_four_images_of_81_million_pixels_take_less_memory_than_two():
    done = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 700_000_000


def png(width, height, mode="RGB"):
    file = BytesIO()
    pixels = np.linspace(0, 255, height).astype(np.uint8)[:, None].repeat(width, 1)
    Image.fromarray(pixels).convert(mode).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_a_reduced_image_shows_the_same(mode, monkeypatch):
    unlimited = read(png(200, 120, mode), 3, (12, 20))
    monkeypatch.setattr("medley.image.pixels.HUGE", 1_000)
    small = read(png(200, 120, mode), 3, (12, 20))
    assert small.shape[2] == unlimited.shape[2]
    rows = [np.interp(np.linspace(0, 1, 12), np.linspace(0, 1, len(x)), x.mean((1, 2))) for x in (unlimited, small)]
    assert np.abs(rows[0] - rows[1]).max() < 12


def test_larger_images_than_the_caller_allows_cannot_be_read():
    codec = md.ImageInput(size=8, max_pixels=1_000).codec().fit([png(20, 20)])
    with pytest.warns(BadImageWarning, match="maximum is 1,000 pixels"):
        assert codec.encode([png(20, 20), png(50, 50)]).present.tolist() == [True, False]


def test_the_gate_lets_in_what_fits_and_one_that_does_not():
    gate, most, inside = _Gate(10), [], []
    lock = threading.Lock()

    def work(size):
        with gate.part(size):
            with lock:
                inside.append(size)
                most.append(sum(inside))
            with lock:
                inside.remove(size)

    threads = [threading.Thread(target=work, args=(size,)) for size in (3, 4, 5, 6, 20, 7) * 10]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(most) == 60
    assert all(total <= 10 or total == 20 for total in most)
