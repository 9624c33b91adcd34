// The live figures: age, frames, bitrate, quality, steps.

import { by, make, write } from "./dom.js";
import { AgeGraph } from "./graph.js";
import { drawSteps, inOrder } from "./steps.js";

/** What the ladder's rungs mean. */
const RUNGS = [
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

/** Whether pictures come to a stage: from a publisher, from its own source, or of a driven puppet. */
export const isFilmed = (state) => state.publisher === "connected" || Boolean(state.source) || isDriven(state);

const isDriven = ({ stage, synthetic }) => Boolean(stage?.driver && synthetic);

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
    this.#age(figure("age_p50_ms"), figure("age_p95_ms"));
    say("fps", figure("fps_out"), (fps) => fps.toFixed(1));
    say("fps-in", figure("fps_in"), (fps) => `of ${fps.toFixed(1)} a second`);
    say("bitrate", figure("bitrate_kbps"), (rate) => (rate / 1_000).toFixed(1));
    this.#dropped(live ? stats : {});
    this.#rung(live ? stats.rung ?? state.rung : null);
    drawSteps(by("steps"), inOrder(live ? stats.steps_ms ?? {} : {}, state.effects), state.stage?.budget_ms ?? FRAME_MS);
  }

  #age(p50, p95) {
    say("age", p50, (age) => `${age.toFixed(0)} ms`);
    say("age-p95", p95, (age) => `95 % under ${age.toFixed(0)} ms`);
    this.#graph.add(p50, p95);
    const words = p50 === null ? "no frames" : `half of the frames under ${p50.toFixed(0)} ms`;
    by("graph").setAttribute("aria-label", `Age over the last minute; now ${words}`);
  }

  #dropped({ dropped_newest: newest, dropped_undecoded: undecoded }) {
    const known = Number.isFinite(newest) || Number.isFinite(undecoded);
    say("dropped", known ? (newest ?? 0) + (undecoded ?? 0) : null, String);
  }

  #rung(rung) {
    const known = Number.isInteger(rung);
    write(by("rung"), known ? RUNGS[rung] ?? `Rung ${rung}` : "–");
    by("rung").dataset.rung = known ? rung : "";
    [...by("ladder").children].forEach((step, index) => step.classList.toggle("reached", known && index <= rung));
    by("ladder").classList.toggle("lower", known && rung > 0);
  }
}

function say(id, value, words) {
  write(by(id), value === null ? (id.includes("-") ? "" : "–") : words(value));
}
