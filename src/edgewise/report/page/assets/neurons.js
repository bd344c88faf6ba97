// The page of a run of neurons: tables of the best neurons and heads, where they stand, and what circuits keep.

// A list of nodes as what the table asks of a run's document.
class Nodes {
  constructor(page, level, nodes) {
    this.run = { folder: page.folder, level, shape: { total: nodes.total } };
    this.items = nodes.names.map((name, i) => ({
      index: i,
      name,
      rank: i + 1,
      layer: nodes.layers[i],
      score: nodes.scores[i],
      stderr: nodes.stderrs[i],
      exact: nodes.exact ? nodes.exact[i] > 0 : null,
      drawn: false,
      doubt: null,
      low: null,
      high: null,
      estimate: nodes.estimates ? nodes.estimates[i] : null,
      kept: Boolean(nodes.kept[i]),
      sign: signOf(nodes.scores[i], page.lower_is_better),
    }));
    this.checked = nodes.exact !== null;
    this.largest = Math.max(1e-30, ...this.items.map((item) => Math.abs(item.score || 0)));
  }
}

class NodeTable extends Table {
  constructor(node, nodes) {
    super(node, { model: nodes, state: { selected: null } }, `${nodes.run.level}s`);
    this.update();
  }

  onlyDrawn() {
    return null;
  }

  hint() {
    return "filter, e.g. m5. or *12";
  }

  nameCell(text) {
    return el("td", { class: "code" }, text);
  }

  columns() {
    const { model } = this.app;
    const unsure = (item) => ({ true: "no", false: "yes", null: "" })[isUncertain(item)];
    return [
      ["rank", "#", (item) => item.rank, (item) => item.rank.toLocaleString("en")],
      ["name", model.run.level, (item) => item.name],
      ["layer", "layer", (item) => item.layer, (item) => String(item.layer)],
      ["score", "effect", (item) => item.score, (item) => plain(item.score)],
      ["stderr", "stderr", (item) => item.stderr, (item) => plain(item.stderr)],
      ["certain", "sign certain", unsure],
      model.checked && ["basis", "effect is", basis],
      model.checked && ["estimate", "estimate", (item) => item.estimate, (item) => plain(item.estimate)],
      ["kept", "in circuit", (item) => (item.kept ? "yes" : "no")],
    ].filter(Boolean);
  }
}

function describeNode(item, metric) {
  return [
    item.name,
    `${withError(item.score, item.stderr)} ${metric}`,
    ...(item.exact === null ? [] : [item.exact ? `exact; the estimate was ${plain(item.estimate)}` : "estimate"]),
    item.kept ? "in the circuit" : "not in the circuit",
  ];
}

// Where the best stand: each at its layer.
function byLayer(page, nodes) {
  const { items, run } = nodes;
  const x = d3.scaleLinear().domain([-0.5, page.layers - 0.5]);
  const y = d3.scaleLinear().domain(extent([0, ...items.map((item) => item.score)]));
  const labels = { xLabel: "layer", yLabel: `effect, ${page.metric}`, title: `Effects of ${run.level}s by layer` };
  const chart = new Chart(x, y, { ...labels, height: 260, whole: true });
  chart.level(0, {});
  for (const item of [...items].reverse())
    chart.dot(item.layer, item.score, describeNode(item, page.metric), {
      class: `dot ${item.sign}${item.kept ? "" : " faint"}`,
    });
  const which = items.length < run.shape.total ? `the ${items.length.toLocaleString("en")} best ${run.level}s` : "all";
  return [
    el("h3", {}, `${run.level[0].toUpperCase()}${run.level.slice(1)}s`),
    chart.node,
    el("p", { class: "quiet" }, `Drawn: ${which}. Strong colours: in the circuit.`),
  ];
}

