// Presets: which effects with which values. Those of the effects come with their schemas, a
// person's own are kept in this browser.

import { keep, kept } from "./storage.js";

const KEY = "presets";
const NOTHING = { name: "No effects", effects: [], params: {} };

/** `kinds` as `/effects` gives them: `[{name, schema}]`; a schema may have `presets`. */
export class Presets {
  #kinds;

  constructor(kinds) {
    this.#kinds = kinds;
  }

  /** What the effects bring: `[{name, effects, params}]`, `params` by effect. */
  builtIn() {
    const brought = this.#kinds.flatMap(({ name, schema }) =>
      (schema.presets ?? []).map((preset) => ({ ...preset, params: { [name]: preset.params } })),
    );
    return [NOTHING, ...brought.filter((preset) => this.#knows(preset))];
  }

  /** A person's own. */
  saved() {
    return kept(KEY, []).filter(isPreset);
  }

  /** Keep what is so now under a name; throws when the browser keeps nothing. */
  save(name, { effects, params }) {
    const used = effects.map((effect) => [effect, this.#changed(effect, params[effect] ?? {})]);
    this.#write([...this.#others(name), { name, effects, params: Object.fromEntries(used) }]);
  }

  remove(name) {
    this.#write(this.#others(name));
  }

  /** The order that makes it so: what a preset does not say of an effect is the default. */
  orderFor(preset) {
    const values = ([effect, given]) => [
      effect,
      Object.fromEntries(Object.keys(this.#schema(effect).properties ?? {}).map((key) => [key, given[key] ?? null])),
    ];
    const known = Object.entries(preset.params).filter(([effect]) => this.#schema(effect));
    const effects = preset.effects.filter((effect) => this.#schema(effect));
    return { effects, params: Object.fromEntries(known.map(values)) };
  }

  /** Whether a state is as the preset would make it. */
  matches(preset, { effects = [], params = {} }) {
    if (String(effects) !== String(preset.effects)) return false;
    return Object.entries(preset.params).every(([effect, given]) =>
      Object.entries(this.#schema(effect)?.properties ?? {}).every(
        ([key, facts]) => same(params[effect]?.[key], given[key] ?? facts.default),
      ),
    );
  }

  /** Everything a person saved, as text to keep elsewhere. */
  exported() {
    return JSON.stringify({ omote: "presets", presets: this.saved() }, null, 2);
  }

  /** Take presets from such a text; gives how many. Throws in words. */
  imported(text) {
    const given = presetsIn(text);
    const names = new Set(given.map(({ name }) => name));
    this.#write([...this.saved().filter(({ name }) => !names.has(name)), ...given]);
    return given.length;
  }

  #schema(effect) {
    return this.#kinds.find(({ name }) => name === effect)?.schema;
  }

  #knows({ effects }) {
    return effects.every((effect) => this.#schema(effect));
  }

  #changed(effect, values) {
    const facts = this.#schema(effect)?.properties ?? {};
    return Object.fromEntries(Object.entries(values).filter(([key, value]) => !same(value, facts[key]?.default)));
  }

  #others(name) {
    return this.saved().filter((preset) => preset.name !== name);
  }

  #write(presets) {
    if (!keep(KEY, presets)) throw new Error("This browser keeps nothing for this page. Export the presets instead.");
  }
}

function presetsIn(text) {
  try {
    const { presets } = JSON.parse(text);
    if (Array.isArray(presets) && presets.length && presets.every(isPreset)) return presets;
  } catch {
    // Said below.
  }
  throw new Error("This file holds no presets of Omote.");
}

function isPreset(value) {
  const { name, effects, params } = value ?? {};
  return typeof name === "string" && Array.isArray(effects) && params !== null && typeof params === "object";
}

const same = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
