// Charts of numbers: axes by d3, marks by hand, each with a tip.

const CHART = { width: 680, height: 320, left: 58, right: 16, top: 14, bottom: 44 };

class Chart {
  // x, y: scales without a range; whole: x has whole numbers alone.
  constructor(x, y, { xLabel, yLabel, height = CHART.height, title, whole = false }) {
    const { width, left, right, top, bottom } = CHART;
    this.x = x.range([left, width - right]);
    this.y = y.range([height - bottom, top]);
    this.node = draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
    const svg = d3.select(this.node);
    svg
      .append("g")
      .attr("class", "axis")
      .attr("transform", `translate(0,${height - bottom})`)
      .call(
        d3
          .axisBottom(x)
          .ticks(7, whole ? "d" : x.base ? "~g" : undefined)
          .tickValues(whole ? x.ticks(7).filter(Number.isInteger) : null)
          .tickSizeOuter(0),
      );
    svg
      .append("g")
      .attr("class", "axis")
      .attr("transform", `translate(${left},0)`)
      .call(
        d3
          .axisLeft(y)
          .ticks(6, y.base ? "~g" : undefined)
          .tickSizeOuter(0),
      );
    svg
      .append("text")
      .attr("class", "label")
      .attr("x", (left + width - right) / 2)
      .attr("y", height - 6)
      .text(xLabel);
    svg
      .append("text")
      .attr("class", "label")
      .attr("transform", `translate(13,${(top + height - bottom) / 2}) rotate(-90)`)
      .text(yLabel);
    this.marks = draw("g", {});
    this.node.append(this.marks);
  }

  line(points, attributes) {
    const path = points
      .filter(([x, y]) => x !== null && y !== null)
      .map(([x, y], i) => `${i ? "L" : "M"}${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`);
    this.marks.append(draw("path", { d: path.join(""), class: "line", ...attributes }));
  }

  level(y, attributes) {
    const [from, to] = this.x.domain();
    this.line(
      [
        [from, y],
        [to, y],
      ],
      { class: "level", ...attributes },
    );
  }

  upright(x) {
    const [from, to] = this.y.domain();
    this.line(
      [
        [x, from],
        [x, to],
      ],
      { class: "level" },
    );
  }

  dot(x, y, lines, attributes) {
    const mark = draw("circle", {
      cx: this.x(x).toFixed(1),
      cy: this.y(y).toFixed(1),
      r: 3,
      class: "dot",
      ...attributes,
    });
    this.marks.append(tipped(mark, ...lines));
    return mark;
  }

  rect(x0, x1, y0, y1, lines, attributes) {
    const [top, bottom] = [this.y(y1), this.y(y0)];
    const box = {
      x: this.x(x0) + 0.5,
      width: Math.max(0.5, this.x(x1) - this.x(x0) - 1),
      y: top,
      height: Math.max(0, bottom - top),
    };
    const mark = draw("rect", { ...box, ...attributes });
    this.marks.append(lines.length ? tipped(mark, ...lines) : mark);
  }
}

function extent(values, margin = 0.05) {
  const known = values.filter((value) => value !== null && Number.isFinite(value));
  if (!known.length) return [0, 1];
  let [low, high] = [Math.min(...known), Math.max(...known)];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const pad = (high - low) * margin;
  return [low - pad, high + pad];
}

function keyOf(lines) {
  return el(
    "ul",
    { class: "key" },
    lines.map(([label, attributes]) =>
      el(
        "li",
        {},
        draw(
          "svg",
          { viewBox: "0 0 26 10", width: 26, height: 10, "aria-hidden": "true" },
          draw("path", { d: "M0 5H26", ...attributes }),
        ),
        ` ${label}`,
      ),
    ),
  );
}

function numbered(i) {
  return {
    class: `line line-${(i % 12) + 1}`,
    "stroke-dasharray": ["", "7 3", "2 2", "9 3 2 3", "4 2"][i % 5] || null,
  };
}

