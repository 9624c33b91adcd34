// The face: whether one is followed, how it is made neutral, and what its tracker sees.

import { announce } from "./announcement.js";
import { by, write } from "./dom.js";

const WORDS = {
  tracked: { camera: "Your face is followed.", stage: "The face of {driver} is followed.", messages: "Faces come from outside." },
  held: { camera: "Your face was lost a moment ago, its last expression is held.", stage: "The face of {driver} was lost a moment ago, its last expression is held.", messages: "The sender has fallen silent, its last expression is held." },
  lost: { camera: "No face is seen. Look into the camera, with light on your face.", stage: "No face is seen on {driver}. Is its camera on?", messages: "Nothing comes from outside: send faces over the data channel face/1 or MQTT." },
};
const PAUSED = 7; // the ladder's last rung
const SETTLE_MS = 1_200; // the server averages about a second
const NEUTRAL = {
  none: "Not known yet.",
  calmest: "Taken from the calmest moment so far.",
  asked: "As you set it.",
  told: "As the sender tells it.",
};

/** The part of the page about the face a stage follows; hidden while it follows none. */
export class FacePanel {
  #orders;

  /** `orders` sends what is pressed. */
  constructor(orders) {
    this.#orders = orders;
    by("calibrate").addEventListener("click", () => this.#calibrate());
    by("calibrate-back").addEventListener("click", () => orders.add({ calibrate: null }));
    by("landmarks").addEventListener("change", () => {
      orders.add({ stage: { view: by("landmarks").checked ? "landmarks" : "result" } });
    });
  }

  /** Show what is so. */
  show(state) {
    const { face, stage = {} } = state;
    by("face").hidden = !face;
    if (!face) return;
    by("face").dataset.status = face.status;
    write(by("face-status"), state.rung === PAUSED ? "The machine is too busy: effects are paused." : statusWords(face, stage));
    write(by("face-neutral"), NEUTRAL[face.neutral]);
    by("calibrate").disabled = face.status === "lost";
    by("calibrate-back").hidden = face.neutral !== "asked";
    if (!this.#orders.holds("stage.view")) by("landmarks").checked = stage.view === "landmarks";
  }

  #calibrate() {
    this.#orders.add({ calibrate: true });
    announce("Keep still.");
    setTimeout(() => announce("Neutral face taken. Now move."), SETTLE_MS);
  }
}

const statusWords = ({ status, origin }, { driver }) => WORDS[status][origin].replace("{driver}", `the stage “${driver}”`);
