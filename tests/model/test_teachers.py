"""Learning from other networks' answers."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from model import publish, train
from model.network import build_network
from model.publishing import card_text
from model.train import Run
from model.training.data import load_folder
from model.training.epochs import normalise
from model.training.recipe import Recipe
from model.training.teachers import Teachers

CPU = torch.device("cpu")


def answers(files: list[Path], images: Tensor, temperature: float) -> Tensor:
    return Teachers(files, CPU).probabilities(images, temperature)


def test_teachers_answer_with_their_mean_softened(files: list[Path]) -> None:
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    one, other = (answers([file], images, 1.0) for file in files)
    both = answers(files, images, 1.0)
    assert not torch.allclose(one, other, atol=0.01)
    assert torch.allclose(both, (one + other) / 2, atol=1e-3)
    soft = answers([files[0]], images, 4.0)
    assert torch.allclose(soft, (one.log() / 4).softmax(1), atol=5e-3)


def test_a_wide_teacher_is_known_by_its_shape(tmp_path: Path) -> None:
    wide = build_network(wide=True)
    assert sum(p.numel() for p in wide.parameters()) > 40e6
    file = tmp_path / "wide.safetensors"
    save_file(wide.state_dict(), file)
    images = torch.rand(2, 3, 16, 16)
    with torch.inference_mode():
        expected = wide.eval()(images).softmax(1)
    assert torch.allclose(answers([file], images, 1.0), expected, atol=0.02)


def test_weights_that_are_no_teacher_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, part = tmp_path / "text", tmp_path / "part.safetensors"
    text.write_text("not weights")
    save_file({"fc.bias": torch.zeros(10)}, part)
    for file, said in ((text, "format"), (part, "lacks"), (tmp_path / "no", "no")):
        out = tmp_path / "out.safetensors"
        arguments = [f"--data={data}", f"--out={out}", "--teachers", str(file)]
        assert train.main(arguments) == 1
        assert said in capsys.readouterr().err
        assert not out.exists()


def disagreement(run: Run, teachers: Teachers, images: Tensor) -> float:
    soft = teachers.probabilities(images, 1.0)
    with torch.inference_mode():
        told = run.network.eval()(images).softmax(1)
    return float((told - soft).abs().sum(1).mean())


def test_a_student_comes_to_answer_as_its_teacher(
    files: list[Path], data: Path
) -> None:
    """Though the labels are nothing like the random teacher's answers."""
    recipe = Recipe(
        stages=((8, 16),), batch_size=10, peak_lr=0.03, sgd_lr=0.02, taught=1.0
    )
    teacher = Teachers(files[:1], CPU)
    run = Run(recipe, 20, data / "none", teachers=teacher)
    pictures = load_folder(data)
    images = normalise(pictures.images[:, :, ::2, ::2].float() / 255)
    before = disagreement(run, teacher, images)
    losses = [run.train_epoch(pictures) for _ in recipe.sizes]
    assert losses[-1] < losses[0]
    assert disagreement(run, teacher, images) < before - 0.2


def test_labels_and_teachers_are_weighed(files: list[Path], data: Path) -> None:
    logits = torch.tensor([[2.0] + [0.0] * 9])
    target = torch.eye(10)[:1]
    soft = torch.full((1, 10), 0.1)
    run = Run(Recipe(taught=0.25, softness=2.0), 20, data / "none")
    hard = -logits.log_softmax(1)[0, 0]
    told = -(logits / 2).log_softmax(1).mean()
    assert run._losses(logits, target, None).item() == pytest.approx(hard.item())
    both = 0.75 * hard + 0.25 * 4 * told
    assert run._losses(logits, target, soft).item() == pytest.approx(both.item())


def test_weights_name_the_teachers_and_a_checkpoint_keeps_to_them(
    files: list[Path],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "student.safetensors"
    command = [f"--data={data}", f"--out={out}", "--stages=1@8", "--batch-size=8"]
    assert train.main([*command, "--teachers", *map(str, files)]) == 0
    with safe_open(out, "np") as file:
        about = file.metadata()
    assert about["teachers"] == ", ".join(Teachers(files, CPU).names)
    assert train.main([*command, "--teachers", str(files[0])]) == 1
    assert "another recipe" in capsys.readouterr().err


def test_the_card_names_the_teachers_if_there_were() -> None:
    options = publish.parse_arguments(
        ["--weights=w", "--data=d", "--held-out=h", "--machine=an abacus"]
    )
    for about, named in (({"teachers": "0a1b, 2c3d"}, True), ({}, False)):
        entry = publish._training(about, options)
        text = "\n".join(card_text._training(entry))
        assert ("weights 0a1b, 2c3d." in text) == named
        assert ("Teachers" in text) == named
