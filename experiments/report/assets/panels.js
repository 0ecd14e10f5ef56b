// Panels of a chart: uPlot draws them from the numbers of the printed figure, so that they look like it.
"use strict";
const panels = (() => {
  const CLEAR = "#0000";
  const EDGE = 0.02; // of a horizontal scale, beside its first and last point
  const EPOCHS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]; // between ticks
  const FEW = 12; // points up to which intervals are bars, as in the printed figure
  const NEAR = 30; // pixels from 0 within which no other number is written on a scale from left to right
  const FONT = "12px system-ui, sans-serif";
  const pen = document.createElement("canvas").getContext("2d");

  const number = (value) =>
    value === null || value === undefined ? "–" : String(Number(value.toPrecision(3))).replace("-", "−");

  const finite = (values) => (values ?? []).filter((value) => value !== null);
  const barred = (curve) => curve.mark === "dots" || curve.x.length <= FEW;

  // One scale of values for panels, at every position of the slider.
  function limits(sharing) {
    const parts = sharing.flatMap((panel) => [...panel.curves, ...panel.bands]);
    const values = parts.flatMap((one) => [one.y, one.low, one.high].flatMap(finite));
    const first = sharing[0], level = first.level;
    if (typeof level === "number") values.push(level);
    if (!values.length) return [0, 1];
    const low = first.floor ?? Math.min(...values), high = first.ceiling ?? Math.max(...values);
    const spread = high - low || Math.abs(high) || 1, linear = first.linear;
    const room = (end) => (linear === null ? 0.05 * spread : 0.1 * Math.max(Math.abs(end), linear));
    return [first.floor === null ? low - room(low) : low, first.ceiling === null ? high + room(high) : high];
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
      const written = (plot, tick) => {
        const [at, zero] = [tick, 0].map((value) => plot.valToPos(value, "y"));
        return at >= 0 && (tick === 0 || Math.abs(at - zero) > NEAR);
      };
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

  // A panel in its place, of some of its curves.
  function draw(panel, curves, frame, range, size, place) {
    const parts = content(panel, curves, frame);
    return new uPlot(options(panel, range, size, parts), parts.data, place);
  }

  return { draw, limits, number, position };
})();
