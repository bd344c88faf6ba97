"""Draw docs/images/page.png: the page of a run in Chromium, as a reader first sees it.

edgewise discover --model demo --task ioi --top 100 --out runs/demo && edgewise evaluate runs/demo
python scripts/draw_page.py runs/demo
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

OUT = Path(__file__).parent.parent / "docs" / "images" / "page.png"
WIDTH, HEIGHT, SCALE = 1280, 860, 1.5


def main(folder: Path) -> None:
    """Draw it, in few colours, for a file that a README may hold."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
        tab.goto((folder / "report.html").resolve().as_uri())
        drawn = Image.open(io.BytesIO(tab.screenshot()))
        browser.close()
    drawn.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE).save(OUT, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
