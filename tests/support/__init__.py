"""What tests call; its assertions say as much on failure as those of the tests."""

from pathlib import Path

import pytest

for _file in Path(__file__).parent.glob("[!_]*.py"):
    pytest.register_assert_rewrite(f"{__name__}.{_file.stem}")
