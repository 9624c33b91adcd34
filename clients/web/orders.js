// Orders: what the person changes, gathered into merge patches and sent a moment later.

import { Unreachable } from "./api.js";

const GATHER_MS = 80;
const SETTLE_MS = 400; // states that were on their way when the answer came

/**
 * Sends patches one at a time; what is added while one is under way goes with the next. What was
 * refused is kept and goes with the next, too: it may become right together with another value.
 * Events: `answer` with `detail.state`, `refused` with `detail.error`; both with `detail.patch`.
 */
export class Orders extends EventTarget {
  #deliver;
  #gathered = null;
  #refused = {};
  #sending = null;
  #timer = 0;
  #settled = new Map();

  /** `deliver(patch)` gives the state after it, or throws. */
  constructor(deliver) {
    super();
    this.#deliver = deliver;
  }

  /** Add a merge patch (RFC 7396); later values win. */
  add(patch) {
    this.#gathered = merged(this.#gathered ?? {}, patch);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), GATHER_MS);
  }

  /** Whether the value at `path` stands here only: not answered yet, just answered, or refused. */
  holds(path) {
    const under = [this.#gathered, this.#sending, this.#refused];
    const fresh = performance.now() - (this.#settled.get(path) ?? -SETTLE_MS) < SETTLE_MS;
    return fresh || under.some((patch) => patch && pathsOf(patch).includes(path));
  }

  /** Send again what was refused because nobody answered. */
  again() {
    if (Object.keys(this.#refused).length) this.add({});
  }

  async #send() {
    if (this.#sending || !this.#gathered) return;
    this.#sending = this.#gathered;
    this.#gathered = null;
    try {
      await this.#settle(this.#sending);
    } catch (error) {
      this.#refused = merged(this.#refused, this.#sending);
      this.#tell("refused", { error, patch: this.#sending });
    }
    for (const path of pathsOf(this.#sending)) this.#settled.set(path, performance.now());
    this.#sending = null;
    this.#send();
  }

  async #settle(patch) {
    const earlier = this.#refused;
    const whole = merged(earlier, patch);
    try {
      this.#tell("answer", { state: await this.#deliver(whole), patch: whole });
      this.#refused = {};
    } catch (error) {
      if (!Object.keys(earlier).length || error instanceof Unreachable) throw error;
      this.#tell("answer", { state: await this.#deliver(patch), patch });
      this.#tell("refused", { error, patch: earlier });
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Dotted paths of every value in a patch. */
export function pathsOf(patch, prefix = "") {
  return Object.entries(patch).flatMap(([key, value]) =>
    isObject(value) ? pathsOf(value, `${prefix}${key}.`) : [prefix + key],
  );
}

/** The patch that sets one value at a dotted path. */
export function patchAt(path, value) {
  return path.split(".").reduceRight((inner, key) => ({ [key]: inner }), value);
}

function merged(target, patch) {
  const result = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    result[key] = isObject(value) && isObject(result[key]) ? merged(result[key], value) : value;
  }
  return result;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
