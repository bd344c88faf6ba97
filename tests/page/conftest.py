"""Pages in a headless Chromium: one browser for the session, skipped where there is none."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from edgewise.report.page.neurons import neuron_page
from edgewise.report.page.page import page_of
from edgewise.runs.shown_prompts import ShownRow, Tokens
from edgewise.runs.store.examples import EXAMPLES, Attention, Example, Examples, HeadPattern, Likely
from edgewise.runs.store.folder import Run
from edgewise.runs.store.neurons import NeuronRun
from report.conftest import make_checked_run, make_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; Playwright brings none of its own."""
    sync_api = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found)
        yield running
        running.close()


class Shown:
    """A page in the browser, and what its console said."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.said: list[str] = []
        tab.on("console", lambda message: self.said.append(message.text))
        tab.on("pageerror", lambda error: self.said.append(str(error)))

    def asked(self, request: Request) -> None:
        """Nothing but the page itself, and what it saves, may be asked for."""
        if not request.url.startswith(("file:", "blob:")):
            self.said.append(request.url)

    def count(self, selector: str) -> int:
        """How many there are."""
        return self.tab.locator(selector).count()

    def seen(self, selector: str) -> int:
        """How many there are that are not hidden."""
        return self.tab.locator(f"{selector} >> visible=true").count()

    def text(self, selector: str) -> str:
        """The text of one."""
        return self.tab.locator(selector).inner_text()

    def texts(self, selector: str) -> list[str]:
        """The texts of all."""
        return [" ".join(text.split()) for text in self.tab.locator(selector).all_inner_texts()]

    def resize(self, size: int) -> None:
        """Move the slider."""
        self.tab.locator("#size").evaluate(
            "(slider, size) => { slider.value = size; slider.dispatchEvent(new Event('input')); }", size
        )
        self.tab.evaluate("() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")

    def node(self, name: str) -> None:
        """Click a node."""
        self.tab.locator(f'[data-node="{name}"]').click()

    def nodes(self) -> set[str]:
        """The nodes that are drawn."""
        return set(self.tab.locator(".graph [data-node]").evaluate_all("(all) => all.map((one) => one.dataset.node)"))


Show: TypeAlias = Callable[..., Shown]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Show runs; at the end nothing may have been said on any console, and no request left the page."""
    opened: list[Shown] = []

    def of(*runs: Run | NeuronRun, width: int = 1280, height: int = 900, scheme: str = "light") -> Shown:
        tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        shown = Shown(tab)
        tab.on("request", shown.asked)
        opened.append(shown)
        path = tmp_path / f"page-{len(opened)}.html"
        path.write_text(text_of(runs), encoding="utf-8")
        tab.goto(path.as_uri())
        return shown

    yield of
    for shown in opened:
        shown.tab.close()
        assert shown.said == []


def text_of(runs: Sequence[Run | NeuronRun]) -> str:
    """The page of runs, or of one of neurons."""
    if isinstance(runs[0], NeuronRun):
        return neuron_page(runs[0])
    return page_of([run for run in runs if isinstance(run, Run)])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Of a model of GPT-2's shape, whose heads have classes, with example prompts and where two heads look."""
    found = make_run("gpt2", top=50, folder=tmp_path / "run", model="gpt2")
    with_examples(found)
    return found


@pytest.fixture
def checked() -> Run:
    """Some of whose scores are exact effects."""
    return make_checked_run()


def with_examples(run: Run) -> None:
    """Put examples into a run's folder: five prompts, the fourth of which is odd."""
    row = ShownRow(
        1,
        Tokens((0, 3, 4, 5), ("<s>", "He", " saw", " and")),
        Tokens((0, 3, 6, 5), ("<s>", "He", " had", " and")),
        (2,),
        (3,),
        Tokens((7,), (" Mary",)),
        Tokens((8,), (" <John>",)),
    )
    likely = Likely(Tokens((7, 8), (" Mary", " <John>")), (0.75, 0.125))
    prompts = tuple(
        Example(place, replace(row, row=place + 1), likely if place in (0, 3) else None) for place in range(5)
    )
    weights = np.zeros((4, 4), np.uint8)
    weights[3] = [51, 0, 204, 0]
    weights[:3, 0] = 255
    text = base64.b64encode(weights.tobytes()).decode()
    heads = tuple(HeadPattern(name, text) for name in sorted(run.circuit.nodes()) if name.startswith("a"))
    attention = Attention(1, row.clean, heads[:20])
    run.folder.mkdir(parents=True, exist_ok=True)
    found = Examples(
        "logit-diff", (1, 2, 3, 4, 5), (3.0, 3.5, 2.5, -4.0, 3.25), (-1.0, 0.5, 1.0, 0.0, -0.5), prompts, attention
    )
    (run.folder / EXAMPLES).write_bytes(found.to_bytes())
