// A picker of uploads: thumbnails to choose from, to delete, and a tile that takes others.

import { ask, askJson, Refused } from "./api.js";
import { confirmed } from "./dialog.js";
import { complain, icon, iconButton, make } from "./dom.js";
import { token } from "./token.js";

const ACCEPTED = ["image/jpeg", "image/png", "image/webp", "video/mp4", "video/webm"];
const WORDS = {
  403: "Your token may not change these: ask whoever runs the server for an admin token.",
  413: "This file is too large: 20 MB are the most.",
  415: "Only JPEG, PNG and WebP pictures, and MP4 and WebM films, can be used.",
};
const GONE = {
  backgrounds: "Effects that show it show a plain colour instead.",
  faces: "Nobody can be shown with this face any more; puppets of it show nobody.",
};
let count = 0;

/**
 * The input of a value that is the name of an upload of the kind `facts.media`. What the effect
 * can use may depend on another value: `facts.media_types` is `{mode: {image: "image/"}}`.
 */
export class Pictures {
  group = true;
  silent = true;
  element = make("div", { className: "pictures", role: "radiogroup" });
  focus = this.element;
  #kind;
  #address;
  #types;
  #begins = "";
  #change;
  #chosen = null;
  #items = [];
  #contents = new Map();
  #radios = `pictures-${(count += 1)}`;
  #file;
  #upload;
  #trouble = make("p", { className: "error", role: "alert", hidden: true });

  constructor({ media, media_types: types }, change) {
    this.#kind = media ?? "backgrounds";
    this.#address = `/media/${this.#kind}`;
    this.#types = types ?? {};
    this.#change = change;
    this.#file = make("input", { type: "file", multiple: true, accept: ACCEPTED.join(), "aria-label": "Add a picture or a video" });
    this.#upload = make("label", { className: "tile upload", title: "Choose files, or drop them here" }, this.#file, icon("plus"), make("span", {}, "Add or drop"));
    this.#file.addEventListener("change", async () => {
      await this.#sendAll(this.#file.files);
      this.#file.value = "";
    });
    this.#takeDrops();
    this.element.append(this.#upload, this.#trouble);
    this.refresh();
  }

  read() {
    return this.#chosen;
  }

  write(value) {
    if (value && value !== this.#chosen && !this.#find(value)) this.refresh();
    this.#chosen = value ?? null;
    for (const radio of this.element.querySelectorAll("input[type=radio]")) {
      radio.checked = radio.value === this.#chosen;
    }
  }

  /** Show only what can be used with the other values. */
  fit(values) {
    const fits = Object.entries(this.#types).map(([key, types]) => types[values[key]]);
    const begins = fits.find(Boolean) ?? "";
    if (begins === this.#begins) return;
    this.#begins = begins;
    this.#file.accept = ACCEPTED.filter((type) => type.startsWith(begins)).join();
    this.#draw();
  }

  /** Draw what the server has. */
  async refresh() {
    try {
      const { items } = await askJson(this.#address);
      await Promise.all(items.map((item) => this.#load(item)));
      this.#items = items;
      this.#draw();
    } catch (error) {
      this.#complain(error.message);
    }
  }

  #find(name) {
    return this.#items.find((item) => item.name === name);
  }

  #draw() {
    const usable = this.#items.filter(({ type }) => type?.startsWith(this.#begins));
    const tiles = usable.map((item) => this.#tile(item));
    this.element.replaceChildren(...tiles, this.#upload, this.#trouble);
    this.write(this.#chosen);
  }

  #tile({ name, type, uploaded }) {
    const radio = make("input", { type: "radio", name: this.#radios, value: name, "aria-label": name });
    radio.addEventListener("change", () => this.#choose(name));
    const url = this.#contents.get(name);
    const film = type.startsWith("video/");
    const picture = film ? make("video", { src: url, muted: true, preload: "metadata" }) : make("img", { src: url, alt: "" });
    const away = iconButton("trash", `Delete ${name}`, { className: "remove" });
    away.addEventListener("click", () => this.#delete(name));
    const title = `${name}, uploaded ${new Date(uploaded).toLocaleString()}`;
    return make("div", { className: "tile", title }, make("label", {}, radio, picture), away);
  }

  #choose(name) {
    this.write(name);
    this.#change(name);
  }

  /** Where a browser finds the file; with a token, which a link cannot carry, it is fetched. */
  async #load({ name, url }) {
    if (this.#contents.has(name)) return;
    const content = token() ? URL.createObjectURL(await (await ask(url)).blob()) : url;
    this.#contents.set(name, content);
  }

  async #delete(name) {
    if (!(await confirmed(`Delete ${name}?`, GONE[this.#kind], "Delete"))) return;
    await this.#try(async () => {
      await ask(`${this.#address}/${encodeURIComponent(name)}`, { method: "DELETE" });
      this.#contents.delete(name);
      await this.refresh();
    });
  }

  #takeDrops() {
    const over = (on) => this.element.classList.toggle("over", on);
    this.element.addEventListener("dragover", (event) => {
      event.preventDefault();
      over(true);
    });
    this.element.addEventListener("dragleave", () => over(false));
    this.element.addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      this.#sendAll(event.dataTransfer.files);
    });
  }

  async #sendAll(files) {
    this.#upload.classList.add("busy");
    for (const file of files) await this.#try(() => this.#send(file));
    this.#upload.classList.remove("busy");
  }

  async #send(file) {
    const name = nameFor(file.name);
    const headers = { "Content-Type": file.type || "application/octet-stream" };
    await ask(`${this.#address}/${name}`, { method: "PUT", headers, body: file });
    this.#contents.delete(name);
    await this.refresh();
    if (this.#find(name)?.type.startsWith(this.#begins)) this.#choose(name);
    else this.#complain(`${name} is kept, but cannot be used as this. Choose another mode to see it.`);
  }

  async #try(work) {
    try {
      this.#complain("");
      await work();
    } catch (error) {
      this.#complain((error instanceof Refused && WORDS[error.status]) || error.message);
    }
  }

  #complain(words) {
    complain(this.#trouble, words);
  }
}

/** A name that may stand in an address: small letters, digits, dashes, the ending kept. */
function nameFor(file) {
  const [, stem, ending] = /^(.*?)(\.[^.]*)?$/.exec(file.toLowerCase());
  const plain = stem.normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  return (plain.slice(0, 32) || "picture") + (ending ?? "");
}
