// A publication: this person's camera, and the session that carries it to the stage.

import { by } from "./dom.js";
import { listDevices, openCamera } from "./camera.js";
import { Link } from "./link.js";
import { publish } from "./whip.js";

/** Events: `change`; then look at `stream` (null: off), `error` of the camera, and `link`. */
export class Publication extends EventTarget {
  stream = null;
  error = null;
  link;
  #takeover = false;

  constructor(stage) {
    super();
    this.link = new Link(() => {
      const address = `/whip/${stage}${this.#takeover ? "?takeover=true" : ""}`;
      this.#takeover = false;
      return publish(address, this.stream);
    });
    this.link.addEventListener("change", () => this.#tell());
    navigator.mediaDevices?.addEventListener("devicechange", () => this.list());
    this.list();
  }

  /** Open the chosen camera and publish it; also when already live, to change the camera. */
  async start() {
    by("start").disabled = true;
    try {
      this.#use(await openCamera(chosen()));
      this.error = null;
      this.link.open();
      this.list();
    } catch (error) {
      this.error = error;
    }
    by("start").disabled = false;
    this.#tell();
  }

  stop() {
    this.link.close();
    this.#use(null);
    this.error = null;
    this.#tell();
  }

  takeOver() {
    this.#takeover = true;
    this.link.open();
  }

  /** Offer the devices there are. */
  async list() {
    await listDevices("videoinput", by("camera"), "Camera");
    const heard = await listDevices("audioinput", by("sound"), "Source");
    by("sound-field").hidden = heard < 2 || !by("microphone").checked;
  }

  #use(stream) {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = stream;
    by("preview").srcObject = stream;
    by("preview").parentElement.classList.toggle("off", !stream);
    const [track] = stream?.getVideoTracks() ?? [];
    track?.addEventListener("ended", () => {
      if (this.stream !== stream) return;
      this.stop();
      this.error = new Error("The camera was unplugged or turned off. Press Start to try again.");
      this.#tell();
    });
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

function chosen() {
  const [width, height] = by("size").value.split("x").map(Number);
  const rate = Number(by("rate").value);
  return { device: by("camera").value, width, height, rate, microphone: by("microphone").checked, sound: by("sound").value };
}
