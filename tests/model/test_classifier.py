"""From pictures to probabilities: engines, views, threads, precision."""

import builtins
import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from intake.decode import WORKING_SIDE
from intake.pictures import read_picture
from model import cpu as machine
from model import engines
from model.bundle import (
    EARLY_SIZE,
    FEATURE_SIZE,
    Bundle,
    BundleError,
    known_picture,
)
from model.calibration import softmax
from model.classes import CLASSES
from model.classifier import BATCH, GRADUAL, SAME_ANSWER, Classifier, load_classifier
from model.engines import Engine, OpenVinoEngine, Outputs, TorchEngine
from model.preprocess import (
    PANORAMA_SIDE,
    PHOTOGRAPH_SIDE,
    Pixels,
    Preprocessing,
    are_photographs,
    to_pixels,
    views_of,
)
from tests.support.hostile import encoded, scene
from tests.support.models import picture, with_precision
from tests.support.paths import ROOT


def test_a_prediction_is_complete_and_plain_data(classifier: Classifier) -> None:
    (found,) = classifier.predict([picture(1)])
    assert len(found.probabilities) == len(CLASSES)
    assert math.isclose(sum(found.probabilities), 1)
    assert found.confidence == max(found.probabilities)
    assert found.label == CLASSES[found.probabilities.index(found.confidence)]
    assert found.model_version == classifier.version
    assert all(type(value) is float for value in found.probabilities)
    assert set(asdict(found)) == {
        "label",
        "confidence",
        "probabilities",
        "model_version",
        "scope_score",
        "in_scope",
        "classes",
    }


def test_top_ranks_the_classes(classifier: Classifier) -> None:
    (found,) = classifier.predict([picture(2)])
    ranked = found.top(10)
    assert ranked[0] == (found.label, found.confidence)
    assert dict(ranked) == dict(zip(CLASSES, found.probabilities, strict=True))
    assert [p for _, p in ranked] == sorted(found.probabilities, reverse=True)
    assert found.top() == ranked[:3]


def test_nothing_gives_nothing(classifier: Classifier) -> None:
    assert classifier.predict([]) == []


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 50), (500, 10), (31, 33), (32, 32), (640, 480)]
)
def test_any_size_is_classified(size: tuple[int, int], classifier: Classifier) -> None:
    (found,) = classifier.predict([picture(3, size)])
    assert np.isfinite(found.probabilities).all()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_other_modes_become_rgb(mode: str, classifier: Classifier) -> None:
    converted = picture(4).convert(mode)
    found = classifier.predict([converted, converted.convert("RGB")])
    assert found[0] == found[1]


@pytest.mark.parametrize("precision", ["int8", "bf16", "f32"])
def test_a_picture_gets_the_same_answer_alone_and_in_any_batch(
    precision: str, classifier: Classifier
) -> None:
    same = with_precision(classifier, precision)
    shapes = [(32, 32), (60, 40), (300, 500)]
    images = [picture(n, shapes[n % 3]) for n in range(BATCH + 7)]
    together = np.array([found.probabilities for found in same.predict(images)])
    alone = np.array([same.predict([image])[0].probabilities for image in images])
    assert np.abs(together - alone).max() <= (
        1e-5 if precision == "f32" else SAME_ANSWER
    )
    assert together.std(axis=0).max() > 0.05  # they do differ from each other


def test_a_picture_gets_the_same_answer_after_a_restart(
    classifier: Classifier, published: Path
) -> None:
    images = [picture(n, (50, 40)) for n in range(20)]
    before = [found.probabilities for found in classifier.predict(images)]
    after = [
        found.probabilities for found in load_classifier(published).predict(images)
    ]
    assert np.abs(np.subtract(before, after)).max() <= SAME_ANSWER


