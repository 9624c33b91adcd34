// Split view: this person's own camera on the left of a divider, the result on its right; where the
// result shows somebody else, the two whole pictures side by side. The left one is that of the stage
// that drives the puppet, if one does.

import { by, write } from "./dom.js";
import { Link } from "./link.js";
import { watch } from "./whip.js";

const STEP = 2; // percent of the width, of one press of an arrow key
const KEYS = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, PageUp: 5 * STEP, PageDown: -5 * STEP };

export class Split {
  #on = false;
  #camera = null;
  #driver = null; // the stage whose face moves the puppet
  #driven = new MediaStream();
  #link = null;
  #share = 50;
  orientation = 0;
  mirror = false;
  #divider = by("divider");

  constructor() {
    by("split").addEventListener("click", () => this.toggle());
    this.#divider.addEventListener("keydown", (event) => this.#press(event));
    this.#divider.addEventListener("pointerdown", (event) => this.#grab(event));
    by("original").addEventListener("resize", () => this.#turn());
    this.#move(50);
  }

  toggle() {
    if (by("split").disabled) return;
    this.#on = !this.#on;
    this.#refresh();
  }

  /** Take the camera's stream, null when it is off, and the stage's state. */
  show(stream, { stage: { orientation = 0, mirror = false, driver = null } = {}, synthetic = false }) {
    this.#camera = stream;
    this.#follow(synthetic && driver !== "messages" ? driver : null);
    by("screen").classList.toggle("beside", synthetic);
    if (this.#driver) this.#turn(0, false);
    else this.#turn(orientation, mirror);
    this.#refresh();
  }

  /** End what is watched of the driver. */
  close() {
    this.#link?.close();
  }

  #follow(driver) {
    if (driver === this.#driver) return;
    this.close();
    this.#driver = driver;
    this.#link = driver && new Link(() => watch(`/whep/${driver}`, (track) => this.#take(track)));
  }

  #take(track) {
    if (track.kind !== "video") return;
    for (const old of this.#driven.getTracks()) this.#driven.removeTrack(old);
    this.#driven.addTrack(track);
  }

  #refresh() {
    const offered = this.#driver ? this.#driven : this.#camera;
    const shown = this.#on ? offered : null;
    // Only while it is seen: it costs the browser as much as the preview does.
    if (by("original").srcObject !== shown) by("original").srcObject = shown;
    if (shown && this.#link?.state === "off") this.#link.open();
    if (!shown) this.close();
    by("split").disabled = !offered;
    by("split").setAttribute("aria-pressed", String(Boolean(shown)));
    by("screen").classList.toggle("split", Boolean(shown));
    write(by("original-caption"), this.#driver ? "Driver" : "Original");
  }

  #turn(orientation = this.orientation, mirror = this.mirror) {
    Object.assign(this, { orientation, mirror });
    const { videoWidth: width, videoHeight: height } = by("original");
    const lying = orientation % 180 !== 0 && width > 0;
    const scale = lying ? height / width : 1;
    by("original").style.transform = `scaleX(${mirror ? -1 : 1}) rotate(${orientation}deg) scale(${scale})`;
  }

  #move(share) {
    this.#share = Math.min(100, Math.max(0, share));
    by("screen").style.setProperty("--split", `${this.#share}%`);
    this.#divider.setAttribute("aria-valuenow", Math.round(this.#share));
    this.#divider.setAttribute("aria-valuetext", `${Math.round(this.#share)} % original`);
  }

  #press(event) {
    const ends = { Home: 0, End: 100 };
    const share = ends[event.key] ?? (event.key in KEYS ? this.#share + KEYS[event.key] : null);
    if (share === null) return;
    event.preventDefault();
    this.#move(share);
  }

  #grab(event) {
    this.#divider.setPointerCapture(event.pointerId);
    const over = new AbortController();
    const follow = ({ clientX }) => {
      const { left, width } = by("screen").getBoundingClientRect();
      this.#move(((clientX - left) / width) * 100);
    };
    this.#divider.addEventListener("pointermove", follow, { signal: over.signal });
    for (const end of ["pointerup", "pointercancel"]) {
      this.#divider.addEventListener(end, () => over.abort(), { signal: over.signal });
    }
  }
}
