"""Say how long a page takes to draw 2,000 edges anew, in Chromium: by the clock, and of its main thread's own time.

python scripts/time_page.py
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
SIZES = (1, 2000, 1, 2000, 1500, 2000)
REDRAW = """async (size) => {
  const slider = document.getElementById("size");
  const start = performance.now();
  slider.value = size;
  slider.dispatchEvent(new Event("input"));
  await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(go))));
  return performance.now() - start;
}"""


def main() -> None:
    """Draw a run of GPT-2's shape at several sizes."""
    sys.path.append(str(ROOT / "tests"))
    from edgewise.report.page.page import page
    from report.conftest import make_run

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        path.write_text(page(make_run("gpt2", top=2000, model="gpt2")), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        session.send("Performance.enable")
        tab.goto(path.as_uri())
        for size in SIZES:
            before = _spent(session)
            taken = tab.evaluate(REDRAW, size)
            print(f"{size:5,} edges: {taken:4.0f} ms, of the main thread {1000 * (_spent(session) - before):4.0f} ms")
        browser.close()


def _spent(session: object) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]  # type: ignore[attr-defined]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


if __name__ == "__main__":
    main()
