// Charts: uPlot draws them from the numbers of the printed figure; here is what a reader asks of them: which curve is
// this, only that one, at which epoch. Without scripts, and on paper, the printed figure is seen instead.
"use strict";
{
  const REACH = 30; // pixels from a point within which it answers
  const CLEAR = "#0000";
  const EDGE = 0.02; // of a horizontal scale, beside its first and last point
  const EPOCHS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]; // between ticks
  const FEW = 12; // points up to which intervals are bars, as in the printed figure
  const LINE = 18; // height of a place, of those that stand below each other
  const NEAR = 30; // pixels from 0 within which no other number is written on a scale from left to right
  const FONT = "12px system-ui, sans-serif";
  const pen = document.createElement("canvas").getContext("2d");

  const number = (value) =>
    value === null || value === undefined ? "–" : String(Number(value.toPrecision(3))).replace("-", "−");

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  const finite = (values) => (values ?? []).filter((value) => value !== null);
  const barred = (curve) => curve.mark === "dots" || curve.x.length <= FEW;

  // One vertical scale for panels, at every position of the slider.
  function limits(panels) {
    const parts = panels.flatMap((panel) => [...panel.curves, ...panel.bands]);
    const values = parts.flatMap((one) => [one.y, one.low, one.high].flatMap(finite));
    const level = panels[0].level;
    if (typeof level === "number") values.push(level);
    if (!values.length) return [0, 1];
    const low = panels[0].floor ?? Math.min(...values), high = panels[0].ceiling ?? Math.max(...values);
    const spread = high - low || Math.abs(high) || 1, linear = panels[0].linear;
    const room = (end) => (linear === null ? 0.05 * spread : 0.1 * Math.max(Math.abs(end), linear));
    return [panels[0].floor === null ? low - room(low) : low, panels[0].ceiling === null ? high + room(high) : high];
  }

  // From left to right, or of places from the first above to the last below.
  function across(panel, low, high) {
    if (panel.places.length) return [0.5, panel.places.length + 0.5];
    const edge = EDGE * (high - low) || Math.abs(high) / 2 || 0.5;
    if (!panel.sizes) return [low - edge, high + edge];
    const every = panel.curves.flatMap((curve) => curve.x);
    return [Math.min(...every) / 1.2, Math.max(...every) * 1.2];
  }

  // Where a point lies from the left and from the top; places run down, and values across.
  function position(plot, x, y, canvas = false) {
    const at = [plot.valToPos(x, "x", canvas), plot.valToPos(y, "y", canvas)];
    return plot.scales.x.ori ? at.reverse() : at;
  }

  // A path of uPlot: bars from this series to the next one.
  const bars = (plot, k, from, to) => {
    const stroke = new Path2D();
    for (let n = from; n <= to; n++) {
      const [x, low, high] = [plot.data[0][n], plot.data[k][n], plot.data[k + 1][n]];
      if (low === null || low === undefined) continue;
      stroke.moveTo(...position(plot, x, low, true));
      stroke.lineTo(...position(plot, x, high, true));
    }
    return { stroke, fill: null, clip: null, flags: 0 };
  };

  function look(curve) {
    const dash = { "--": [6, 3], ":": [2, 3], "-.": [6, 3, 2, 3] }[curve.dashes];
    const style = { stroke: curve.colour, width: 1.5, dash, points: { show: false } };
    if (curve.mark === "dotted") return { ...style, width: 1, dash: [1, 4] };
    if (curve.mark === "steps") return { ...style, width: 0.5, fill: curve.colour + "44", paths: uPlot.paths.stepped({ align: 1 }) };
    if (curve.mark === "line") return { ...style, points: { show: curve.x.length <= FEW, size: 5, fill: curve.colour } };
    return { ...style, paths: () => null, points: { show: true, size: curve.mark === "points" ? 4 : 6, fill: curve.colour } };
  }

  // The series of a panel, their data, and the areas between them.
  function content(panel, curves, frame) {
    const tables = [], series = [{}], bands = [];
    const between = (one, fill) => {
      bands.push({ series: [series.length + 1, series.length], fill });
      for (let k = 0; k < 2; k++) series.push({ stroke: CLEAR, width: 0, points: { show: false } });
      tables.push([one.x, one.low, one.high]);
    };
    for (const band of panel.bands) if (!band.frame || band.frame === frame) between(band, "#bbbbbb59");
    if (panel.level !== null && curves.length) {
      const x = curves.flatMap((curve) => curve.x);
      const ends = panel.places.length ? across(panel) : [Math.min(...x), Math.max(...x)];
      tables.push([ends, panel.level === "diagonal" ? ends : ends.map(() => panel.level)]);
      series.push({ stroke: "#000", width: 0.8, points: { show: false } });
    }
    for (const curve of curves) {
      if (curve.low && barred(curve)) {
        tables.push([curve.x, curve.low, curve.high]);
        series.push({ stroke: curve.colour, width: 1, paths: bars, points: { show: false } });
        series.push({ stroke: CLEAR, width: 0, paths: () => null, points: { show: false } });
      } else if (curve.low) between(curve, curve.colour + "33");
      tables.push([curve.x, curve.y]);
      series.push(look(curve));
      if (!curve.within.length) continue;
      tables.push([curve.x, curve.y.map((value, n) => (curve.within[n] ? value : null))]);
      series.push({ ...look(curve), points: { show: true, size: 6, fill: "#fff" } });
    }
    return { data: tables.length ? uPlot.join(tables) : [[]], series, bands };
  }

  // Below and beside a panel, or, where places stand below each other, their names beside and the values below.
  function axes(panel, width) {
    const axis = { stroke: "#1c1f23", grid: { stroke: "#e4e4e4", width: 1 }, ticks: { show: false }, font: FONT, labelFont: FONT };
    const fixed = (ticks, names) => ({ splits: () => ticks, filter: (_, all) => all, values: () => names });
    if (panel.places.length) {
      pen.font = FONT;
      const room = Math.max(...panel.places.map((name) => pen.measureText(name).width)) + 12, fits = room < 0.6 * width;
      const numbers = panel.places.map((_, n) => n + 1);
      const names = { ...axis, side: 3, size: fits ? room : 30, ...fixed(numbers, fits ? panel.places : numbers) };
      const written = (plot, tick) => tick === 0 || Math.abs(plot.valToPos(tick, "y") - plot.valToPos(0, "y")) > NEAR;
      const values = (plot, ticks) => ticks.map((tick) => (tick !== null && written(plot, tick) ? number(tick) : ""));
      return [names, { ...axis, side: 2, size: 28, space: 45, values }];
    }
    const sizes = [...new Set(panel.curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
    const ticks = panel.sizes ? fixed(sizes, sizes.map(number)) : panel.x === "epoch" ? { incrs: EPOCHS } : {};
    const values = (_, ticks) => ticks.map((tick) => (tick === null ? "" : number(tick)));
    return [{ ...axis, label: panel.x, labelSize: 18, size: 28, ...ticks }, { ...axis, size: 46, values }];
  }

  function options(panel, range, size, parts) {
    const x = { time: false, distr: panel.sizes ? 3 : 1, range: (_, low, high) => across(panel, low, high) };
    const y = { range, ...(panel.linear === null ? {} : { distr: 4, asinh: panel.linear }) };
    if (panel.places.length) [x.ori, x.dir, y.ori] = [1, -1, 0];
    return {
      ...size,
      series: parts.series,
      bands: parts.bands,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, panel.places.length ? 18 : 12, 0, 0],
      scales: { x, y },
      axes: axes(panel, size.width),
    };
  }

  // What is known of a point, for eyes and for screen readers.
  function told(chart, panel, curve, n) {
    const where = panel.places[Math.round(curve.x[n]) - 1] ?? number(curve.x[n]);
    const lines = [`${panel.x || "at"} ${where}${curve.frame ? `, ${curve.frame}` : ""}`];
    const error = curve.se?.[n] ?? null;
    lines.push(error === null ? `value ${number(curve.y[n])}` : `value ${number(curve.y[n])} ± ${number(error)} (standard error)`);
    if (curve.low && curve.low[n] !== null) lines.push(`from ${number(curve.low[n])} to ${number(curve.high[n])}`);
    if (curve.q && curve.q[n] !== null) lines.push(`q = ${number(curve.q[n])}`);
    if (curve.within[n]) lines.push("within chance");
    const name = curve.points[n] || curve.name + (curve.mark === "dotted" ? ", by chance" : "");
    const graph = curve.graphs.length > 1 ? curve.graphs[n] : curve.graphs[0];
    return { name, lines, drawing: graph === undefined ? "" : chart.graphs[graph] };
  }

  function nearest(plot, curves, left, top) {
    let best = { distance: REACH };
    for (const curve of curves) {
      curve.x.forEach((x, n) => {
        if (curve.y[n] === null) return;
        const at = position(plot, x, curve.y[n]), distance = Math.hypot(at[0] - left, at[1] - top);
        if (distance < best.distance) best = { distance, curve, n };
      });
    }
    return best.curve ? best : null;
  }

  // The point under the pointer, or under the keys: left and right along a curve, up and down from curve to curve; and
  // the other way round where places stand below each other.
  function answering(chart, panel, plot, box, curves) {
    const tip = element("div", { className: "tip", hidden: true }), ring = element("div", { className: "ring", hidden: true });
    plot.over.append(ring, tip);
    tip.setAttribute("role", "status");
    let at = null;
    const show = (point) => {
      at = point;
      tip.hidden = ring.hidden = !point;
      if (!point) return;
      const { name, lines, drawing } = told(chart, panel, point.curve, point.n);
      tip.replaceChildren(element("b", { textContent: name }), ...lines.map((line) => element("div", { textContent: line })));
      if (drawing) tip.append(element("div", { innerHTML: drawing }));
      const [left, top] = position(plot, point.curve.x[point.n], point.curve.y[point.n]);
      Object.assign(ring.style, { left: `${left}px`, top: `${top}px`, borderColor: point.curve.colour });
      const width = plot.over.clientWidth;
      tip.style.left = `${Math.max(-40, Math.min(left + 12, width - tip.offsetWidth))}px`;
      tip.style.top = `${top + 14}px`;
    };
    plot.over.addEventListener("mousemove", (event) => {
      const edge = plot.over.getBoundingClientRect();
      show(nearest(plot, curves, event.clientX - edge.left, event.clientY - edge.top));
    });
    plot.over.addEventListener("mouseleave", () => show(null));
    box.onblur = () => show(null);
    box.onkeydown = (event) => {
      const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
      if (event.key === "Escape") show(null);
      if (!step || !curves.length) return;
      event.preventDefault();
      if (panel.places.length) step.reverse();
      const k = at ? (curves.indexOf(at.curve) + step[1] + curves.length) % curves.length : 0;
      const n = at ? Math.max(0, Math.min(at.n + step[0], curves[k].x.length - 1)) : 0;
      show({ curve: curves[k], n });
    };
  }

  // Whether a panel follows the legend: it has the chosen curve, or other ones of a panel that has it.
  function follows(panel, row, name) {
    const names = (one) => one.curves.map((curve) => curve.name);
    return row.some((one) => names(one).includes(name) && names(one).some((other) => names(panel).includes(other)));
  }

  function legend(row, state, redraw) {
    const box = element("div", { className: "legend" });
    const entries = new Map(row.flatMap((panel) => panel.curves).map((curve) => [curve.name, curve]));
    if (entries.size < 2) return null;
    for (const [name, curve] of entries) {
      const dash = { "--": "5 2", ":": "2 2", "-.": "5 2 2 2" }[curve.dashes] ?? "none";
      const swatch = `<svg width="22" height="8" aria-hidden="true"><line x2="22" y1="4" y2="4" stroke="${curve.colour}" stroke-width="2.5" stroke-dasharray="${dash}"/></svg>`;
      const button = element("button", { type: "button", innerHTML: swatch, title: "show only this, or all again" }, name);
      button.setAttribute("aria-pressed", "false");
      button.dataset.name = name;
      button.addEventListener("click", () => {
        state.only = state.only === name ? null : name;
        redraw();
      });
      box.append(button);
    }
    return box;
  }

  function slider(chart, state, redraw) {
    const input = element("input", { type: "range", min: 0, max: chart.frames.length - 1, value: chart.frames.length - 1 });
    const shown = element("output", { textContent: state.frame });
    input.addEventListener("input", () => {
      state.frame = shown.textContent = chart.frames[input.valueAsNumber];
      input.setAttribute("aria-valuetext", state.frame);
      redraw();
    });
    return element("div", { className: "slider" }, element("label", {}, "at ", input), shown);
  }

  function show(figure, chart) {
    const state = { frame: chart.frames.at(-1) ?? "", only: null, plots: [] };
    const box = element("div", { className: "chart" }), places = [];
    const redraw = () => {
      state.plots.splice(0).forEach((plot) => plot.destroy());
      for (const { panel, row, place, range } of places) {
        const named = follows(panel, row, state.only);
        const curves = panel.curves.filter((curve) => (!curve.frame || curve.frame === state.frame) && (!named || curve.name === state.only));
        const parts = content(panel, curves, state.frame);
        const tallest = Math.max(...row.map((one) => one.places.length));
        const size = { width: place.clientWidth, height: Math.max(row.length === 1 ? 280 : 200, 60 + LINE * tallest) };
        const plot = new uPlot(options(panel, range, size, parts), parts.data, place);
        answering(chart, panel, plot, place, curves);
        state.plots.push(plot);
      }
      for (const button of box.querySelectorAll(".legend button")) button.setAttribute("aria-pressed", String(button.dataset.name === state.only));
    };
    if (chart.frames.length > 1) box.append(slider(chart, state, redraw));
    if (chart.label) box.append(element("p", { textContent: chart.label }));
    let names = "";
    for (const row of chart.rows) {
      const entries = legend(row, state, redraw), text = entries?.textContent ?? "";
      if (entries && text !== names) box.append(entries);
      names = text;
      const line = element("div", { className: "row" });
      line.style.setProperty("--columns", Math.min(row.length, 4));
      for (const panel of row) {
        const place = element("div", { className: "panel", tabIndex: 0 });
        const title = panel.title || chart.rows[0][row.indexOf(panel)]?.title || "";
        place.setAttribute("role", "group");
        place.setAttribute("aria-label", `${[title, panel.y].filter(Boolean).join(", ") || "chart"}: arrow keys read its points`);
        if (panel.y) place.append(element("p", { className: "unit", textContent: panel.y }));
        if (title) place.append(element("p", { textContent: title }));
        const sharing = { all: chart.rows.flat(), row, none: [panel] }[chart.share];
        places.push({ panel, row, place, range: limits(sharing) });
        line.append(place);
      }
      box.append(line);
    }
    figure.prepend(box);
    figure.classList.add("live");
    redraw();
    let width = box.clientWidth;
    new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== width) {
        width = box.clientWidth;
        redraw();
      }
    }).observe(box);
  }

  for (const data of document.querySelectorAll('figure > script[type="application/json"]')) {
    show(data.parentElement, JSON.parse(data.textContent));
  }
}
