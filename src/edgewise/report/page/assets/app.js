// The page: one state, from which all that is seen follows.

const HELP = [
  ["/", "search"],
  ["← ↑ → ↓", "go from the selected node to the next"],
  ["Enter", "select the node in focus"],
  ["Shift click", "mark a node to group"],
  ["g", "group what is marked"],
  ["[ ]", "fewer, more edges"],
  ["c", "only the circuit's size"],
  ["h", "hide what is not connected"],
  ["l", "collapse or expand all layers"],
  ["f", "fit the drawing"],
  ["Ctrl wheel", "zoom"],
  ["d", "dark or light"],
  ["Esc", "let go"],
  ["?", "this list"],
];

class App {
  constructor(page) {
    this.page = page;
    this.models = page.runs.map((run) => new Model(run));
    const first = this.models[0].run;
    this.state = {
      run: 0,
      size: Math.max(1, first.ranked.first || Math.min(100, this.models[0].items.length)),
      entries: new Set(["q", "k", "v", "mlp", "logits"]),
      sign: "all",
      basis: "all",
      certainty: "all",
      circuitOnly: false,
      hideIsolated: true,
      collapsed: new Set(),
      groups: new Groups(),
      marked: new Set(),
      selected: null,
      query: "",
    };
    this.most = Math.max(1, ...this.models.map((model) => model.items.length));
  }

  get model() {
    return this.models[this.state.run];
  }

  // Asked for by what is seen.

  set(changes) {
    Object.assign(this.state, changes);
    this.update();
  }

  select(name, model) {
    const run = model ? this.models.indexOf(model) : this.state.run;
    const item = name && this.models[run].byName.get(name);
    // What is asked for is drawn, also where it lies behind the size.
    if (item && item.index >= this.state.size) this.state.size = item.index + 1;
    const other = run !== this.state.run;
    Object.assign(this.state, { selected: name, run });
    if (other) this.updateRun();
    this.update();
  }

  resize(size) {
    this.set({ size: Math.max(1, Math.min(this.most, Math.round(size) || 1)) });
  }

  // What is selected, unless it is a group or a layer, which may be gone.
  single() {
    return this.state.selected && isMany(this.state.selected) ? null : this.state.selected;
  }

  toggleLayer(layer) {
    const collapsed = new Set(this.state.collapsed);
    if (!collapsed.delete(layer)) collapsed.add(layer);
    this.set({ collapsed, selected: this.single() });
  }

  toggleLayers() {
    const { layers } = this.model.run.shape;
    this.set({
      selected: this.single(),
      collapsed: this.state.collapsed.size ? new Set() : new Set(Array.from({ length: layers }, (_, layer) => layer)),
    });
  }

  mark(names) {
    const marked = new Set(this.state.marked);
    const all = names.every((name) => marked.has(name));
    for (const name of names)
      if (all) marked.delete(name);
      else marked.add(name);
    this.set({ marked });
  }

  group(name) {
    const { groups, marked } = this.state;
    if (!marked.size) return;
    let free = name.trim() || `group ${groups.list.length + 1}`;
    for (let i = 2; groups.list.some((one) => one.name === free); i++) free = `${name.trim() || "group"} ${i}`;
    groups.add(free, [...marked]);
    this.groupName.value = "";
    this.set({ marked: new Set(), selected: this.single() });
  }

  groupClasses() {
    const { groups } = this.state;
    const shown = new Set(this.model.names.map((node) => node.name));
    for (const known of new Set(Object.values(this.model.run.classes))) {
      groups.add(
        known,
        Object.keys(this.model.run.classes).filter((name) => this.model.run.classes[name] === known && shown.has(name)),
      );
    }
    this.update();
  }

  async readGroups(file) {
    try {
      this.state.groups.read(await file.text(), new Set(this.model.names.map((node) => node.name)));
      this.groupsSaid.textContent = `read ${count(this.state.groups.list.length, "group")}`;
    } catch (error) {
      this.groupsSaid.textContent = `${file.name}: ${error.message}`;
    }
    this.set({ selected: this.single() });
  }

  showPrompt(place) {
    this.prompts.show(place);
  }

  // What is seen.

