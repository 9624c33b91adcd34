// Controls drawn from the JSON schemas of the effects' parameters; none is written for an effect.

import { by, make, worded } from "./dom.js";
import { controlFor, plain } from "./control.js";
import { patchAt, pathsOf } from "./orders.js";

/** Every effect as a card with a switch and its parameters. */
export class Controls {
  #orders;
  #kinds = [];
  #cards = new Map();
  #effects = [];
  #sequence = [];

  constructor(orders) {
    this.#orders = orders;
    orders.addEventListener("answer", ({ detail }) => this.#forgive(detail.patch));
    orders.addEventListener("refused", ({ detail }) => this.#blame(detail.error, detail.patch));
  }

  /** Draw `kinds`, `[{name, description, schema}]`. */
  draw(kinds) {
    this.#kinds = kinds;
    this.#cards = new Map(kinds.map((kind) => [kind.name, this.#card(kind)]));
    by("effects").replaceChildren(...[...this.#cards.values()].map((card) => card.element));
  }

  /** Show what the server says is so, except where a finger is on the control. */
  show(state) {
    if (!this.#orders.holds("effects")) this.#follow(state.effects ?? []);
    for (const [name, card] of this.#cards) {
      card.turn(this.#effects.includes(name));
      card.show(state.params?.[name] ?? {});
    }
  }

  /** Say which effects fail; `counts` is how often each did so far. */
  count(counts) {
    for (const [name, card] of this.#cards) card.count(counts[name] ?? 0);
  }

  #card(kind) {
    const change = (key, value) => this.#orders.add(patchAt(`params.${kind.name}.${key}`, value));
    const held = (key) => this.#orders.holds(`params.${kind.name}.${key}`);
    return new Card(kind, { change, held, turned: (on) => this.#turn(kind.name, on) });
  }

  #turn(name, on) {
    const wanted = new Set(this.#effects);
    if (on) wanted.add(name);
    else wanted.delete(name);
    this.#effects = this.#sequence.filter((effect) => wanted.has(effect));
    this.#cards.get(name).turn(on);
    this.#orders.add({ effects: this.#effects });
  }

  /** Remember in which order effects run, so that one turned off and on takes its old place. */
  #follow(effects) {
    this.#effects = effects;
    const rest = [...this.#sequence, ...this.#kinds.map((kind) => kind.name)];
    if (effects.length > 1 || !this.#sequence.length) this.#sequence = [...new Set([...effects, ...rest])];
  }

  #forgive(patch) {
    for (const path of pathsOf(patch)) this.#at(path)?.complain("");
    for (const name of Object.keys(patch.params ?? {})) this.#cards.get(name)?.complain("");
  }

  #blame(error, patch) {
    const errors = error.errors?.length ? error.errors : pathsOf(patch).map((at) => ({ at, message: error.message }));
    for (const { at, message } of errors) this.#at(at)?.complain(message);
  }

  #at(path) {
    const [root, name, key] = path.split(".");
    if (root === "params") return this.#cards.get(name)?.control(key) ?? this.#cards.get(name);
    return root === "effects" ? this.#cards.get(this.#effects[Number(name)]) : undefined;
  }
}

class Card {
  #controls = new Map();
  #switch;
  #error;
  #failures = 0;

  constructor(kind, { change, held, turned }) {
    this.#switch = make("input", { type: "checkbox", role: "switch" });
    this.#switch.addEventListener("change", () => turned(this.#switch.checked));
    this.#error = make("p", { className: "error", role: "alert", hidden: true });
    const body = make("div", { className: "controls" });
    body.addEventListener("input", () => this.#fit());
    for (const [key, schema] of Object.entries(kind.schema.properties ?? {})) {
      const control = controlFor(key, schema, kind.schema, { change, held });
      this.#controls.set(key, control);
      body.append(control.element);
    }
    const title = make("span", { className: "title" }, worded(kind.title ?? kind.name));
    this.element = make(
      "section",
      { className: "card effect", "aria-label": worded(kind.name), "data-effect": kind.name },
      make("h2", {}, make("label", { className: "toggle wide" }, title, this.#switch)),
      kind.description ? make("p", { className: "about" }, kind.description.replaceAll("`", "")) : null,
      this.#error,
      body,
    );
  }

  control(key) {
    return this.#controls.get(key);
  }

  turn(on) {
    this.#switch.checked = on;
    this.element.classList.toggle("off", !on);
  }

  show(params) {
    for (const control of this.#controls.values()) control.show(params);
    this.#fit();
  }

  #fit() {
    const values = Object.fromEntries([...this.#controls].map(([key, control]) => [key, control.value]));
    for (const control of this.#controls.values()) control.fit(values);
  }

  count(failures) {
    if (failures > this.#failures) this.complain(`This effect failed, ${failures} times so far. Frames pass it unchanged.`);
    else if (this.#failures) this.complain("");
    this.#failures = failures;
  }

  complain(message) {
    this.#error.textContent = plain(message);
    this.#error.hidden = !message;
  }
}
