"""Pictures in a tray."""

from intake.pictures import read_picture
from tests.support.hostile import encoded, scene

PICTURES = [read_picture(encoded(scene((20 + n, 20)))) for n in range(3)]


SAID = {
    "label": "cat",
    "confidence": 0.5,
    "probabilities": [0.1] * 10,
    "model_version": "m",
}


PICTURES = [read_picture(encoded(scene((20 + n, 20)))) for n in range(3)]
