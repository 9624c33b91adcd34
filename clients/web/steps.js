// What each step takes of a frame's time, as bars.

import { make, worded, write } from "./dom.js";

/** Bars for pairs of a step's name and its milliseconds; a full bar is the frame's budget. */
export function drawSteps(list, rows, budget) {
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) list.append(emptyRow());
  rows.forEach(([name, took], index) => fillRow(list.children[index], name, took, budget));
}

/** Steps in a frame's order; `chain` is left out, being the sum of its effects. */
export function inOrder(steps, effects = []) {
  const known = ["decode", "wait", ...effects];
  const others = Object.keys(steps).filter((name) => ![...known, "chain", "encode"].includes(name));
  const names = [...known, ...others, "encode"];
  return names.filter((name) => Number.isFinite(steps[name])).map((name) => [name, steps[name]]);
}

function emptyRow() {
  return make("li", {}, make("span"), make("i", { "aria-hidden": "true" }), make("b"));
}

function fillRow(row, name, took, budget) {
  const [label, bar, figure] = row.children;
  write(label, worded(name));
  bar.style.setProperty("--share", Math.min(1, took / budget));
  write(figure, took.toFixed(1));
}
