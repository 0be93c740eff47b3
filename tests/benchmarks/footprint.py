"""What an installation weighs and how soon it answers: a fresh environment with the core install.

python -m tests.benchmarks.footprint
"""

import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.benchmarks.paragraphs import ROOT


@click.command()
def main() -> None:
    """Print the size of the core install and the time of `lanmu --help`."""
    with TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        site = next((Path(folder) / "lib").glob("python*/site-packages"))
        before = size_mb(site)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--editable", str(ROOT)], check=True, stderr=sys.stderr)
        print(
            f"core install: {size_mb(site) - before:.0f} MB on disk (pip's own {before:.0f} MB left out), "
            f"bundle {size_mb(ROOT / 'model' / 'bundles'):.1f} MB"
        )
        times = []
        for _ in range(11):
            started = time.perf_counter()
            subprocess.run([str(Path(folder) / "bin" / "lanmu"), "--help"], check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - started)
        print(f"lanmu --help: median {statistics.median(times):.3f} s")


def size_mb(folder: Path) -> float:
    """Bytes on disk, in MB (10^6)."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file() and not file.is_symlink()) / 1e6


if __name__ == "__main__":
    main()
