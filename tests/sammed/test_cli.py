"""`python -m workers segment` on plain files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.sammed.conftest import disc, disc_picture
from workers.cli import app

runner = CliRunner()


@pytest.fixture
def picture(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "disc.png"
    Image.fromarray(disc_picture(disc((90, 120), (50, 40), 18), rng)).save(path)
    return path


def test_a_mask_is_written_in_the_size_of_the_picture(picture: Path, small_checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "mask.png"
    arguments = ["--point", "50,40", "--background", "5,5", "--box", "30,20,70,60", "--model", str(small_checkpoint)]
    result = runner.invoke(app, ["segment", "--image", str(picture), "--out", str(out), *arguments])
    assert result.exit_code == 0, result.output
    mask = np.array(Image.open(out))
    assert mask.shape == (90, 120) and set(np.unique(mask)) <= {0, 255}


def test_an_array_gives_the_mask_of_the_same_picture(picture: Path, small_checkpoint: Path, tmp_path: Path) -> None:
    array = tmp_path / "disc.npy"
    np.save(array, np.array(Image.open(picture)))
    masks = []
    for source in (picture, array):
        out = tmp_path / f"{source.suffix}.png"
        arguments = ["--image", str(source), "--point", "50,40", "--out", str(out), "--model", str(small_checkpoint)]
        assert runner.invoke(app, ["segment", *arguments]).exit_code == 0
        masks.append(np.array(Image.open(out)))
    np.testing.assert_array_equal(*masks)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "neither a point nor a box"),
        (["--point", "500,40"], "outside the slice"),
        (["--point", "5"], "2 numbers"),
        (["--point", "5,5", "--model", "vit_x"], "no model"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    picture: Path, small_checkpoint: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    out = tmp_path / "mask.png"
    model = [] if "--model" in arguments else ["--model", str(small_checkpoint)]
    result = runner.invoke(app, ["segment", "--image", str(picture), "--out", str(out), *model, *arguments])
    assert result.exit_code == 1
    assert sentence in str(result.exception)
    assert not out.exists()
