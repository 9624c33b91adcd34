// One control: a value's input with its name, unit, description, way back and error.

import { complain, icon, make, write } from "./dom.js";
import { inputFor } from "./inputs.js";
import { applies, labelOf, shown, unitOf } from "./schema.js";

let count = 0;

/**
 * The control of the value `key`. `change(key, value)` is called when a person changes it
 * (null: back to the default); `held(key)` tells that its shown value must not be replaced yet.
 */
export class Control {
  #key;
  #facts;
  #unit;
  #input;
  #held;
  #error = make("p", { className: "error", role: "alert", hidden: true });
  #value = make("span", { className: "value" });

  constructor(key, facts, { change, held }) {
    this.#key = key;
    this.#facts = facts;
    this.#unit = unitOf(key, facts);
    this.#held = held;
    this.#input = inputFor(key, facts, this.#unit, (value) => change(key, value));
    this.element = this.#frame(labelOf(key, facts), () => change(key, null));
    this.#input.element.addEventListener("input", () => this.#tell(this.#input.read()));
  }

  /** Show the value among `values`, unless a person is just changing it. */
  show(values) {
    if (!(this.#key in values) || this.#held(this.#key) || this.#touched) return;
    this.#input.write(values[this.#key]);
    this.#tell(values[this.#key]);
  }

  /** Hide it where the other controls' values leave it nothing to do. */
  fit(values) {
    this.element.hidden = "const" in this.#facts || !applies(this.#facts.shown_when, values);
    this.#input.fit?.(values);
  }

  /** The value it shows. */
  get value() {
    return this.#input.read();
  }

  /** Whether its value is another than the default. */
  get changed() {
    return this.element.classList.contains("changed");
  }

  /** Say what is wrong with the value; an empty message takes it back. */
  complain(message) {
    complain(this.#error, plain(message));
    this.element.classList.toggle("wrong", Boolean(message));
    this.#input.focus.setAttribute("aria-invalid", String(Boolean(message)));
  }

  /** Whether a finger is on it, or a text is being written. */
  get #touched() {
    const { element, focus } = this.#input;
    const writing = document.activeElement === focus && /^(text|number)$/.test(focus.type);
    return element.matches(":active") || writing;
  }

  #frame(name, reset) {
    const id = `control-${(count += 1)}`;
    const { description = "", default: usual } = this.#facts;
    const about = make("p", { className: "description", id: `${id}-about` }, description);
    this.#error.id = `${id}-error`;
    const label = make(this.#input.group ? "span" : "label", { className: "name", id: `${id}-name` }, name);
    if (!this.#input.group) label.htmlFor = this.#input.focus.id = id;
    this.#input.focus.setAttribute("aria-labelledby", label.id);
    this.#input.focus.setAttribute("aria-describedby", `${about.id} ${this.#error.id}`);
    const words = `Reset ${name.toLowerCase()}`;
    const back = make("button", { type: "button", className: "reset", title: `${words} to ${shown(usual, this.#facts, this.#unit) || "nothing"}`, "aria-label": words }, icon("reset"));
    back.addEventListener("click", () => {
      reset();
      this.#input.focus.focus();
    });
    const head = make("div", { className: "head" }, label, back, this.#value);
    const inline = this.#input.inline ? " inline" : "";
    return make("div", { className: `control${inline}`, "data-parameter": this.#key, title: description }, head, this.#input.element, about, this.#error);
  }

  #tell(value) {
    write(this.#value, this.#input.silent ? "" : String(shown(value, this.#facts, this.#unit)));
    const { default: usual } = this.#facts;
    this.element.classList.toggle("changed", usual !== undefined && value !== usual);
  }
}

/** A validator's message without the validator's own preface. */
export const plain = (message) => message.replace(/^Value error, /, "");
