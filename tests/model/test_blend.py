"""Averages of weights: by their shares, of one network, and saying what of."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model.training import blend


def test_a_blend_is_the_mean_by_shares_and_says_so(
    two_weights: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert (
        blend.main([f"{two_weights[0]}=3", f"{two_weights[1]}=1", f"--out={out}"]) == 0
    )
    found = load_file(out)
    assert list(found) == ["a"]  # counters are for training alone
    assert found["a"].dtype == torch.float16
    assert found["a"].tolist() == [2.0, 3.0]
    with safe_open(out, "pt") as stored:
        about = stored.metadata()
    assert about["blended"].startswith("75% of weights")
    assert (about["recipe"], about["seconds"]) == ("{}", "120")


def test_weights_of_another_network_are_not_blended(
    two_weights: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"a": torch.zeros(3)}, two_weights[1])
    out = tmp_path / "out"
    assert (
        blend.main([f"{two_weights[0]}=1", f"{two_weights[1]}=1", f"--out={out}"]) == 1
    )
    assert "another network" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("part", ["first", "first=0", "=1", "first=x"])
def test_a_part_names_a_file_and_its_share(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        blend.main([part, f"--out={tmp_path / 'out'}"])
    assert "argument FILE=SHARE" in capsys.readouterr().err