// How many heads and neurons of each layer the circuit keeps.
function keptByLayer(page) {
  const rows = page.circuit.map(([heads, neurons], layer) => [
    String(layer),
    heads.toLocaleString("en"),
    neurons.toLocaleString("en"),
  ]);
  return el(
    "details",
    {},
    el("summary", {}, "how many of each layer the circuit keeps"),
    grid(["layer", "heads", "neurons"], rows),
  );
}

// What was measured beside what was estimated.
function exactScatter(page, neurons, heads) {
  const some = [...neurons.items, ...heads.items].filter((item) => item.exact && item.estimate !== null);
  if (!some.length) return null;
  const x = d3.scaleLinear().domain(extent([0, ...some.map((item) => item.estimate)]));
  const y = d3.scaleLinear().domain(extent([0, ...some.map((item) => item.score)]));
  const labels = {
    xLabel: `estimate, ${page.metric}`,
    yLabel: "exact effect",
    title: "Exact effects against estimates",
  };
  const chart = new Chart(x, y, { ...labels, height: 380 });
  const [low, high] = [Math.max(x.domain()[0], y.domain()[0]), Math.min(x.domain()[1], y.domain()[1])];
  chart.line(
    [
      [low, low],
      [high, high],
    ],
    { class: "level" },
  );
  for (const item of some)
    chart.dot(item.estimate, item.score, describeNode(item, page.metric), {
      class: `dot ${item.sign}${item.name.includes(".n") ? "" : " ring"}`,
    });
  return [chart.node, el("p", { class: "quiet" }, "Dots: neurons; rings: heads. Thin line: equal.")];
}

function circuitSection(page) {
  const shown = page.curves.map(({ title, said, curves: some }) => {
    const drawn = curves({ curves: some }, null, "random circuits of as many heads and neurons");
    return drawn ? [el("h3", {}, title), el("p", {}, said), drawn] : null;
  });
  const [runs, ...sizes] = page.grids;
  const evaluated = sizes.length > 0;
  return [
    runs ? [el("p", {}, runs.title), grid(runs.header, runs.rows)] : null,
    keptByLayer(page),
    shown,
    sizes.map((one) => el("details", {}, el("summary", {}, `${one.title}, in numbers`), grid(one.header, one.rows))),
    evaluated ? null : el("p", { class: "quiet" }, "edgewise evaluate adds circuits of ten sizes, beside random ones."),
  ];
}

function startNeurons(page, node) {
  keepTheme();
  const [neurons, heads] = [new Nodes(page, "neuron", page.neurons), new Nodes(page, "head", page.heads)];
  const [neuronTable, headTable] = [el("div", {}), el("div", {})];
  const parts = [
    ["neurons", "The best neurons", neuronTable],
    ["circuit", "The circuit of neurons and heads", circuitSection(page)],
    ["heads", "The best heads", headTable],
    ["layers", "Effects by layer", [byLayer(page, neurons), byLayer(page, heads)]],
    ["exact", "Exact effects against estimates", exactScatter(page, neurons, heads)],
    ["verification", "Scores against exact effects", scatter(page)],
    ["edges", "Edges of the best neurons", page.edges && grid(page.edges.header, page.edges.rows)],
    ["about", "About this run", aboutRun(page)],
  ].filter(([, , content]) => content);
  const places = parts.map(([id, name]) => el("a", { href: `#${id}` }, name));
  node.append(
    el(
      "header",
      { class: "head" },
      el("h1", {}, page.title.split(" · ")[0]),
      el("p", { class: "lead" }, page.lead),
      numbersOf(page),
      saidOf(page),
    ),
    el(
      "main",
      {},
      el(
        "div",
        { id: "sections" },
        el("nav", { class: "places", "aria-label": "Sections" }, places, button("dark or light", turnTheme)),
        parts.map(([id, name, content]) => el("section", { id }, el("h2", {}, name), content)),
      ),
    ),
    tip.node,
  );
  new NodeTable(neuronTable, neurons);
  new NodeTable(headTable, heads);
}

startNeurons(JSON.parse(document.getElementById("data").textContent), document.getElementById("app"));
