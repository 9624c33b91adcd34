// Orders: what the person changes, gathered into merge patches and sent a moment later.

import { order } from "./api.js";

const GATHER_MS = 120;
const HOLD_MS = 1_500;

/**
 * Sends patches one at a time; what is added while one is under way goes with the next. What was
 * refused is kept and goes with the next, too: it may become right together with another value.
 * Events: `answer` with `detail.state`, `refused` with `detail.error`; both with `detail.patch`.
 */
export class Orders extends EventTarget {
  #stage;
  #gathered = null;
  #refused = {};
  #sending = false;
  #timer = 0;
  #touched = new Map();

  constructor(stage) {
    super();
    this.#stage = stage;
  }

  /** Add a merge patch (RFC 7396); later values win. */
  add(patch) {
    this.#gathered = merged(this.#gathered ?? {}, patch);
    for (const path of pathsOf(patch)) this.#touched.set(path, performance.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), GATHER_MS);
  }

  /** Whether the value at `path` stands here only, because it is too new or was refused. */
  holds(path) {
    const age = performance.now() - (this.#touched.get(path) ?? -HOLD_MS);
    return age < HOLD_MS || pathsOf(this.#refused).includes(path);
  }

  async #send() {
    if (this.#sending || !this.#gathered) return;
    const patch = this.#gathered;
    this.#gathered = null;
    this.#sending = true;
    try {
      await this.#settle(patch);
    } catch (error) {
      this.#refused = merged(this.#refused, patch);
      this.#tell("refused", { error, patch });
    }
    this.#sending = false;
    this.#send();
  }

  async #settle(patch) {
    const earlier = this.#refused;
    const whole = merged(earlier, patch);
    try {
      this.#tell("answer", { ...(await order(this.#stage, whole)), patch: whole });
      this.#refused = {};
    } catch (error) {
      if (!Object.keys(earlier).length) throw error;
      this.#tell("answer", { ...(await order(this.#stage, patch)), patch });
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
