// What stands beside the drawing: of nothing in particular, of a node, or of an edge.

const LISTED = 12;
const BEST = 5;

class Panel {
  constructor(node, app) {
    this.node = node;
    this.app = app;
    this.open = new Set();
  }

  update() {
    const { state, model } = this.app;
    const { selected } = state;
    const item = selected && model.byName.get(selected);
    if (!selected) replace(this.node, this.overview(model));
    else if (selected.includes("->") && item) replace(this.node, this.edge(model, item));
    else replace(this.node, this.ofNode(model, selected));
  }

  link(text, name) {
    return button(text, () => this.app.select(name, this.app.model), { class: "link" });
  }

  // An edge (or node) with its score; a click selects it, or the node at its other end.
  row(model, item, text, leads) {
    const bar = el("i", { class: `bar ${item.sign}` });
    bar.style.width = `${Math.max(1, (100 * Math.abs(item.score || 0)) / model.largest)}%`;
    const row = el(
      "li", { class: isUncertain(item) ? "unsure" : null },
      this.link(text, leads),
      el("span", { class: "number" }, withError(item.score, item.stderr)),
      bar,
    );
    return tipped(row, ...describe(item, model.run.metric));
  }

  list(model, title, items, text, key, { listed = LISTED, leads = (item) => item.name } = {}) {
    const some = this.open.has(key) ? items : items.slice(0, listed);
    const more = items.length > some.length && button(`${items.length - some.length} more`, () => {
      this.open.add(key);
      this.update();
    }, { class: "link" });
    return [
      el("h3", {}, `${title} (${items.length})`),
      items.length ? el("ol", { class: "edges-list" }, some.map((item) => this.row(model, item, text(item), leads(item)))) : el("p", { class: "quiet" }, "none shown"),
      more,
    ];
  }

  overview(model) {
    const { state } = this.app;
    const items = shownItems(model, state);
    return [
      el("h2", {}, "What stands out"),
      ...this.answer(model, items),
      ...this.sizes(model),
      ...this.doubt(model, items),
      ...this.odd(model),
      ...(model.ofEdges ? this.list(model, "Strongest edges", [...items].sort(strongest), (edge) => edge.name, "strongest", { listed: BEST }) : []),
      el("p", { class: "quiet" }, "Click a node for what it reads and what it feeds; an edge for its numbers. Shift-click marks nodes to group."),
    ];
  }

  answer(model, items) {
    if (!model.ofEdges) return this.list(model, "Largest nodes", [...items].sort(strongest), (item) => item.name, "nodes");
    const writes = model.incoming(items, "logits").filter((edge) => edge.source !== "input");
    return [
      ...this.list(model, "Write to the answer", writes, (edge) => this.named(model, edge.source), "answer", { listed: BEST, leads: (edge) => edge.source }),
    ];
  }

  named(model, name) {
    const known = model.classOf(name);
    return known ? `${name} · ${known}` : name;
  }

  sizes(model) {
    const lines = [0.5, 0.8, 0.9, 0.95].map((share) => [share, model.sizeFor(share)]);
    const what = model.run.level;
    const known = lines.filter(([, found]) => found);
    if (model.points.length < 2) {
      return [el("h3", {}, `How many ${what}s`), el("p", {}, "Not measured at more than one size. ", el("code", {}, "edgewise evaluate RUN"), " draws the curve, ", el("code", {}, "edgewise select RUN --keep 0.9 --out FILE.json"), " finds the fewest.")];
    }
    const said = known.map(([share, { reached, before }]) => el(
      "li", {},
      el("b", {}, `${100 * share} %: `),
      button(count(reached.size, what), () => this.app.resize(reached.size), { class: "link" }),
      ` (${reached.faithfulness.toFixed(3)})`,
      before && before.size > 0 ? `, not ${before.size.toLocaleString("en")} (${before.faithfulness.toFixed(3)})` : "",
    ));
    return [el("h3", {}, `How many ${what}s keep the behaviour`), el("ul", { class: "bare" }, said.length ? said : el("li", {}, "no size that was measured keeps half"))];
  }

  doubt(model, items) {
    const unsure = items.filter((item) => isUncertain(item));
    if (!items.some((item) => isUncertain(item) !== null)) return [];
    return [
      el("h3", {}, "Uncertain"),
      el("p", {}, button(`${count(unsure.length, model.run.level)} of ${items.length.toLocaleString("en")} shown`, () => this.app.set({ certainty: this.app.state.certainty === "uncertain" ? "all" : "uncertain" }), { class: "link", id: "uncertain" }), ` ${unsure.length === 1 ? "has" : "have"} a sign that is not certain, over prompts at 95 % or by the doubt of an estimate.`),
    ];
  }

