// The list of stages: who is live, how many watch; to switch, make and delete them.

import { ask, askJson } from "./api.js";
import { confirmed } from "./dialog.js";
import { by, complain, icon, iconButton, make } from "./dom.js";
import { isFilmed } from "./figures.js";

const ASK_MS = 3_000;

/** The panel behind the stage's name; `leave()` ends our own sessions before our stage is deleted. */
export class Stages {
  #here;
  #leave;
  #timer = 0;
  #drawn = "";
  #panel = by("stages");

  constructor(here, leave) {
    this.#here = here;
    this.#leave = leave;
    this.#panel.addEventListener("beforetoggle", ({ newState }) => newState === "open" && this.#place());
    this.#panel.addEventListener("toggle", ({ newState }) => this.#turn(newState === "open"));
    by("new-stage").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try(() => this.#make(by("new-stage-name").value.trim().toLowerCase()));
    });
  }

  #place() {
    const { left, bottom } = by("stage-button").getBoundingClientRect();
    this.#panel.style.left = `${Math.max(12, Math.min(left, innerWidth - 372))}px`;
    this.#panel.style.top = `${bottom + 8}px`;
  }

  #turn(open) {
    clearInterval(this.#timer);
    this.#complain("");
    if (!open) return;
    this.#refresh();
    this.#timer = setInterval(() => this.#refresh(), ASK_MS);
  }

  #refresh() {
    return this.#try(async () => {
      const { stages } = await askJson("/stages");
      stages.sort((one, other) => (other.name === this.#here) - (one.name === this.#here)); // ours first
      const drawn = JSON.stringify(stages.map(({ name, state }) => [name, words(state)]));
      if (drawn === this.#drawn) return; // or what has the focus would be taken away each time
      this.#drawn = drawn;
      by("stage-list").replaceChildren(...stages.map((stage) => this.#row(stage)));
    });
  }

  #row({ name, state }) {
    const here = name === this.#here;
    const link = make(
      "a",
      { href: `/?stage=${name}`, className: "stage-link" },
      make("span", { className: "dot" }),
      make("span", { className: "stage-words" }, make("strong", {}, name), make("small", {}, words(state))),
    );
    if (here) link.setAttribute("aria-current", "page");
    const view = make("a", { href: `/watch/${name}`, target: "_blank", className: "quiet", title: "Only the picture, for OBS and second screens", "aria-label": `Only the picture of ${name}` }, icon("open"));
    const away = iconButton("trash", `Delete ${name}`);
    away.addEventListener("click", () => this.#delete(name));
    return make("li", { className: isFilmed(state) ? "live" : "" }, link, view, away);
  }

  async #make(name) {
    if (!/^[a-z0-9-]{1,40}$/.test(name)) {
      throw new Error("A stage's name is 1 to 40 small letters, digits and dashes.");
    }
    await ask(`/stages/${name}`, { method: "PUT" });
    location.assign(`/?stage=${name}`);
  }

  async #delete(name) {
    const said = "Everybody on it is disconnected, and its settings are forgotten.";
    const agreed = await confirmed(`Delete the stage ${name}?`, said, "Delete");
    this.#panel.showPopover(); // the question closed it
    if (!agreed) return;
    await this.#try(async () => {
      if (name === this.#here) await this.#leave();
      await ask(`/stages/${name}`, { method: "DELETE" });
      if (name === this.#here) location.assign("/");
      else await this.#refresh();
    });
  }

  async #try(work) {
    try {
      await work();
    } catch (error) {
      this.#complain(error.message);
    }
  }

  #complain(message) {
    complain(by("stages-error"), message);
  }
}

function words(state) {
  const watched = state.viewers === 1 ? "1 viewer" : `${state.viewers} viewers`;
  return `${isFilmed(state) ? "Live" : "Waiting for a camera"} · ${watched}`;
}
