// The screen: the stage's result, as it is watched.

import { by, write } from "./dom.js";
import { Link } from "./link.js";
import { watch } from "./whip.js";

/** Events: `change`, when what is to be said of it may have changed. */
export class Screen extends EventTarget {
  link;
  #result = new MediaStream();
  #video = by("result");

  constructor(stage) {
    super();
    this.link = new Link(() => watch(`/whep/${stage}`, (track) => this.#show(track)));
    const tell = () => this.dispatchEvent(new Event("change"));
    this.link.addEventListener("change", tell);
    for (const event of ["playing", "resize", "emptied"]) this.#video.addEventListener(event, tell);
    by("full-screen").addEventListener("click", () => this.fill());
    by("listen").addEventListener("change", () => (this.#video.muted = !by("listen").checked));
  }

  get playing() {
    return this.link.state === "on" && this.#video.videoWidth > 0;
  }

  /** Bring what the screen says in line; `words` is for when there is no picture. */
  refresh(words, bypassed) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    by("screen").classList.toggle("playing", this.playing);
    write(by("blank-text"), words);
    write(by("result-caption"), this.playing ? `Result · ${width} × ${height}` : "Result");
    by("snapshot").disabled = !this.playing;
    by("bypassed").hidden = !(this.playing && bypassed);
  }

  /** Fill the whole screen, or leave it again. */
  fill() {
    if (document.fullscreenElement) document.exitFullscreen();
    else by("screen").requestFullscreen();
  }

  /** The picture as it is now, as a PNG. */
  still() {
    const canvas = document.createElement("canvas");
    canvas.width = this.#video.videoWidth;
    canvas.height = this.#video.videoHeight;
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve));
  }

  #show(track) {
    for (const old of this.#result.getTracks()) if (old.kind === track.kind) this.#result.removeTrack(old);
    this.#result.addTrack(track);
    // Not earlier: a video without a track would keep the page from ever being loaded.
    this.#video.srcObject ??= this.#result;
  }
}
