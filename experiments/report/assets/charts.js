// Charts: what a reader asks of them: which curve is this, only that one, at which epoch. Without scripts, and on paper,
// the printed figure is seen instead.
"use strict";
{
  const { draw, limits, number, position } = panels;
  const REACH = 30; // pixels from a point within which it answers
  const LINE = 18; // height of a place, of those that stand below each other

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
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
      tip.style.left = `${Math.max(-plot.over.offsetLeft, Math.min(left + 12, width - tip.offsetWidth))}px`;
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
        const tallest = Math.max(...row.map((one) => one.places.length));
        const size = { width: place.clientWidth, height: Math.max(row.length === 1 ? 280 : 200, 60 + LINE * tallest) };
        const plot = draw(panel, curves, state.frame, range, size, place);
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
