// Prompts as tokens, clean above corrupted, and every prompt's metric, so that an odd one is seen.

const ALWAYS = 3; // prompts shown from the start, beside the oddest three

class Prompts {
  constructor(node, app) {
    this.node = node;
    this.app = app;
    this.chosen = null;
  }

  update() {
    const { run } = this.app.model;
    const prompts = run.prompts;
    if (!prompts) return replace(this.node, el("p", { class: "quiet" }, "The run keeps no prompts."));
    const odd = prompts.rows.length ? oddest(run).slice(0, ALWAYS) : [];
    const places = [...new Set([...(this.chosen === null ? [] : [this.chosen]), ...odd, ...prompts.shown.slice(0, ALWAYS).map((one) => one.place)])];
    const byPlace = new Map(prompts.shown.map((one) => [one.place, one]));
    return replace(
      this.node,
      el("ul", { class: "bare" }, prompts.said.map((line) => el("li", {}, line))),
      prompts.rows.length ? this.strip(run, prompts, odd) : null,
      el("p", { class: "quiet" }, "Clean above corrupted, token under token: marked where they differ, underlined where logits are read. A dot is a space, an arrow the end of a line."),
      places.map((place) => (byPlace.has(place) ? this.prompt(run, byPlace.get(place), odd.includes(place)) : el("p", { class: "quiet" }, `Row ${prompts.rows[place]}: its tokens are not kept.`))),
    );
  }

  show(place) {
    this.chosen = place;
    this.update();
    this.node.scrollIntoView({ block: "start" });
  }

  // One dot a prompt, clean and corrupted; the order is that of the file.
  strip(run, prompts, odd) {
    const x = d3.scaleLinear().domain([0, prompts.rows.length + 1]);
    const y = d3.scaleLinear().domain(extent([...prompts.clean, ...prompts.corrupted]));
    const chart = new Chart(x, y, { xLabel: "prompts, in their order", yLabel: run.metric, title: "Every prompt's metric", height: 240 });
    if (y.domain()[0] < 0) chart.level(0, {});
    const dot = (i, value, kind) => {
      const lines = [`row ${prompts.rows[i]}, ${kind}`, `${plain(value)} ${run.metric}`];
      const mark = chart.dot(i + 1, value, lines, { class: `dot ${kind}${odd.includes(i) && kind === (run.lower_is_better ? "corrupted" : "clean") ? " odd" : ""}` });
      mark.addEventListener("click", () => this.show(i));
    };
    prompts.corrupted.forEach((value, i) => dot(i, value, "corrupted"));
    prompts.clean.forEach((value, i) => dot(i, value, "clean"));
    return [chart.node, el("p", { class: "quiet" }, "Filled: clean; hollow: corrupted; ringed: the oddest three. A click shows the prompt.")];
  }

  prompt(run, prompt, odd) {
    const { rows, clean, corrupted } = run.prompts;
    const [differs, reads] = [new Set(prompt.differs), new Set(prompt.reads)];
    const pairs = prompt.clean.map((token, i) => el("span", { class: `token${differs.has(i) ? " differs" : ""}${reads.has(i) ? " read" : ""}`, title: reads.has(i) ? "logits are read here" : null }, el("code", {}, seen(token)), el("code", {}, seen(prompt.corrupted[i]))));
    const known = rows.length ? [` · ${run.metric} ${plain(clean[prompt.place])} clean, ${plain(corrupted[prompt.place])} corrupted`] : [];
    return el(
      "div", { class: `prompt${odd ? " odd" : ""}`, "data-place": prompt.place },
      el("p", {}, el("b", {}, `Row ${prompt.row}`), odd ? " · odd" : "", " · right: ", this.answers(prompt.right), prompt.wrong.length ? [" · wrong: ", this.answers(prompt.wrong)] : null, known),
      el("div", { class: "tokens" }, pairs),
      prompt.likely ? this.likely(prompt) : null,
    );
  }

  answers(tokens) {
    const few = tokens.slice(0, 8).map((token) => el("code", {}, seen(token)));
    return [few.length ? few.flatMap((one, i) => (i ? [" ", one] : [one])) : "–", tokens.length > 8 ? ` and ${tokens.length - 8} more` : ""];
  }

  likely(prompt) {
    const kind = (token) => (prompt.right.includes(token) ? "helps" : prompt.wrong.includes(token) ? "harms" : "");
    const said = prompt.likely.map(([token, share]) => el("span", { class: "expected" }, el("code", { class: kind(token) }, seen(token)), ` ${(100 * share).toFixed(1)} %`));
    return el("p", { class: "quiet" }, "The model expects ", said);
  }
}