// How many scores have which size, in powers of ten; those that harm below the axis.
function histogram(run) {
  const { bins } = run;
  if (!bins.lows.length) return el("p", { class: "quiet" }, "All scores are zero.");
  const width = 0.1;
  const most = Math.max(...bins.helping, ...bins.harming);
  const x = d3.scaleLinear().domain([bins.lows[0], bins.lows[bins.lows.length - 1] + width]);
  const y = d3.scaleSymlog().domain([-most * 1.1, most * 1.1]);
  const chart = new Chart(x, y, {
    xLabel: `log10 of |score| in ${run.metric}`,
    yLabel: `${run.level}s: helping above, harming below`,
    title: "How large scores are",
  });
  const what = `${run.level}s of |score| ${"10^"}`;
  bins.lows.forEach((low, i) => {
    const where = `${what}${low.toFixed(1)} to 10^${(low + width).toFixed(1)}`;
    const lines = [
      where,
      `${bins.helping[i]} help, ${bins.harming[i]} harm`,
      `${bins.circuit[i]} of them in the circuit`,
    ];
    const share = bins.circuit[i] / Math.max(1, bins.helping[i] + bins.harming[i]);
    const strong = share > 0.5 ? "" : " faint";
    if (bins.helping[i]) chart.rect(low, low + width, 0, bins.helping[i], lines, { class: `helps${strong}` });
    if (bins.harming[i]) chart.rect(low, low + width, -bins.harming[i], 0, lines, { class: `harms${strong}` });
  });
  chart.level(0, {});
  const rest = [
    bins.zeros && `${bins.zeros.toLocaleString("en")} are zero`,
    bins.unscored && `${bins.unscored.toLocaleString("en")} have no score`,
  ]
    .filter(Boolean)
    .join("; ");
  return [
    chart.node,
    el(
      "p",
      { class: "quiet" },
      `Strong colours: most of them are in the circuit. Counts are on a logarithmic axis.${rest ? ` ${rest}.` : ""}`,
    ),
  ];
}

// Faithfulness by size, every curve there is; the slider's place on it. random: what random ones are called.
function curves(run, app, random = "random rankings") {
  const known = run.curves.filter((curve) =>
    curve.points.some((point) => point.faithfulness !== null && point.size > 0),
  );
  if (known.reduce((sum, curve) => sum + curve.points.length, 0) < 2) return null;
  const points = known.flatMap((curve) => curve.points.filter((point) => point.size > 0));
  const sizes = points.map((point) => point.size);
  const x = d3.scaleLog().domain([Math.max(1, Math.min(...sizes) * 0.8), Math.max(...sizes, 10) * 1.15]);
  const y = d3
    .scaleLinear()
    .domain(extent([0, 1, ...points.map((point) => point.faithfulness), ...points.map((point) => point.random)]));
  const chart = new Chart(x, y, {
    xLabel: `${known[0].counted} kept`,
    yLabel: "faithfulness",
    title: "Faithfulness by size",
  });
  chart.level(1, {});
  chart.level(0.9, { "stroke-dasharray": "3 3" });
  chart.level(0, {});
  const labels = [];
  const inside = (value) => Math.max(y.domain()[0], Math.min(y.domain()[1], value));
  known.forEach((curve, i) => {
    const some = curve.points.filter((point) => point.size > 0 && point.faithfulness !== null);
    const look = numbered(i);
    labels.push([`${curve.name}${curve.target === null ? "" : `, ${curve.target} asked for`}`, look]);
    if (some.length > 1)
      chart.line(
        some.map((point) => [point.size, point.faithfulness]),
        look,
      );
    for (const point of some) {
      if (point.stderr !== null)
        chart.line(
          [
            [point.size, inside(point.faithfulness - 1.96 * point.stderr)],
            [point.size, inside(point.faithfulness + 1.96 * point.stderr)],
          ],
          { class: `${look.class} thin` },
        );
      const lines = [
        `${point.size.toLocaleString("en")} ${curve.counted}`,
        `faithfulness ${withError(point.faithfulness, point.stderr)}`,
        ...(point.kl === null ? [] : [`KL ${withError(point.kl, point.kl_stderr)}`]),
        curve.name,
      ];
      const mark = chart.dot(point.size, point.faithfulness, lines, { class: `dot ${look.class}` });
      if (curve.of_order) mark.addEventListener("click", () => app.resize(point.size));
    }
    const others = some.filter((point) => point.random !== null);
    if (others.length) {
      chart.line(
        others.map((point) => [point.size, point.random]),
        { class: "line plain", "stroke-dasharray": "2 3" },
      );
      labels.push([`${curve.name}, ${random}`, { class: "line plain", "stroke-dasharray": "2 3" }]);
    }
  });
  return [
    chart.node,
    keyOf(labels),
    el(
      "p",
      { class: "quiet" },
      `Bars are 95 % over prompts; the dashed level is 90 %.${known.some((curve) => curve.of_order) ? " A click on a point sets the slider." : ""}`,
    ),
  ];
}

