// Keyboard shortcuts, and the dialog that lists them.

import { by, make } from "./dom.js";
import { keep, kept } from "./storage.js";

const KEY = "shortcuts";

/** `keys`: `{s: {words, press, release}}`; with `release`, the key is to be held down. */
export class Shortcuts {
  #keys;
  #held = null;

  constructor(keys) {
    this.#keys = { ...keys, "?": { words: "Show this help", press: () => this.#help() } };
    by("keys").append(...Object.entries(this.#keys).map(([key, { words }]) => make("div", {}, make("dt", {}, make("kbd", {}, key.toUpperCase())), make("dd", {}, words))));
    by("help-button").addEventListener("click", () => this.#help());
    by("shortcuts-on").checked = kept(KEY, true);
    by("shortcuts-on").addEventListener("change", () => keep(KEY, by("shortcuts-on").checked));
    addEventListener("keydown", (event) => this.#down(event));
    addEventListener("keyup", ({ key }) => key.toLowerCase() === this.#held && this.#release());
    addEventListener("blur", () => this.#release());
  }

  #help() {
    if (!by("help").open) by("help").showModal();
  }

  #down(event) {
    const key = event.key.toLowerCase();
    const shortcut = this.#keys[key];
    if (!shortcut || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!by("shortcuts-on").checked || isWriting(event.target) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.#release();
    if (shortcut.release) this.#held = key;
    shortcut.press();
  }

  #release() {
    const key = this.#held;
    this.#held = null;
    if (key) this.#keys[key].release();
  }
}

/** Whether letters belong to what has the focus. */
function isWriting(element) {
  return element.matches?.("select, textarea, input:not([type=range], [type=checkbox], [type=radio], [type=color])") ?? false;
}
