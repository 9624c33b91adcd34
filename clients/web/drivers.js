// The input of a value that names a stage: a list of those that there are.

import { askJson } from "./api.js";
import { make } from "./dom.js";

const OWN = "The camera of this stage";
const MESSAGES = "messages";

/** Choose whose face it is: this stage's (null), messages from outside, or another stage. */
export class StagePicker {
  silent = true;
  element = make("select");
  focus = this.element;
  #value = null;
  #names = [];
  #here = new URLSearchParams(location.search).get("stage") || "live";

  constructor(change) {
    this.element.addEventListener("change", () => change((this.#value = this.element.value || null)));
    for (const event of ["focus", "pointerenter"]) this.element.addEventListener(event, () => this.refresh());
    this.#draw();
    this.refresh();
  }

  read() {
    return this.element.value || null;
  }

  write(value) {
    this.#value = value ?? null;
    if (this.read() !== this.#value) this.#draw();
  }

  /** Offer the stages there are now. */
  async refresh() {
    const told = await askJson("/stages").catch(() => null); // the wire says what is wrong
    const names = (told?.stages ?? []).map(({ name }) => name).filter((name) => name !== this.#here);
    if (!told || names.join() === this.#names.join()) return;
    this.#names = names;
    this.#draw();
  }

  #draw() {
    const missing = this.#value && this.#value !== MESSAGES && !this.#names.includes(this.#value);
    const options = [["", OWN], [MESSAGES, "Messages: a phone, another program"], ...this.#names.map((name) => [name, `Stage ${name}`])];
    if (missing) options.push([this.#value, `Stage ${this.#value}, not there`]);
    this.element.replaceChildren(...options.map(([value, words]) => make("option", { value }, words)));
    this.element.value = this.#value ?? "";
  }
}