  odd(model) {
    const prompts = model.run.prompts;
    if (!prompts || !prompts.rows.length) return [];
    const found = oddest(model.run).slice(0, 3);
    const [values, which] = model.run.lower_is_better ? [prompts.corrupted, "corrupted"] : [prompts.clean, "clean"];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [
      el("h3", {}, "Odd prompts"),
      el("ul", { class: "bare" }, found.map((place) => el("li", {}, button(`row ${prompts.rows[place]}`, () => this.app.showPrompt(place), { class: "link" }), `: ${plain(values[place])} ${which}; the mean is ${plain(mean)}`))),
    ];
  }

  close() {
    return button("×", () => this.app.select(null, this.app.model), { class: "close", "aria-label": "Close" });
  }

  edge(model, item) {
    const [, ...lines] = describe(item, model.run.metric);
    return [
      this.close(),
      el("h2", {}, el("code", {}, item.name)),
      lines.map((line) => el("p", {}, line)),
      el("p", {}, "from ", this.link(this.named(model, item.source), item.source), " to ", this.link(this.named(model, item.node), item.node), item.letter ? ` as ${{ q: "query", k: "key", v: "value" }[item.letter]}` : ""),
    ];
  }

  ofNode(model, name) {
    const items = shownItems(model, this.app.state);
    const known = model.classOf(name);
    const group = this.app.state.groups.of(name);
    const item = model.ofEdges ? null : model.byName.get(name);
    return [
      this.close(),
      el("h2", {}, el("code", {}, name)),
      el("p", { class: "kind" }, known ? `${known}, by published work on this task` : { head: "attention head", mlp: "MLP", input: "what enters the first layer", logits: "the answer", kv: "keys and values that several heads share" }[parseNode(name).kind] || "node", group ? ` · in group ${group.name}` : ""),
      item ? describe(item, model.run.metric).slice(1).map((line) => el("p", {}, line)) : null,
      model.ofEdges
        ? [
            ...this.list(model, "Reads", model.incoming(items, name), (edge) => `${this.named(model, edge.source)}${edge.letter ? ` → ${edge.letter}` : ""}`, `in ${name}`, { leads: (edge) => edge.source }),
            ...this.list(model, "Feeds", model.outgoing(items, name), (edge) => `${this.named(model, edge.node)}${edge.letter ? ` ${edge.letter}` : ""}`, `out ${name}`, { leads: (edge) => edge.node }),
          ]
        : null,
      patternView(model.run.patterns, name),
      el("p", {}, button(this.app.state.marked.has(name) ? "Unmark" : "Mark to group", () => this.app.mark([name]))),
    ];
  }
}

// Prompts by how odd they are: the lowest metric first; of a distance, those that the corruption moves least.
function oddest(run) {
  const { clean, corrupted } = run.prompts;
  const values = run.lower_is_better ? corrupted : clean;
  return values.map((_, i) => i).sort((a, b) => values[a] - values[b] || a - b);
}

// Where a head looks: each token's row of the pattern, and the tokens shaded by the row of the one pointed at.
function patternView(patterns, name) {
  if (!patterns || !Object.hasOwn(patterns.heads, name)) return null;
  const bytes = Uint8Array.from(atob(patterns.heads[name]), (sign) => sign.charCodeAt(0));
  const n = patterns.tokens.length;
  const at = (query, key) => bytes[query * n + key] / 255;
  const cell = Math.max(2, Math.floor(260 / n));
  const map = draw("svg", { class: "pattern", viewBox: `0 0 ${n * cell} ${n * cell}`, role: "img", "aria-label": `Attention of ${name}: a row for each query, a column for each key` });
  const tokens = patterns.tokens.map((token, i) => el("button", { type: "button", class: "token", onpointerenter: () => shade(i), onfocus: () => shade(i) }, seen(token)));
  const said = el("p", { class: "quiet" });
  function shade(query) {
    tokens.forEach((token, key) => {
      token.style.setProperty("--share", `${Math.round(100 * at(query, key))}%`);
      token.classList.toggle("query", key === query);
    });
    const best = [...tokens.keys()].sort((a, b) => at(query, b) - at(query, a)).slice(0, 3);
    said.replaceChildren(`from “${seen(patterns.tokens[query])}” to ${best.map((key) => `“${seen(patterns.tokens[key])}” ${at(query, key).toFixed(2)}`).join(", ")}`);
  }
  for (let query = 0; query < n; query++) {
    for (let key = 0; key < n; key++) {
      const value = at(query, key);
      if (value < 0.004) continue;
      const square = draw("rect", { x: key * cell, y: query * cell, width: cell, height: cell, "fill-opacity": value.toFixed(2) });
      map.append(tipped(square, `${seen(patterns.tokens[query])} → ${seen(patterns.tokens[key])}: ${value.toFixed(2)}`));
    }
  }
  map.append(draw("path", { class: "frame", d: `M0 0H${n * cell}V${n * cell}H0Z` }));
  shade(n - 1);
  return [el("h3", {}, "Where it looks"), el("p", { class: "quiet" }, `clean prompt, row ${patterns.row}; point at a token: darker ones are attended to more`), el("div", { class: "tokens shaded" }, tokens), said, map];
}
