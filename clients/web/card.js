// A card: the controls of one effect or of one block of stage settings, in their groups.

import { complain, make, worded, write } from "./dom.js";
import { Control, plain } from "./control.js";
import { groups } from "./schema.js";

/** A card with a control for every value of `kind.schema`; `change` and `held` as in `Control`. */
export class Card {
  #controls = new Map();
  #groups = [];
  #error = make("p", { className: "error", role: "alert", hidden: true });
  #failures = 0;
  #reset;
  #body = make("div", { className: "controls" });

  constructor(kind, { change, held }) {
    this.#body.addEventListener("input", () => this.#fit());
    for (const group of groups(kind.schema)) this.#body.append(this.#group(group, { change, held }));
    this.#reset = make("button", { type: "button", className: "link reset-all" }, "Reset all to defaults");
    this.#reset.addEventListener("click", () => this.#changed().forEach(([key]) => change(key, null)));
    this.#body.append(this.#reset);
    const title = make("span", { className: "title" }, worded(kind.title ?? kind.name));
    this.heading = make("h3", {}, title);
    this.element = make(
      "section",
      { className: "card effect", "aria-label": worded(kind.title ?? kind.name) },
      this.heading,
      kind.description ? make("p", { className: "about" }, kind.description.replaceAll("`", "")) : null,
      this.#error,
      this.#controls.size ? this.#body : null,
    );
  }

  /** The control of a value, if there is one. */
  control(key) {
    return this.#controls.get(key);
  }

  /** Show values, except where somebody is changing them. */
  show(values) {
    for (const control of this.#controls.values()) control.show(values);
    this.#fit();
  }

  /** Say how often the effect has failed so far. */
  count(failures) {
    if (failures > this.#failures) this.complain(`This effect failed, ${failures} times so far. Frames pass it unchanged.`);
    else if (this.#failures) this.complain("");
    this.#failures = failures;
  }

  /** Say what is wrong; an empty message takes it back. */
  complain(message) {
    complain(this.#error, plain(message));
  }

  #group({ name, values, closed }, { change, held }) {
    const controls = values.map(([key, facts]) => {
      const control = new Control(key, facts, { change, held });
      this.#controls.set(key, control);
      return control;
    });
    const elements = controls.map((control) => control.element);
    if (!name) return make("div", { className: "group" }, ...elements);
    const count = make("span", { className: "count" });
    const summary = make("summary", {}, make("span", {}, worded(name)), count);
    const element = make("details", { className: "group", open: !closed, "data-group": name }, summary, ...elements);
    this.#groups.push({ element, controls, count });
    return element;
  }

  #changed() {
    return [...this.#controls].filter(([, control]) => control.changed);
  }

  /** Bring what is shown in line with the values. */
  #fit() {
    const values = Object.fromEntries([...this.#controls].map(([key, control]) => [key, control.value]));
    for (const control of this.#controls.values()) control.fit(values);
    for (const { element, controls, count } of this.#groups) {
      const changed = controls.filter((control) => control.changed).length;
      write(count, changed ? `${changed} changed` : "");
      element.hidden = controls.every((control) => control.element.hidden);
    }
    this.#reset.hidden = this.#changed().length < 2;
  }
}

/** A card that is on or off: its title has a switch, and `turned(on)` is called. */
export class SwitchedCard extends Card {
  #switch = make("input", { type: "checkbox", role: "switch" });

  constructor(kind, { turned, ...rest }) {
    super(kind, rest);
    this.#switch.addEventListener("change", () => turned(this.#switch.checked));
    this.heading.replaceChildren(make("label", { className: "toggle wide" }, ...this.heading.childNodes, this.#switch));
    this.element.dataset.effect = kind.name;
  }

  turn(on) {
    this.#switch.checked = on;
    this.element.classList.toggle("off", !on);
  }
}