function scatter(run) {
  const found = run.verified;
  if (!found) return null;
  const x = d3.scaleLinear().domain(extent(found.scores));
  const y = d3.scaleLinear().domain(extent(found.exact));
  const chart = new Chart(x, y, {
    xLabel: `score, ${run.metric}`,
    yLabel: "exact effect",
    title: "Exact effects against scores",
    height: 380,
  });
  const [low, high] = x.domain();
  const inside = (value) => Math.max(y.domain()[0], Math.min(y.domain()[1], value));
  chart.line(
    [
      [inside(low), inside(low)],
      [inside(high), inside(high)],
    ],
    { class: "level" },
  );
  if (found.slope !== null && found.intercept !== null)
    chart.line(
      [
        [low, found.intercept + found.slope * low],
        [high, found.intercept + found.slope * high],
      ],
      { class: "line plain" },
    );
  found.names.forEach((name, i) => {
    const lines = [
      name,
      `score ${plain(found.scores[i])}`,
      `exact ${withError(found.exact[i], found.stderrs[i])}`,
      found.chosen[i],
    ];
    chart.dot(found.scores[i], found.exact[i], lines, { class: `dot ${found.chosen[i]}` });
  });
  const rows = found.criteria.map(([name, value, outcome]) =>
    el("tr", {}, el("td", {}, name), el("td", { class: "number" }, value), el("td", {}, outcome)),
  );
  return [
    el("p", {}, found.verdict),
    chart.node,
    el(
      "p",
      { class: "quiet" },
      `Filled: of largest |score|; ringed: drawn at random, or measured by the run itself. Thin line: equal; thick: the fit.${found.names.length < found.total ? ` ${found.names.length.toLocaleString("en")} of ${found.total.toLocaleString("en")} are drawn, the most wrong among them.` : ""}`,
    ),
    el("div", { class: "scroll" }, el("table", { class: "narrow" }, el("tbody", {}, rows))),
  ];
}

// A search's tests: the metric after each, and where an edge was kept.
function traceChart(run) {
  const { trace } = run;
  if (!trace || !trace.numbers.length) return null;
  const x = d3.scaleLinear().domain([0, trace.total]);
  const y = d3.scaleLinear().domain(extent([...trace.before, ...trace.after]));
  const chart = new Chart(x, y, {
    xLabel: "tests, from the output back",
    yLabel: run.metric,
    title: "The search's tests",
  });
  chart.line(
    trace.numbers.map((at, i) => [at, trace.kept[i] ? trace.before[i] : trace.after[i]]),
    { class: "line plain" },
  );
  trace.numbers.forEach((at, i) => {
    if (!trace.kept[i]) return;
    chart.dot(
      at,
      trace.after[i],
      [
        trace.names[i],
        `test ${at.toLocaleString("en")}: ${plain(trace.before[i])} to ${plain(trace.after[i])}`,
        "kept",
      ],
      { class: "dot kept-edge" },
    );
  });
  const kept = trace.kept.reduce((sum, one) => sum + one, 0);
  return [
    chart.node,
    el(
      "p",
      { class: "quiet" },
      `${trace.total.toLocaleString("en")} tests; ${count(kept, "edge")} kept, each a dot at what its removal would have made of the metric. Line: the circuit as it shrinks.`,
    ),
  ];
}

