// A picker of uploaded pictures: thumbnails, and a tile that uploads another.

import { ask, askJson, Refused } from "./api.js";
import { make } from "./dom.js";

const ACCEPTED = "image/jpeg,image/png,image/webp,video/mp4,video/webm";

/** The input of a parameter whose value is the name of an upload of `kind`. */
export class Pictures {
  group = true;
  silent = true;
  element = make("div", { className: "pictures", role: "radiogroup" });
  focus = this.element;
  #address;
  #change;
  #chosen = null;
  #names = "";
  #thumbnails = new Map();
  #upload;
  #trouble = make("p", { className: "error", role: "alert", hidden: true });

  constructor(kind, change) {
    this.#address = `/media/${kind}`;
    this.#change = change;
    this.#upload = this.#uploadTile();
    this.element.append(this.#upload, this.#trouble);
    this.refresh();
  }

  read() {
    return this.#chosen;
  }

  write(value) {
    this.#chosen = value ?? null;
    for (const radio of this.element.querySelectorAll("input[type=radio]")) {
      radio.checked = radio.value === this.#chosen;
    }
  }

  /** Draw what the server has. */
  async refresh() {
    try {
      const { items } = await askJson(this.#address);
      const names = items.map((item) => item.name);
      if (names.join("\n") === this.#names) return;
      this.#names = names.join("\n");
      const tiles = await Promise.all(names.map((name) => this.#tile(name)));
      this.element.replaceChildren(...tiles, this.#upload, this.#trouble);
      this.write(this.#chosen);
    } catch (error) {
      this.#complain(error);
    }
  }

  async #tile(name) {
    const radio = make("input", { type: "radio", name: this.#address, value: name, "aria-label": name });
    radio.addEventListener("change", () => this.#choose(name));
    return make("label", { className: "tile", title: name }, radio, await this.#thumbnail(name));
  }

  #choose(name) {
    this.write(name);
    this.#change(name);
  }

  /** Fetched rather than linked, so that the token goes along. */
  async #thumbnail(name) {
    if (!this.#thumbnails.has(name)) {
      const content = await (await ask(`${this.#address}/${encodeURIComponent(name)}`)).blob();
      this.#thumbnails.set(name, { url: URL.createObjectURL(content), video: content.type.startsWith("video/") });
    }
    const { url, video } = this.#thumbnails.get(name);
    return video ? make("video", { src: url, muted: true, preload: "metadata" }) : make("img", { src: url, alt: "" });
  }

  #uploadTile() {
    const file = make("input", { type: "file", accept: ACCEPTED, "aria-label": "Add a picture or a video" });
    file.addEventListener("change", async () => {
      if (file.files[0]) await this.#send(file.files[0]);
      file.value = "";
    });
    return make("label", { className: "tile upload" }, file, make("span", {}, "Add"));
  }

  async #send(file) {
    const name = nameFor(file.name);
    this.#upload.classList.add("busy");
    try {
      const headers = { "Content-Type": file.type || "application/octet-stream" };
      await ask(`${this.#address}/${name}`, { method: "PUT", headers, body: file });
      this.#complain(null);
      await this.refresh();
      this.#choose(name);
    } catch (error) {
      this.#complain(error);
    }
    this.#upload.classList.remove("busy");
  }

  #complain(error) {
    this.#trouble.hidden = !error;
    this.#trouble.textContent = error instanceof Refused && error.status === 413 ? "This file is too large." : error?.message ?? "";
  }
}

/** A name that may stand in an address: small letters, digits, dashes, the ending kept. */
function nameFor(file) {
  const [, stem, ending] = /^(.*?)(\.[^.]*)?$/.exec(file.toLowerCase());
  const plain = stem.normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  return (plain.slice(0, 32) || "picture") + (ending ?? "");
}
