"""Pictures in a tray."""

from intake.pictures import read_picture
from tests.support.hostile import encoded, scene

PICTURES = [read_picture(encoded(scene((20 + n, 20)))) for n in range(3)]