  start(node) {
    keepTheme();
    this.head = el("header", { class: "head" });
    this.panes = el("div", { class: "panes", id: "panes" });
    this.aside = el("aside", { class: "panel", id: "panel", "aria-label": "What is selected", "aria-live": "polite" });
    this.help = el(
      "dialog",
      { id: "help" },
      el("h2", {}, "Keys"),
      factsOf(HELP),
      button("Close", () => this.help.close()),
    );
    this.tabs = this.models.length > 1 ? el("div", { class: "tabs", role: "tablist", "aria-label": "Runs" }) : null;
    this.sections = el("div", { id: "sections" });
    node.append(
      this.head,
      el(
        "main",
        {},
        el(
          "section",
          { id: "explore", "aria-label": "Explorer" },
          this.controls(),
          el("div", { class: "stage" }, this.panes, this.aside),
          this.legend(),
          this.grouping(),
        ),
        this.tabs,
        this.sections,
      ),
      tip.node,
      this.help,
    );
    this.panel = new Panel(this.aside, this);
    this.panes.classList.toggle("several", this.models.length > 1);
    // All panes stand before the first is drawn, so that each knows its width.
    const panes = this.models.map((model, i) => {
      const pane = el("div", { class: "pane" });
      const name =
        this.models.length > 1 &&
        el(
          "figcaption",
          {},
          button(`${i + 1}  ${model.run.folder}: ${model.run.title}`, () => this.select(null, model), {
            class: "link",
          }),
        );
      this.panes.append(el("figure", {}, name, pane));
      return pane;
    });
    this.graphs = this.models.map((model, i) => new Graph(panes[i], model, this));
    this.updateRun();
    this.update();
    this.fit();
    window.addEventListener("resize", () => this.relayout());
    window.addEventListener("beforeprint", () => this.relayout());
    window.addEventListener("afterprint", () => this.relayout());
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  fit() {
    for (const graph of this.graphs) graph.fit();
  }

  relayout() {
    for (const graph of this.graphs) graph.relayout();
    this.fit();
  }

  controls() {
    const slide = { type: "range", min: 1, max: this.most, step: 1, id: "size", "aria-label": "How many" };
    this.slider = el("input", { ...slide, oninput: () => this.later(+this.slider.value) });
    this.number = el("input", {
      type: "number",
      min: 1,
      max: this.most,
      id: "number",
      "aria-label": "How many, as a number",
      onchange: () => this.resize(+this.number.value),
    });
    this.said = el("output", { id: "counts", for: "size" });
    this.search = el("input", {
      type: "search",
      id: "search",
      list: "names",
      placeholder: "search: a3.h7, *->logits",
      "aria-label": "Search nodes and edges",
      oninput: () => this.set({ query: this.search.value }),
      onkeydown: (event) => event.key === "Enter" && this.found(),
    });
    const names = el(
      "datalist",
      { id: "names" },
      this.model.names.map((node) => el("option", { value: node.name })),
    );
    const what = this.models[0].run.level;
    const first = this.models[0].run.ranked.first;
    return el(
      "div",
      { class: "controls" },
      el(
        "div",
        { class: "bar size" },
        el("label", { for: "size" }, `${what}s`),
        this.slider,
        this.number,
        first
          ? button(`circuit: ${first.toLocaleString("en")}`, () => this.resize(first), {
              id: "circuit",
              title: "as many as the circuit keeps",
            })
          : null,
        this.said,
        el(
          "span",
          { class: "end" },
          what === "edge"
            ? [button("Collapse", () => this.toggleLayers(), { id: "collapse", title: "layers" }), " "]
            : null,
          button("Fit", () => this.fit(), { id: "fit" }),
          " ",
          button("◐", turnTheme, { id: "theme", "aria-label": "Dark or light" }),
          " ",
          button("?", () => this.help.showModal(), { "aria-label": "Keys" }),
        ),
      ),
      el("div", { class: "bar" }, this.search, names, ...(what === "edge" ? this.filters() : this.toggles())),
    );
  }

  filters() {
    const entries = [
      ["q", "into queries"],
      ["k", "into keys"],
      ["v", "into values"],
      ["mlp", "into MLPs"],
      ["logits", "into the answer"],
    ];
    const chips = entries.map(([name, title]) => {
      const box = el("input", {
        type: "checkbox",
        checked: true,
        onchange: () => {
          const chosen = new Set(this.state.entries);
          if (box.checked) chosen.add(name);
          else chosen.delete(name);
          this.set({ entries: chosen });
        },
      });
      return el("label", { class: `chip ${name}`, title }, box, ` ${name}`);
    });
    const choice = (key, label, options) =>
      el(
        "select",
        { "aria-label": label, id: key, onchange: (event) => this.set({ [key]: event.target.value }) },
        options.map(([value, text]) => el("option", { value }, text)),
      );
    const checked = this.models.some((model) => model.run.ranked.exact);
    return [
      el("span", { class: "chips" }, chips),
      choice("sign", "Sign", [
        ["all", "both signs"],
        ["helps", "helping"],
        ["harms", "harming"],
      ]),
      checked &&
        choice("basis", "Exact or estimated", [
          ["all", "exact or not"],
          ["exact", "exact"],
          ["estimate", "estimated"],
        ]),
      choice("certainty", "Certainty", [
        ["all", "any certainty"],
        ["certain", "sign certain"],
        ["uncertain", "sign uncertain"],
      ]),
      ...this.toggles(),
    ];
  }

  toggles() {
    const toggle = (key, id, text) => {
      const box = el("input", { type: "checkbox", id, onchange: () => this.set({ [key]: box.checked }) });
      this[`${key}Box`] = box;
      return el("label", { class: "chip" }, box, ` ${text}`);
    };
    return [
      toggle("hideIsolated", "isolated", "hide isolated"),
      toggle("circuitOnly", "only-circuit", "only the circuit"),
    ];
  }

  legend() {
    const line = (words, attributes) =>
      el(
        "li",
        {},
        draw(
          "svg",
          { viewBox: "0 0 30 10", width: 30, height: 10, "aria-hidden": "true" },
          draw("path", { d: "M1 5H29", "stroke-width": 3, ...attributes }),
        ),
        ` ${words}`,
      );
    const { run } = this.models[0];
    const classes = [...new Set(Object.values(run.classes))];
    const of = run.level === "edge";
    return el(
      "ul",
      { class: "legend" },
      line(`helps: patching it ${run.lower_is_better ? "raises" : "lowers"} ${run.metric}`, { class: "edge helps" }),
      line(`harms: patching it ${run.lower_is_better ? "lowers" : "raises"} it`, { class: "edge harms" }),
      of && el("li", {}, "width: |score|"),
      of && run.ranked.exact && line("exact effect", { class: "edge plain" }),
      of && run.ranked.exact && line("estimate", { class: "edge plain estimate" }),
      of && line("sign not certain", { class: "edge plain unsure" }),
      of &&
        ["q", "k", "v"].map((letter) =>
          el(
            "li",
            {},
            el("b", { class: `mark ${letter}` }, letter),
            ` ${{ q: "query", k: "key", v: "value" }[letter]}`,
          ),
        ),
      classes.map((known, i) => el("li", {}, el("b", { class: `mark class-${i % 8}` }, " "), ` ${known}`)),
    );
  }

  grouping() {
    this.groupName = el("input", {
      type: "text",
      id: "group-name",
      placeholder: "name of the group",
      "aria-label": "Name of the group",
      onkeydown: (event) => event.key === "Enter" && this.group(this.groupName.value),
    });
    this.groupsSaid = el("span", { class: "quiet", role: "status" });
    this.markedSaid = el("span", { class: "quiet", id: "marked" });
    this.groupList = el("span", { class: "chips", id: "groups" });
    const file = el("input", {
      type: "file",
      id: "groups-file",
      accept: ".json,application/json",
      hidden: true,
      onchange: () =>
        file.files.length &&
        this.readGroups(file.files[0]).then(() => {
          file.value = "";
        }),
    });
    const known = Object.keys(this.models[0].run.classes).length > 0;
    return el(
      "details",
      { class: "grouping", id: "grouping" },
      el("summary", {}, "Groups ", this.markedSaid),
      el(
        "div",
        { class: "bar" },
        this.groupName,
        button("Group what is marked", () => this.group(this.groupName.value), { id: "group" }),
        known && button("Group by class", () => this.groupClasses(), { id: "group-classes" }),
        button(
          "Save",
          () => download("groups.json", "application/json", this.state.groups.toText(this.model.run.title)),
          { id: "groups-save" },
        ),
        button("Read", () => file.click(), { id: "groups-read" }),
        file,
        this.groupsSaid,
      ),
      this.groupList,
    );
  }

  // Once a frame, however fast the slider moves.
  later(size) {
    this.state.size = size;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.update();
    });
  }

  found() {
    const match = matcher(this.state.query);
    if (!match) return;
    const exact =
      this.model.byName.get(this.state.query.trim()) ||
      this.model.names.find((node) => node.name === this.state.query.trim());
    const first =
      exact || this.model.names.find((node) => match(node.name)) || this.model.items.find((item) => match(item.name));
    if (first) this.select(first.name, this.model);
  }

  // All that belongs to one run: its head and its sections.
  updateRun() {
    const { run } = this.model;
    const several = this.models.length > 1;
    const title = several ? `${this.models.length} runs` : run.title;
    replace(
      this.head,
      el("h1", {}, title),
      several ? null : [el("p", { class: "lead" }, run.lead), numbersOf(run), saidOf(run)],
    );
    if (this.tabs)
      replace(
        this.tabs,
        this.models.map((model, i) =>
          button(`${i + 1}  ${model.run.folder}`, () => this.select(null, model), {
            role: "tab",
            "aria-selected": String(i === this.state.run),
          }),
        ),
      );
    this.beside = several ? el("div", {}) : null;
    const { comparisons, rocs } = this.page;
    const tableNode = el("div", {});
    const promptsNode = el("div", {});
    const parts = [
      several && ["beside", "Beside each other", this.beside],
      several && ["run", run.title, [el("p", { class: "lead" }, run.lead), numbersOf(run), saidOf(run)]],
      ["table", `The ${run.level}s`, tableNode],
      ["unrolled", "The circuit over the prompt", run.unrolled && paintedSection(run.unrolled)],
      ["places", "Edges by place", run.at_places && heatMap(run.at_places, run)],
      ["prompts", "Prompts", promptsNode],
      ["curve", "Faithfulness by size", curves(run, this)],
      ["scores", "How large scores are", histogram(run)],
      ["verification", "Scores against exact effects", scatter(run)],
      ["trace", "The search", traceChart(run)],
      comparisons.length > 0 && ["comparison", "Compared with other runs", comparisons.map(comparedSection)],
      rocs.length > 0 && ["roc", "Against a known circuit", rocs.map(rocSection)],
      ["about", "About this run", aboutRun(run)],
    ].filter((part) => part && part[2]);
    const places = el(
      "nav",
      { class: "places", "aria-label": "Sections" },
      parts.map(([id, name]) => el("a", { href: `#${id}` }, name)),
    );
    replace(
      this.sections,
      places,
      parts.map(([id, name, content]) => el("section", { id }, el("h2", {}, name), content)),
    );
    this.table = new Table(tableNode, this);
    this.prompts = new Prompts(promptsNode, this);
    this.prompts.update();
  }

  update() {
    for (const graph of this.graphs) graph.update();
    this.updateControls();
    this.panel.update();
    this.table.update();
    if (this.beside) replace(this.beside, besideSection(this.models, this.state));
  }

  updateControls() {
    const { state, model } = this;
    this.slider.value = state.size;
    this.number.value = state.size;
    this.hideIsolatedBox.checked = state.hideIsolated;
    this.circuitOnlyBox.checked = state.circuitOnly;
    const certainty = document.getElementById("certainty");
    if (certainty) certainty.value = state.certainty;
    const graph = this.graphs[state.run];
    const items = graph.items;
    const what = model.run.level;
    const nodes = new Set(items.flatMap((item) => [item.source, ...model.readers(item.node)]));
    const sizes =
      what === "edge" ? `${count(items.length, "edge")}, ${count(nodes.size, "node")}` : count(items.length, "node");
    const kept = model.faithfulness(state.size);
    const unfiltered = items.length === Math.min(state.size, model.items.length);
    const worth = !unfiltered
      ? ""
      : kept === null
        ? "faithfulness not measured at this size"
        : kept.measured
          ? `faithfulness ${withError(kept.value, kept.stderr)}`
          : `faithfulness about ${plain(kept.value)}, between ${kept.between.join(" and ")}`;
    replace(this.said, el("b", {}, sizes), worth ? ` · ${worth}` : "");
    this.markedSaid.textContent = state.marked.size ? `${count(state.marked.size, "node")} marked` : "";
    if (state.marked.size) document.getElementById("grouping").open = true;
    replace(
      this.groupList,
      state.groups.list.map((group) =>
        el(
          "span",
          { class: "chip", title: group.nodes.join(", ") },
          `${group.name} (${group.nodes.length}) `,
          button(
            "×",
            () => {
              state.groups.remove(group.name);
              this.set({ selected: this.single() });
            },
            { class: "link", "aria-label": `Dissolve ${group.name}` },
          ),
        ),
      ),
    );
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
    const typing =
      /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) &&
      event.target.type !== "range" &&
      event.target.type !== "checkbox";
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      this.search.value = "";
      this.set({ selected: null, query: "", marked: new Set() });
      return;
    }
    if (typing) return;
    const acts = {
      "/": () => this.search.focus(),
      "?": () => this.help.showModal(),
      "[": () => this.resize(this.state.size - Math.max(1, Math.round(this.state.size / 10))),
      "]": () => this.resize(this.state.size + Math.max(1, Math.round(this.state.size / 10))),
      c: () => this.resize(this.model.run.ranked.first || this.state.size),
      d: turnTheme,
      f: () => this.fit(),
      g: () => this.group(this.groupName.value),
      h: () => this.set({ hideIsolated: !this.state.hideIsolated }),
      l: () => this.toggleLayers(),
    };
    const ways = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    if (
      ways[event.key] &&
      this.state.selected &&
      !this.state.selected.includes("->") &&
      event.target.type !== "range"
    ) {
      const next = this.graphs[this.state.run].neighbour(this.state.selected, ...ways[event.key]);
      if (next) this.select(next, this.model);
    } else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
  }
}

new App(JSON.parse(document.getElementById("data").textContent)).start(document.getElementById("app"));
