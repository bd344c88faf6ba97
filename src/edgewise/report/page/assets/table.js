// The edges (or nodes) as a table: sorted by any column, filtered by words, saved as CSV.

const STEP = 100;

class Table {
  constructor(node, app, id = "edges") {
    this.app = app;
    this.sort = { key: "rank", down: false };
    this.rows = STEP;
    this.only = false;
    this.filter = el("input", {
      type: "search",
      placeholder: this.hint(),
      "aria-label": "Filter the table",
      oninput: () => this.changed(),
    });
    this.check = el("input", { type: "checkbox", onchange: () => this.changed() });
    this.said = el("span", { class: "quiet", role: "status" });
    this.head = el("tr", {});
    this.body = el("tbody", {});
    this.more = button("Show more", () => {
      this.rows += 2 * STEP;
      this.update();
    });
    node.append(
      el(
        "div",
        { class: "bar" },
        this.filter,
        this.onlyDrawn(),
        this.said,
        button("Save as CSV", () => this.save(), { id: `${id}-csv` }),
      ),
      el("div", { class: "scroll tall" }, el("table", { id }, el("thead", {}, this.head), this.body)),
      this.more,
    );
  }

  // What a list of something else has otherwise.

  hint() {
    return "filter, e.g. a3.h7 or *->logits";
  }

  onlyDrawn() {
    return el("label", {}, this.check, " only what is drawn");
  }

  nameCell(text, item) {
    const { model } = this.app;
    return el(
      "td",
      {},
      button(text, () => this.app.select(item.name, model), { class: "link code" }),
    );
  }

  changed() {
    this.rows = STEP;
    this.update();
  }

  // Key, heading, value, and how it is shown.
  columns() {
    const { run, ofEdges } = this.app.model;
    const { ranked } = run;
    const checked = ranked.exact !== null;
    const unsure = (item) => ({ true: "no", false: "yes", null: "" })[isUncertain(item)];
    return [
      ["rank", "#", (item) => item.rank, (item) => (item.rank === null ? "–" : item.rank.toLocaleString("en"))],
      ["name", run.level, (item) => item.name],
      ofEdges && ["entry", "into", (item) => entry(item)],
      ["score", "score", (item) => item.score, (item) => plain(item.score)],
      ["stderr", "stderr", (item) => item.stderr, (item) => plain(item.stderr)],
      ranked.lows && ["low", "95 % from", (item) => item.low, (item) => plain(item.low)],
      ranked.lows && ["high", "to", (item) => item.high, (item) => plain(item.high)],
      ["certain", "sign certain", unsure],
      checked && ["basis", "score is", basis],
      checked && ["estimate", "estimate", (item) => item.estimate, (item) => plain(item.estimate)],
      ranked.doubts && ["doubt", "doubt", (item) => item.doubt, (item) => plain(item.doubt)],
      run.verified && ["measured", "verified", (item) => item.measured, (item) => plain(item.measured)],
      ranked.places && ["place", "place", (item) => item.place],
      ["kept", "in circuit", (item) => (item.kept ? "yes" : "no")],
    ].filter(Boolean);
  }

  chosen() {
    const { model, state } = this.app;
    const found = matcher(this.filter.value);
    const items = this.check.checked ? shownItems(model, state) : model.items;
    const column = this.columns().find(([key]) => key === this.sort.key) || this.columns()[0];
    const way = this.sort.down ? -1 : 1;
    const value = (item) => column[2](item);
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      return (
        way * (typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true })) ||
        a.index - b.index
      );
    };
    return items.filter((item) => !found || found(item.name)).sort(order);
  }

  // What the rows follow from; the size only where it is asked for.
  needs() {
    const { model, state } = this.app;
    const drawn = this.check.checked
      ? [state.size, [...state.entries], state.sign, state.basis, state.certainty, state.circuitOnly]
      : null;
    return JSON.stringify([model.run.folder, this.sort, this.rows, this.filter.value, state.selected, drawn]);
  }

  update() {
    const needs = this.needs();
    if (needs === this.shown) return;
    this.shown = needs;
    const { model, state } = this.app;
    const columns = this.columns();
    const items = this.chosen();
    replace(
      this.head,
      columns.map(([key, title, value]) => {
        const way = this.sort.key === key ? (this.sort.down ? "descending" : "ascending") : "none";
        const numeric = typeof value(model.items[0] || {}) === "number";
        return el(
          "th",
          { "aria-sort": way, class: numeric ? "number" : null },
          button(title, () => this.by(key), { class: "link" }),
        );
      }),
      el("th", {}),
    );
    replace(
      this.body,
      items.slice(0, this.rows).map((item) => this.row(model, state, columns, item)),
    );
    this.said.textContent = `${count(items.length, model.run.level)}${items.length < model.run.shape.total ? ` of ${model.run.shape.total.toLocaleString("en")}` : ""}`;
    this.more.hidden = items.length <= this.rows;
  }

  row(model, state, columns, item) {
    const bar = el("i", { class: `bar ${item.sign}` });
    bar.style.width = `${(100 * Math.abs(item.score || 0)) / model.largest}%`;
    const cells = columns.map(([key, , value, shown]) => {
      const text = shown ? shown(item) : String(value(item) ?? "–");
      if (key === "name") return this.nameCell(text, item);
      return el("td", { class: shown ? "number" : null }, text);
    });
    const kinds = [item.kept ? "" : "out", state.selected === item.name ? "selected" : ""].filter(Boolean).join(" ");
    return el("tr", { class: kinds || null }, cells, el("td", { class: "bar-cell" }, bar));
  }

  by(key) {
    // Numbers are looked at from the large end first, ranks and names from the small one.
    const largeFirst = !["rank", "name", "entry", "low"].includes(key);
    this.sort = this.sort.key === key ? { key, down: !this.sort.down } : { key, down: largeFirst };
    this.changed();
  }

  save() {
    const { run } = this.app.model;
    download(`${run.folder || "run"}-${run.level}s.csv`, "text/csv", this.csv());
  }

  csv() {
    const columns = this.columns();
    // A text that a spreadsheet would take for a formula is none.
    const cell = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      const safe = typeof value === "string" && /^[=+\-@\t]/.test(text) ? `'${text}` : text;
      return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const lines = this.chosen().map((item) => columns.map(([, , value]) => cell(value(item))).join(","));
    return [columns.map(([key]) => key).join(","), ...lines].join("\n") + "\n";
  }
}
