"""Why this label, as it is shown of a saved picture."""

import io

import numpy as np
import pytest
from PIL import Image

from db import Database
from intake.errors import Refused
from intake.pictures import read_picture
from model.classes import CLASSES
from model.head import Examples
from model.why import nearest
from tests.support.entries import entry
from tests.support.hostile import encoded, scene
from tests.support.lessons import learned_version
from workflow import resources, why
from workflow.why import DARK, lit, reasons


def saved(db: Database, size: int, **changes):
    picture = read_picture(encoded(scene((size, size))))
    changes |= {"sha256": picture.sha256, "data": picture.data}
    db.save([entry(3, **changes)])
    return db.known([picture.sha256])[picture.sha256]


def test_what_speaks_for_a_label_is_lit():
    look = np.full((32, 32, 3), 200, np.uint8)
    light = np.array([[1.0, 0.0], [-3.0, 2.0]])
    shown = lit(look, light)
    assert shown[0, 0].tolist() == shown[31, 31].tolist() == [200] * 3
    assert shown[0, 31].tolist() == shown[31, 0].tolist() == [round(200 * DARK)] * 3


@pytest.mark.parametrize("size", [32, 200])
def test_looks_are_pictures(db: Database, size: int):
    found = reasons(db, resources.published(), saved(db, size))
    assert 1 <= len(found.looks) <= why.MOST_LOOKS
    for look in found.looks:
        with Image.open(io.BytesIO(look)) as shown:
            assert shown.size == (why.SIDE, why.SIDE)
    assert found.alike == ()  # nothing was learned yet


def test_the_most_alike_are_those_that_were_learned_from(db: Database):
    row = saved(db, 200)
    db.save([entry(n, "cat") for n in range(20, 28)])
    others = [entry(n).sha256 for n in range(20, 28)]
    base = resources.published()
    features = base.read([read_picture(db.image(row.sha256)).image]).features
    chance = np.random.default_rng(0)
    near = features + chance.normal(0, np.arange(9)[:, None], (9, 512))
    version = learned_version(base, 0)
    labels = np.zeros(9, np.int64)
    hashes = (row.sha256, *others)
    version.head.__dict__["examples"] = Examples(hashes, labels, near.astype("f2"))
    alike = reasons(db, version, row).alike
    order, _ = nearest(features, near.astype("f2").astype("f4"), _centre(base), 9)
    assert [one.sha256 for one in alike] == [hashes[n] for n in order[0] if n][:5]


def _centre(base) -> np.ndarray:
    return base.bundle.scope.class_means.mean(axis=0)


def test_a_label_that_the_model_does_not_know_has_no_reasons(db: Database):
    row = saved(db, 32, prediction="lion")
    with pytest.raises(Refused, match="does not know"):
        reasons(db, resources.published(), row)
    assert "lion" not in CLASSES


def test_what_is_gone_has_no_reasons(db: Database):
    row = saved(db, 32)
    db.delete([row.image_id])
    db.purge_deleted()
    with pytest.raises(Refused, match="deleted"):
        reasons(db, resources.published(), row)