function rocChart(roc) {
  const chart = new Chart(d3.scaleLinear().domain([-0.02, 1.02]), d3.scaleLinear().domain([-0.02, 1.02]), {
    xLabel: "false positive rate",
    yLabel: "true positive rate",
    title: `ROC of ${roc.title}`,
    height: 420,
  });
  chart.line(
    [
      [0, 0],
      [1, 1],
    ],
    { class: "level" },
  );
  roc.lines.forEach((line, i) => {
    const look = numbered(i);
    if (line.points.length > 12) chart.line(line.points, look);
    else
      for (const [x, y] of line.points)
        chart.dot(x, y, [line.label, `FPR ${plain(x)}, TPR ${plain(y)}`], { class: `dot ${look.class}` });
  });
  return [chart.node, keyOf(roc.lines.map((line, i) => [line.label, numbered(i)]))];
}

function comparedChart(compared) {
  const points = compared.lines.flatMap((line) => line.points);
  const shares = points.map(([x]) => x).filter((x) => x > 0);
  if (!shares.length) return null;
  const x = d3.scaleLog().domain([Math.min(...shares) * 0.8, 1]);
  const y = d3.scaleLinear().domain(extent([0, 1, ...points.map(([, value]) => value)]));
  const chart = new Chart(x, y, { xLabel: "share of edges kept", yLabel: "faithfulness", title: compared.title });
  chart.level(1, {});
  compared.lines.forEach((line, i) => {
    chart.line(
      line.points.filter(([share]) => share > 0),
      numbered(i),
    );
    for (const [share, value] of line.points)
      if (share > 0 && value !== null)
        chart.dot(share, value, [line.label, `${plain(100 * share)} % of edges: ${plain(value)}`], {
          class: `dot ${numbered(i).class}`,
        });
  });
  return [chart.node, keyOf(compared.lines.map((line, i) => [line.label, numbered(i)]))];
}

function grid(header, rows) {
  const numeric = (text) => /^[-−–]?[\d,.]+(e[-+]?\d+)?( .)?$/.test(text);
  const none = (text) => /^[-–]?$/.test(text);
  // A column of numbers, some of which may not be known.
  const numbers = header.map(
    (_, i) => rows.some((row) => numeric(row[i])) && rows.every((row) => numeric(row[i]) || none(row[i])),
  );
  const cell = (tag) => (text, i) =>
    el(tag, { class: numbers[i] || (tag === "td" && numeric(text)) ? "number" : null }, text);
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, header.map(cell("th")))),
      el(
        "tbody",
        {},
        rows.map((row) => el("tr", {}, row.map(cell("td")))),
      ),
    ),
  );
}

function matrix([title, rows]) {
  const cells = rows.map((row, i) =>
    el(
      "tr",
      {},
      el("th", {}, String(i + 1)),
      row.map((value) => {
        const cell = el("td", { class: "number" }, value === null ? "–" : value.toFixed(3));
        cell.style.setProperty("--share", `${Math.round(70 * Math.abs(value || 0))}%`);
        return cell;
      }),
    ),
  );
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: "matrix" },
      el("caption", {}, title),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", {}),
          rows.map((_, i) => el("th", {}, String(i + 1))),
        ),
      ),
      el("tbody", {}, cells),
    ),
  );
}
