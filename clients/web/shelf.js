// The shelf: presets to apply, save, delete, export and import.

import { announce } from "./announcement.js";
import { by, complain, iconButton, make } from "./dom.js";
import { download } from "./download.js";
import { Presets } from "./presets.js";

export class Shelf {
  #orders;
  #presets = new Presets([]);
  #kinds = [];
  #state = {};
  #chips = [];

  constructor(orders) {
    this.#orders = orders;
    by("preset-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save(by("preset-name").value.trim());
    });
    by("preset-export").addEventListener("click", () => this.#export());
    by("preset-import").addEventListener("click", () => by("preset-file").click());
    by("preset-file").addEventListener("change", () => this.#import());
  }

  /** Draw the presets of `kinds`, as `/effects` gives them, and the person's own. */
  draw(kinds = this.#kinds) {
    this.#kinds = kinds;
    this.#presets = new Presets(kinds);
    const saved = this.#presets.saved();
    this.#chips = [...this.#presets.builtIn(), ...saved].map((preset) => ({ preset, chip: this.#chip(preset) }));
    const own = new Set(saved);
    by("presets").replaceChildren(
      ...this.#chips.map(({ preset, chip }) => make("li", {}, chip, own.has(preset) ? this.#away(preset) : null)),
    );
    by("preset-export").disabled = !saved.length;
    this.show(this.#state);
  }

  /** Mark the preset that a state is. */
  show(state) {
    this.#state = state;
    for (const { preset, chip } of this.#chips) {
      chip.setAttribute("aria-pressed", String(this.#presets.matches(preset, state)));
    }
  }

  #chip(preset) {
    const chip = make("button", { type: "button", className: "chip" }, preset.name);
    chip.addEventListener("click", () => this.#orders.add(this.#presets.orderFor(preset)));
    return chip;
  }

  #away({ name }) {
    const button = iconButton("close", `Delete the preset ${name}`, { className: "quiet small" });
    button.addEventListener("click", () => {
      this.#try(() => this.#presets.remove(name));
      by("preset-name").focus();
    });
    return button;
  }

  #save(name) {
    if (!name) return this.#complain("Give it a name first.");
    this.#try(() => {
      this.#presets.save(name, this.#state);
      by("preset-name").value = "";
      announce(`Saved as ${name}.`);
    });
  }

  #export() {
    download(new Blob([this.#presets.exported()], { type: "application/json" }), "omote-presets.json");
  }

  async #import() {
    const [file] = by("preset-file").files;
    const text = await file?.text();
    by("preset-file").value = "";
    if (text !== undefined) this.#try(() => announce(`${this.#presets.imported(text)} presets taken over.`));
  }

  #try(work) {
    try {
      this.#complain("");
      work();
      this.draw();
    } catch (error) {
      this.#complain(error.message);
    }
  }

  #complain(words) {
    complain(by("preset-error"), words);
  }
}
