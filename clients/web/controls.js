// Controls drawn from the JSON schemas the server gives; none is written for an effect.

import { by } from "./dom.js";
import { Card, SwitchedCard } from "./card.js";
import { patchAt, pathsOf } from "./orders.js";

/** Every effect as a card with a switch, and every block of stage settings as a card. */
export class Controls {
  #orders;
  #kinds = [];
  #effects = new Map();
  #blocks = new Map();
  #chosen = [];
  #sequence = [];

  constructor(orders) {
    this.#orders = orders;
    orders.addEventListener("answer", ({ detail }) => this.#forgive(detail.patch));
    orders.addEventListener("refused", ({ detail }) => this.#blame(detail.error, detail.patch));
  }

  /** Draw what `/effects` gives: `effects` and `settings`, both `[{name, description, schema}]`. */
  draw({ effects, settings = [] }) {
    this.#kinds = effects;
    this.#effects = new Map(effects.map((kind) => [kind.name, this.#effect(kind)]));
    this.#blocks = new Map(settings.map((kind) => [kind.name, this.#block(kind)]));
    by("effects").replaceChildren(...elements(this.#effects));
    by("settings").replaceChildren(...elements(this.#blocks));
  }

  /** Show what the server says is so, except where a finger is on the control. */
  show(state) {
    if (!this.#orders.holds("effects")) this.#follow(state.effects ?? []);
    for (const [name, card] of this.#effects) {
      card.turn(this.#chosen.includes(name));
      card.show(state.params?.[name] ?? {});
    }
    for (const [name, card] of this.#blocks) card.show(state[name] ?? {});
  }

  /** Say which effects fail; `counts` is how often each did so far. */
  count(counts) {
    for (const [name, card] of this.#effects) card.count(counts[name] ?? 0);
  }

  #effect(kind) {
    const turned = (on) => this.#turn(kind.name, on);
    return new SwitchedCard(kind, { ...this.#at(`params.${kind.name}`), turned });
  }

  #block(kind) {
    const card = new Card(kind, this.#at(kind.name));
    card.element.dataset.settings = kind.name;
    return card;
  }

  /** How the controls of the values at `path` change them, and when they may not be replaced. */
  #at(path) {
    return {
      change: (key, value) => this.#orders.add(patchAt(`${path}.${key}`, value)),
      held: (key) => this.#orders.holds(`${path}.${key}`),
    };
  }

  #turn(name, on) {
    const wanted = new Set(this.#chosen);
    if (on) wanted.add(name);
    else wanted.delete(name);
    this.#chosen = this.#sequence.filter((effect) => wanted.has(effect));
    this.#effects.get(name).turn(on);
    this.#orders.add({ effects: this.#chosen });
  }

  /** Remember in which order effects run, so that one turned off and on takes its old place. */
  #follow(effects) {
    this.#chosen = effects;
    const rest = [...this.#sequence, ...this.#kinds.map((kind) => kind.name)];
    if (effects.length > 1 || !this.#sequence.length) this.#sequence = [...new Set([...effects, ...rest])];
  }

  #forgive(patch) {
    for (const path of pathsOf(patch)) this.#find(path)?.complain("");
    for (const name of Object.keys(patch.params ?? {})) this.#effects.get(name)?.complain("");
  }

  #blame(error, patch) {
    const told = (error.errors ?? []).filter(({ at }) => at);
    const errors = told.length ? told : pathsOf(patch).map((at) => ({ at, message: error.message }));
    for (const { at, message } of errors) this.#find(at)?.complain(message);
  }

  #find(path) {
    const [root, name, key] = path.split(".");
    if (root === "params") return this.#effects.get(name)?.control(key) ?? this.#effects.get(name);
    if (root === "effects") return this.#effects.get(this.#chosen[Number(name)]);
    return this.#blocks.get(root)?.control(name) ?? this.#blocks.get(root);
  }
}

const elements = (cards) => [...cards.values()].map((card) => card.element);
