// The age of frames over the last minute, as a drawing that takes its colours from the style sheet.

import { draw } from "./dom.js";

const SPAN_MS = 60_000;
const MARGIN = { left: 30, right: 2, top: 8, bottom: 20 };
const SIZES = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/** A line half of the frames are younger than, below it an area 95 % are younger than. */
export class AgeGraph {
  #element;
  #points = [];

  constructor(element) {
    this.#element = element;
    new ResizeObserver(() => this.#draw()).observe(element);
  }

  /** Add figures in milliseconds; `null` leaves a gap. */
  add(p50, p95) {
    const now = performance.now();
    this.#points.push({ at: now, p50, p95 });
    this.#points = this.#points.filter((point) => now - point.at < SPAN_MS + 5_000);
    this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#element;
    if (!width) return;
    const now = performance.now();
    const [top, step] = this.#scale();
    const x = (at) => width - MARGIN.right - ((now - at) / SPAN_MS) * (width - MARGIN.left - MARGIN.right);
    const y = (age) => height - MARGIN.bottom - (age / top) * (height - MARGIN.top - MARGIN.bottom);
    const curves = runs(this.#points).flatMap((run) => [area(run, x, y), line(run, x, y)]);
    this.#element.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const inside = clipped({ x: MARGIN.left, width: width - MARGIN.left - MARGIN.right, height });
    inside.append(...curves);
    this.#element.replaceChildren(...grid({ width, height, top, step, y }), inside);
  }

  /** The scale's end and its step: the highest age, and 40 ms at least, in at most four steps. */
  #scale() {
    const highest = Math.max(40, ...this.#points.map((point) => point.p95 ?? 0));
    const step = SIZES.find((size) => highest / size <= 4) ?? highest / 4;
    return [Math.ceil(highest / step) * step, step];
  }
}

/** Stretches without a gap. */
function runs(points) {
  const found = [[]];
  for (const point of points) {
    if (point.p50 === null) found.push([]);
    else found.at(-1).push(point);
  }
  return found.filter((run) => run.length > 1);
}

function grid({ width, height, top, step, y }) {
  const ages = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  const lines = ages.flatMap((age) => {
    const at = Math.round(y(age)) + 0.5;
    return [draw("line", { x1: MARGIN.left, x2: width, y1: at, y2: at }), words(String(age), MARGIN.left - 8, at + 4, "end")];
  });
  return [...lines, words("1 min ago", MARGIN.left, height - 3, "start"), words("now", width, height - 3, "end")];
}

function words(text, x, y, anchor) {
  const element = draw("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

/** A nested drawing cuts off what stands out of it. */
function clipped({ x, width, height }) {
  return draw("svg", { x, width, height, viewBox: `${x} 0 ${width} ${height}` });
}

function area(run, x, y) {
  const corners = run.map(({ at, p95 }) => `${x(at).toFixed(1)} ${y(p95 ?? 0).toFixed(1)}`);
  const [first, last] = [x(run[0].at).toFixed(1), x(run.at(-1).at).toFixed(1)];
  return draw("path", { class: "most", d: `M${first} ${y(0)}L${corners.join("L")}L${last} ${y(0)}Z` });
}

function line(run, x, y) {
  const corners = run.map(({ at, p50 }) => `${x(at).toFixed(1)} ${y(p50).toFixed(1)}`);
  return draw("path", { class: "half", d: `M${corners.join("L")}` });
}