def test_eight_threads_at_once_get_the_answers_one_gets(
    classifier: Classifier,
) -> None:
    jobs = [[picture(n), picture(n + 1, (50, 40))] for n in range(64)]
    expected = [classifier.predict(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(classifier.predict, jobs))
    for ours, theirs in zip(found, expected, strict=True):
        assert [each.label for each in ours] == [each.label for each in theirs]
        gaps = np.subtract(ours[1].probabilities, theirs[1].probabilities)
        assert np.abs(gaps).max() < 1e-6


def test_a_failed_request_is_given_back(classifier: Classifier) -> None:
    for _ in range(50):
        with pytest.raises(RuntimeError):
            classifier.compute(np.zeros((1, 5, 5, 3), np.uint8))
    assert len(classifier.predict([picture(5)])) == 1


def test_serving_does_not_import_torch(published: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from PIL import Image;"
        "from model.classifier import load_classifier;"
        f"c = load_classifier(Path({str(published)!r}));"
        "c.predict([Image.new('RGB', (40, 30))]);"
        "print(c.engine); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    engine, has_torch = done.stdout.splitlines()
    assert engine.startswith("OpenVINO")
    assert has_torch == "False"


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make modules look as if they were not installed."""
    real_import: Callable[..., ModuleType] = builtins.__import__

    def refuse(name: str, *rest: object) -> ModuleType:
        if name.partition(".")[0] in names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real_import(name, *rest)

    monkeypatch.delitem(sys.modules, "model.runtime", raising=False)  # asks again
    monkeypatch.setattr(builtins, "__import__", refuse)


def test_torch_serves_where_openvino_is_not_installed(
    published: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "openvino")
    stand_in = load_classifier(published)
    assert stand_in.engine.startswith("torch")
    ours = stand_in.predict([picture(6)])[0]
    theirs = classifier.predict([picture(6)])[0]
    assert np.abs(np.subtract(ours.probabilities, theirs.probabilities)).max() < 0.05


def test_no_engine_at_all_is_told(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "openvino", "torch")
    with pytest.raises(BundleError, match=r"torch is not installed; run `pip"):
        load_classifier(published)


def test_an_engine_asked_for_is_the_one_used(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_classifier(published, engine="torch").engine.startswith("torch")
    with pytest.raises(ValueError, match="abacus"):
        load_classifier(published, engine="abacus")
    hide(monkeypatch, "openvino")
    with pytest.raises(BundleError, match="openvino is not installed"):
        load_classifier(published, engine="openvino")


def outputs(classifier: Classifier, precision: str | None) -> Outputs:
    """Of structured pictures, through the engine alone."""
    images = [picture(n) for n in range(40)] + [known_picture()]
    pixels = to_pixels(images, classifier.bundle.preprocessing)
    if precision is None:
        return TorchEngine(classifier.bundle)(pixels)
    return OpenVinoEngine(classifier.bundle, precision=precision)(pixels)


def test_openvino_computes_what_torch_computes(real: Classifier) -> None:
    """The graph written by hand is torchvision's network, on the weights served."""
    ours, theirs = outputs(real, "f32"), outputs(real, None)
    assert np.abs(theirs.logits).max() > 1
    assert np.abs(ours.logits - theirs.logits).max() < 1e-3
    assert theirs.features.shape == (len(theirs.logits), FEATURE_SIZE)
    assert theirs.features.max() > 0.1
    assert np.abs(ours.features - theirs.features).max() < 1e-3
    assert theirs.early.shape == (len(theirs.logits), EARLY_SIZE)
    assert theirs.early.max() > 0.1
    assert np.abs(ours.early - theirs.early).max() < 1e-3


@pytest.mark.parametrize("make", [OpenVinoEngine, TorchEngine])
def test_an_answer_is_the_mean_of_the_maps_it_is_explained_by(
    make: Callable[[Bundle], Engine], real: Classifier
) -> None:
    engine = make(real.bundle)
    pixels = to_pixels([picture(1), picture(2)], real.bundle.preprocessing)
    second, third, last = engine.maps(pixels)
    assert [m.shape[2:] for m in (second, third, last)] == [(16, 16), (8, 8), (4, 4)]
    found = engine(pixels)
    means = [each.mean(axis=(2, 3)) for each in (second, third)]
    assert np.allclose(last.mean(axis=(2, 3)), found.features, atol=1e-3)
    assert np.allclose(np.concatenate(means, axis=1), found.early, atol=1e-3)


@pytest.mark.threat("G52")
def test_any_number_of_pictures_comes_to_openvino_in_few_sizes(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps megabytes for good for each size that it has ever met."""
    met: set[int] = set()

    def asked(_: object, pixels: Pixels) -> Outputs:
        met.add(len(pixels))
        return Outputs(*[pixels[:, 0, 0, :1].astype(np.float32)] * 3)

    monkeypatch.setattr(engines, "_asked", asked)
    engine = OpenVinoEngine(classifier.bundle)
    for number in range(1, 2 * BATCH):
        pixels = np.zeros((number, 32, 32, 3), np.uint8)
        pixels[:, 0, 0, 0] = range(number)
        assert engine(pixels).logits[:, 0].tolist() == list(range(number))
    assert met == set(engines.SIZES)


@pytest.mark.parametrize("number", [1, 2, 3, 7, 41])
def test_a_batch_cut_into_parts_comes_back_in_order(number: int, real: Classifier):
    images = [picture(n) for n in range(number)]
    pixels = to_pixels(images, replace(real.bundle.preprocessing, looks=1))
    engine = OpenVinoEngine(real.bundle)
    together = engine(pixels)
    alone = [engine(pixels[n : n + 1]) for n in range(number)]
    assert np.allclose(together.logits, [a.logits[0] for a in alone], atol=1e-4)
    assert np.allclose(together.features, [a.features[0] for a in alone], atol=1e-4)
    assert len({tuple(row) for row in together.logits.tolist()}) == number


@pytest.mark.parametrize(("precision", "most"), [("bf16", 0.02), ("int8", 0.05)])
def test_fewer_bits_move_probabilities_little(
    precision: str, most: float, real: Classifier
) -> None:
    reference = softmax(outputs(real, None).logits, real.bundle.temperature)
    found = softmax(outputs(real, precision).logits, real.bundle.temperature)
    assert np.abs(found - reference).max() < most
    assert np.abs(found - reference).mean() < most / 10
    sure = reference.max(axis=1) > 0.5 + most
    assert (found.argmax(axis=1) == reference.argmax(axis=1))[sure].all()


def test_eight_bits_need_a_processor_that_sums_them_safely(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "CPU_INFO", info)
    info.write_text("flags : fpu avx2 avx512f avx512_vnni\n")
    assert OpenVinoEngine(classifier.bundle).precision == "int8"
    info.write_text("flags : fpu avx2 avx512f\n")
    assert OpenVinoEngine(classifier.bundle).precision in {"f32", "bf16"}
    info.unlink()
    assert OpenVinoEngine(classifier.bundle).precision in {"f32", "bf16"}


def test_a_machine_is_described_by_what_it_can_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CPU_INFO", "PROC"):
        monkeypatch.setattr(machine, name, tmp_path / name)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    (tmp_path / "CPU_INFO").write_text("flags : avx2 avx512f avx512_bf16 sse\n")
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert machine.describe_machine() == "1 CPU core with AVX512-bf16"
    (tmp_path / "CPU_INFO").unlink()
    assert machine.describe_machine() == "1 CPU core"


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", None), ("50000 100000", 1), ("nonsense", None)]
)
def test_a_containers_quota_limits_the_threads(
    quota: str,
    cores: int | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(machine, "PROC", tmp_path)
    assert machine.available_cores() == (cores or len(os.sched_getaffinity(0)))


V2 = "30 23 0:27 {root} {mount} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "32 31 0:29 {root} {mount}/memory rw - cgroup cgroup rw,memory\n"
    "33 31 0:30 {root} {mount}/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)
UNIT = "/system.slice/pictures.service"


@pytest.mark.parametrize(
    ("mounts", "root", "cgroup", "files", "cores"),
    [
        # A container of version 2 sees its own cgroup as the root.
        (V2, "/", "0::/", {"cpu.max": "200000 100000"}, 2),
        (V2, "/", "0::/", {"cpu.max": "max 100000"}, 64),
        # A unit's own cgroup, a slice around it, and both: the smallest counts.
        (V2, "/", f"0::{UNIT}", {f"{UNIT[1:]}/cpu.max": "150000 100000"}, 2),
        (V2, "/", f"0::{UNIT}", {"system.slice/cpu.max": "300000 100000"}, 3),
        (
            V2,
            "/",
            f"0::{UNIT}/deep/er",
            {
                f"{UNIT[1:]}/deep/er/cpu.max": "max 100000",
                f"{UNIT[1:]}/cpu.max": "500000 100000",
                "system.slice/cpu.max": "400000 100000",
            },
            4,
        ),
        # Version 1: quota and period are files of their own; -1 is no quota.
        (
            V1,
            "/",
            f"4:memory:/x\n3:cpu,cpuacct:{UNIT}\n0::/",
            {
                f"cpu,cpuacct/{UNIT[1:]}/cpu.cfs_quota_us": "250000",
                f"cpu,cpuacct/{UNIT[1:]}/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3,
        ),
        # A container of version 1: its cgroup is all it sees, under a longer name.
        (
            V1,
            "/docker/abc",
            "3:cpu,cpuacct:/docker/abc",
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            1,
        ),
        # Where the names do not fit each other, the place itself is asked.
        (V2, "/a/b", "0::/../c", {"cpu.max": "200000 100000"}, 2),
        (V2, "/", "0::/", {"cpu.max": "0 0"}, 64),
    ],
)
def test_threads_follow_the_quota_wherever_it_is_set(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mounts: str,
    root: str,
    cgroup: str,
    files: dict[str, str],
    cores: int,
) -> None:
    mount = tmp_path / "sys fs"
    for name, text in files.items():
        (mount / name).parent.mkdir(parents=True, exist_ok=True)
        (mount / name).write_text(text)
    seen = mounts.format(root=root, mount=str(mount).replace(" ", "\\040"))
    (tmp_path / "mountinfo").write_text(seen)
    (tmp_path / "cgroup").write_text(cgroup)
    monkeypatch.setattr(machine, "PROC", tmp_path)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "nowhere")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert machine.available_cores() == cores


def test_torch_gets_each_channel_as_a_plane(classifier: Classifier) -> None:
    """It takes channels last too, and is a quarter slower then with one picture."""
    engine = TorchEngine(classifier.bundle)
    inner, planes = engine._maps, []
    engine._maps = lambda x: planes.append(x.is_contiguous()) or inner(x)
    engine(to_pixels([picture(0)], Preprocessing(looks=1)))
    assert planes == [True]


def test_temperature_changes_how_sure_and_never_which(classifier: Classifier) -> None:
    images = [picture(n) for n in range(20)]
    bundle = classifier.bundle
    cool, warm = (
        Classifier(replace(bundle, temperature=t), classifier.compute).predict(images)
        for t in (1.0, 4.0)
    )
    assert [each.label for each in cool] == [each.label for each in warm]
    assert all(c.confidence > w.confidence for c, w in zip(cool, warm, strict=True))


def test_views_are_averaged_as_logits(classifier: Classifier) -> None:
    image = picture(7, (90, 40))
    bundle = classifier.bundle

    def seen(*views: str) -> np.ndarray:
        looking = replace(bundle.preprocessing, views=views, looks=len(views), sure=1.0)
        changed = replace(bundle, preprocessing=looking)
        return Classifier(changed, classifier.compute).read([image]).logits[0]

    both = seen("squash", "crop")
    assert np.allclose(both, (seen("squash") + seen("crop")) / 2, atol=1e-4)
    assert not np.allclose(seen("squash"), seen("crop"), atol=1e-2)


class Eyes:
    """An engine that is as sure of each view as the brightness of its corner says."""

    name = "eyes"

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, pixels: Pixels) -> Outputs:
        self.seen += pixels[:, 0, 0, 0].tolist()
        logits = np.zeros((len(pixels), 10), np.float32)
        logits[:, 3] = pixels[:, 0, 0, 0] / 10
        features = np.repeat(logits[:, 3:4], FEATURE_SIZE, axis=1)
        return Outputs(logits, features, features[:, :EARLY_SIZE])


def two_sided(left: int, right: int) -> Image.Image:
    """Its first view shows `left` in the corner, its second, mirrored, `right`."""
    columns = np.full((32, 32, 3), left, np.uint8)
    columns[:, 16:] = right
    return Image.fromarray(columns)


def test_only_what_is_not_sure_at_first_look_is_looked_at_again(
    classifier: Classifier,
) -> None:
    eyes = Eyes()
    images = [two_sided(90, 0), two_sided(10, 30), two_sided(80, 1), two_sided(0, 40)]
    found = Classifier(classifier.bundle, eyes).read(images)
    assert eyes.seen == [90, 10, 80, 0, 30, 40]
    assert found.logits[:, 3].tolist() == pytest.approx([9, 2, 8, 2])
    assert found.features[:, 0].tolist() == pytest.approx([9, 2, 8, 2])


def test_all_looks_at_a_photograph_count(classifier: Classifier) -> None:
    eyes = Eyes()
    sure = two_sided(90, 30).resize((80, 80), Image.Resampling.NEAREST)
    found = Classifier(classifier.bundle, eyes).read([sure])
    assert eyes.seen == [90, 30, 30, 90]  # the second and the third are mirrored
    assert found.features[0, 0] == pytest.approx(6)


def test_photographs_have_a_temperature_of_their_own(classifier: Classifier) -> None:
    sizes = [(32, 32), (39, 200), (40, 40), (200, 150), (512, 38), (9, 512)]
    images = [picture(n, size) for n, size in enumerate(sizes)]
    bundle = classifier.bundle
    warmer = replace(bundle, photograph_temperature=3 * bundle.temperature)
    before = classifier.predict(images)
    after = Classifier(warmer, classifier.compute).predict(images)
    less_sure = [
        b.confidence > a.confidence for b, a in zip(before, after, strict=True)
    ]
    assert less_sure == [False, False, True, True, True, True]
    assert [b.label for b in before] == [a.label for a in after]


def test_a_panorama_is_a_photograph_after_it_was_reduced() -> None:
    """Its shorter side has fewer pixels then than any other photograph's."""
    wide = read_picture(encoded(scene((2_000, 100)), "JPEG")).image
    assert min(wide.size) < PHOTOGRAPH_SIDE
    assert PANORAMA_SIDE == WORKING_SIDE
    assert are_photographs([wide, scene((32, 32))]).tolist() == [True, False]


def test_a_picture_at_the_edge_of_sure_does_not_jump(classifier: Classifier) -> None:
    """Further looks fade out: a last bit must not decide between two answers."""
    sure = classifier.bundle.preprocessing.sure
    edge = [sure - 1e-5, sure, sure + GRADUAL / 2, sure + GRADUAL]
    logits = np.zeros((4, 10))
    logits[:, 3] = [np.log(9 * p / (1 - p)) for p in edge]
    shares = classifier._shares(logits)
    assert shares.tolist() == pytest.approx([1, 1, 0.5, 0], abs=1e-4)


def test_a_small_square_picture_reaches_the_network_untouched() -> None:
    image = picture(8)
    plain, mirrored = views_of(image, Preprocessing())
    assert np.array_equal(plain, np.asarray(image))
    assert np.array_equal(mirrored, np.asarray(image)[:, ::-1])


def test_squash_shows_all_and_crops_the_middle() -> None:
    image = Image.new("RGB", (128, 64), "red")
    image.paste("blue", (32, 0, 96, 64))
    image.paste("lime", (48, 16, 80, 48))  # the inner half of the blue
    views = ("squash", "crop", "crop-80", "crop-65", "crop-50")
    squash, *crops, nearest = views_of(image, Preprocessing(views, 5))
    blue, lime = np.array([0, 0, 255]), np.array([0, 255, 0])
    assert (squash[:, :8] == [255, 0, 0]).all()
    assert (squash[0, 8:24] == blue).all()
    assert all((crop[0] == blue).all() for crop in crops)
    green = [(crop[16] == lime).all(1).sum() for crop in crops]
    assert green == [16, 20, 24]
    assert (nearest == lime).all()


def test_reducing_averages_every_pixel() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    (reduced,) = views_of(Image.fromarray(noise), Preprocessing(("squash",), 1))
    exact = noise.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(reduced - exact).max() <= 1


@pytest.mark.parametrize(
    ("size", "number"),
    [((32, 32), 2), ((33, 32), 4), ((41, 41), 3), ((64, 64), 4), ((20, 20), 2)],
)
def test_a_picture_is_seen_from_nearer_where_it_has_the_pixels(
    size: tuple[int, int], number: int
) -> None:
    views = list(views_of(picture(9, size), Preprocessing()))
    assert len({view.tobytes() for view in views}) == len(views) == number
    fewer = list(views_of(picture(9, size), Preprocessing(looks=1)))
    assert [view.tobytes() for view in fewer] == [views[0].tobytes()]


def test_pictures_keep_their_own_views_in_a_batch() -> None:
    images = [picture(1), picture(2, (50, 20)), picture(3)]
    looking = Preprocessing(("squash", "crop"), 2)
    pixels = to_pixels(images, looking)
    assert pixels.shape == (4, 32, 32, 3)
    assert np.array_equal(pixels[3], np.asarray(images[2]))
