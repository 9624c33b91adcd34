// The live figures: age, frames, bitrate, quality, steps.

import { by, make } from "./dom.js";
import { AgeGraph, drawSteps } from "./graph.js";

/** What the ladder's rungs mean. */
export const RUNGS = [
  "Full quality",
  "Frames skipped",
  "Matte reused",
  "Smaller model",
  "Smaller working size",
  "Half rate",
  "Asking the camera for less",
  "Pass-through",
];

const FRAME_MS = 1_000 / 30;

/** Whether pictures come to a stage: from a publisher, or from a source it fetches itself. */
export const isFilmed = (state) => state.publisher === "connected" || Boolean(state.source);

/** The part of the page that shows a stage's stats. */
export class Figures {
  #graph = new AgeGraph(by("graph"));

  constructor() {
    by("ladder").append(...RUNGS.map(() => make("i")));
  }

  /** Show `stats` of a stage in `state`; both as the server gives them. */
  show(state, stats) {
    const live = isFilmed(state);
    const figure = (key) => (live && Number.isFinite(stats[key]) ? stats[key] : null);
    this.#age(figure("age_p50_ms"), figure("age_p95_ms"), state.stage?.budget_ms ?? FRAME_MS);
    write("fps", figure("fps_out"), (fps) => fps.toFixed(1));
    write("fps-in", figure("fps_in"), (fps) => `of ${fps.toFixed(1)} a second`);
    write("bitrate", figure("bitrate_kbps"), (rate) => (rate / 1_000).toFixed(1));
    this.#dropped(live ? stats : {});
    this.#rung(live ? stats.rung ?? state.rung : null);
    drawSteps(by("steps"), inOrder(live ? stats.steps_ms ?? {} : {}, state.effects), state.stage?.budget_ms ?? FRAME_MS);
  }

  #age(p50, p95, budget) {
    write("age", p50, (age) => `${age.toFixed(0)} ms`);
    write("age-p95", p95, (age) => `95 % under ${age.toFixed(0)} ms`);
    this.#graph.add(p50, p95, budget);
    const words = p50 === null ? "no frames" : `half of the frames under ${p50.toFixed(0)} ms`;
    by("graph").setAttribute("aria-label", `Age over the last minute; now ${words}`);
  }

  #dropped({ dropped_newest: newest, dropped_undecoded: undecoded }) {
    const known = Number.isFinite(newest) || Number.isFinite(undecoded);
    write("dropped", known ? (newest ?? 0) + (undecoded ?? 0) : null, String);
  }

  #rung(rung) {
    const known = Number.isInteger(rung);
    by("rung").textContent = known ? RUNGS[rung] ?? `Rung ${rung}` : "–";
    by("rung").dataset.rung = known ? rung : "";
    [...by("ladder").children].forEach((step, index) => step.classList.toggle("reached", known && index <= rung));
    by("ladder").classList.toggle("lower", known && rung > 0);
  }
}

/** Steps in a frame's order; `chain` is left out, being the sum of its effects. */
function inOrder(steps, effects = []) {
  const known = ["decode", "wait", ...effects];
  const others = Object.keys(steps).filter((name) => ![...known, "chain", "encode"].includes(name));
  const names = [...known, ...others, "encode"];
  return names.filter((name) => Number.isFinite(steps[name])).map((name) => [name, steps[name]]);
}

function write(id, value, words) {
  const text = value === null ? (id.includes("-") ? "" : "–") : words(value);
  if (by(id).textContent !== text) by(id).textContent = text;
}
