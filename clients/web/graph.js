// The age of frames over the last minute, and the milliseconds of each step.

import { make, worded } from "./dom.js";

const SPAN_MS = 60_000;
const MARGIN = { left: 34, right: 8, top: 8, bottom: 18 };

/** A canvas with two lines: half of the frames are younger than the first, 95 % than the second. */
export class AgeGraph {
  #canvas;
  #points = [];
  #budget = null;

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Add figures in milliseconds; `null` leaves a gap. */
  add(p50, p95, budget) {
    const now = performance.now();
    this.#points.push({ at: now, p50, p95 });
    this.#points = this.#points.filter((point) => now - point.at < SPAN_MS + 2_000);
    this.#budget = budget;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width) return;
    const pen = this.#pen(width, height);
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const top = this.#top();
    const x = (at) => width - MARGIN.right - ((performance.now() - at) / SPAN_MS) * (width - MARGIN.left - MARGIN.right);
    const y = (age) => height - MARGIN.bottom - (Math.min(age, top) / top) * (height - MARGIN.top - MARGIN.bottom);
    grid(pen, { width, height, top, y, line: colour("--line"), words: colour("--muted"), font: style.fontFamily });
    pen.save();
    pen.beginPath();
    pen.rect(MARGIN.left, 0, width - MARGIN.left - MARGIN.right, height);
    pen.clip();
    for (const run of runs(this.#points)) {
      area(pen, run.map((point) => [x(point.at), y(point.p95)]), y(0), colour("--accent-wash"));
      line(pen, run.map((point) => [x(point.at), y(point.p50)]), colour("--accent"));
    }
    pen.restore();
  }

  #pen(width, height) {
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    const pen = this.#canvas.getContext("2d");
    pen.scale(ratio, ratio);
    return pen;
  }

  /** The scale's end: the highest age, and 40 ms at least, rounded up to something even. */
  #top() {
    const highest = Math.max(40, ...this.#points.map((point) => point.p95 ?? 0));
    const step = [10, 20, 50, 100, 200, 500, 1_000].find((size) => highest / size <= 4) ?? 2_000;
    return Math.ceil(highest / step) * step;
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

function grid(pen, { width, height, top, y, line: stroke, words, font }) {
  pen.font = `11px ${font}`;
  pen.fillStyle = words;
  pen.strokeStyle = stroke;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const age of [0, top / 2, top]) {
    pen.fillText(String(age), MARGIN.left - 8, y(age));
    pen.beginPath();
    pen.moveTo(MARGIN.left, Math.round(y(age)) + 0.5);
    pen.lineTo(width - MARGIN.right, Math.round(y(age)) + 0.5);
    pen.stroke();
  }
  pen.textBaseline = "bottom";
  pen.fillText("now", width - MARGIN.right, height);
  pen.textAlign = "left";
  pen.fillText("1 min ago, in ms", MARGIN.left, height);
}

function area(pen, corners, floor, fill) {
  pen.fillStyle = fill;
  pen.beginPath();
  pen.moveTo(corners[0][0], floor);
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.lineTo(corners.at(-1)[0], floor);
  pen.fill();
}

function line(pen, corners, stroke) {
  pen.strokeStyle = stroke;
  pen.lineWidth = 2;
  pen.lineJoin = "round";
  pen.beginPath();
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.stroke();
}

/** Bars for pairs of a step's name and its milliseconds; a full bar is the frame's budget. */
export function drawSteps(list, rows, budget) {
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) list.append(emptyRow());
  rows.forEach(([name, took], index) => fillRow(list.children[index], name, took, budget));
}

function emptyRow() {
  return make("li", {}, make("span"), make("i", { "aria-hidden": "true" }), make("b"));
}

function fillRow(row, name, took, budget) {
  const [label, bar, figure] = row.children;
  label.textContent = worded(name);
  bar.style.setProperty("--share", Math.min(1, took / budget));
  figure.textContent = took.toFixed(1);
}
