// What stands around the explorer: the head of a run, and the sections below.

function numbersOf(run) {
  return el(
    "dl",
    { class: "numbers" },
    run.numbers.map(([name, value, rest]) =>
      el("div", {}, el("dt", {}, name), el("dd", {}, value, " ", el("small", {}, rest))),
    ),
  );
}

function saidOf(run) {
  const lines = [...run.warnings.map((line) => ["Warning", line]), ...run.notes.map((line) => ["Note", line])];
  return lines.length
    ? el(
        "ul",
        { class: "warnings" },
        lines.map(([kind, line]) => el("li", {}, el("strong", {}, `${kind}: `), line)),
      )
    : null;
}

function factsOf(rows) {
  return el(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}

function aboutRun(run) {
  return [
    el("h3", {}, "How to read a score"),
    run.reading.map((line) => el("p", {}, line)),
    run.since.length ? [el("h3", {}, "What was measured since"), factsOf(run.since)] : null,
    el("h3", {}, "What was run"),
    factsOf(run.facts),
    el("h3", {}, "The same run again"),
    el("pre", {}, run.command),
    el("details", {}, el("summary", {}, "the config, as in run.json"), el("pre", {}, run.config)),
    el("h3", {}, "Files of the run"),
    factsOf(run.files),
  ];
}

function rocSection(roc) {
  return [
    el("h3", {}, roc.title),
    roc.said.map((line) => el("p", {}, line)),
    rocChart(roc),
    grid(roc.header, roc.rows),
  ];
}

function comparedSection(compared) {
  return [
    el("p", {}, compared.title),
    compared.said.map((line) => el("p", { class: "quiet" }, line)),
    comparedChart(compared),
    grid(compared.header, compared.rows),
    el("div", { class: "side" }, compared.matrices.map(matrix)),
  ];
}

// Runs beside each other: what matters most of each, and how many of the edges shown two of them share.
function besideSection(models, state) {
  const header = ["#", "run", "prompts", "method", ...models[0].run.numbers.map(([name]) => name)];
  const rows = models.map((model, i) => {
    const { run } = model;
    const facts = Object.fromEntries(run.facts);
    return [
      String(i + 1),
      run.folder,
      facts.prompts || "",
      facts.method || "",
      ...run.numbers.map(([, value, rest]) => `${value} ${rest}`.trim()),
    ];
  });
  const sets = models.map((model) => new Set(shownItems(model, state).map((item) => item.name)));
  const overlap = sets.map((a) =>
    sets.map((b) => {
      const both = [...a].filter((name) => b.has(name)).length;
      const all = a.size + b.size - both;
      return all ? both / all : null;
    }),
  );
  return [grid(header, rows), matrix(["Overlap of what is drawn (Jaccard)", overlap])];
}

// A picture that was laid out beforehand: paths, and texts above them, in the page's colours.
function paintedSection(picture) {
  const paint = (name) => (name ? (name.startsWith("#") ? name : `var(--${name})`) : "none");
  const shapes = picture.paths.map(([d, fill, stroke, width, title]) =>
    draw(
      "path",
      { d, fill: paint(fill), stroke: paint(stroke), "stroke-width": width },
      title ? draw("title", {}, title) : null,
    ),
  );
  const texts = picture.texts.map(([x, y, text, size, anchor, colour, bold]) =>
    draw(
      "text",
      { x, y, "font-size": size, "text-anchor": anchor, fill: paint(colour), "font-weight": bold ? "bold" : "normal" },
      text,
    ),
  );
  const { width, height, title } = picture;
  return el(
    "div",
    { class: "scroll" },
    draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, shapes, texts),
  );
}

// Edges by place: cells in the colour of their sign, the stronger the larger the score.
function heatMap({ places, words, rows }, { lower_is_better: distance }) {
  const [below, above] = distance ? ["harms", "helps"] : ["helps", "harms"];
  const largest = Math.max(...rows.flatMap(([, values]) => values.map(Math.abs)), 0) || 1;
  const cell = (name, value, i) => {
    const said = Math.abs(value) >= 0.005 * largest ? Number(value.toPrecision(2)).toString().replace("-", "−") : "";
    const node = el("td", { class: `number ${value < 0 ? below : above}` }, said);
    node.style.setProperty("--share", `${Math.round((75 * Math.abs(value || 0)) / largest)}%`);
    return tipped(node, `${name}@${places[i]}`, plain(value));
  };
  return [
    el(
      "p",
      { class: "quiet" },
      `The strongest edges, by their score at each place. Blue: the edge helps there (${distance ? "above" : "below"} 0); red: it harms.`,
    ),
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        { class: "heat" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("th", {}, "edge"),
            places.map((place, i) => el("th", { class: "number" }, place, el("small", {}, words[i]))),
          ),
        ),
        el(
          "tbody",
          {},
          rows.map(([name, values]) =>
            el(
              "tr",
              {},
              el("th", { class: "code" }, name),
              values.map((value, i) => cell(name, value, i)),
            ),
          ),
        ),
      ),
    ),
  ];
}
