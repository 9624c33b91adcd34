// Only the picture of a stage, for browser sources and second screens: /watch/{stage}
// ?sound=1 lets it be heard, ?fit=cover fills the window, ?background=black, ?debug=1 says what is
// wrong. A token goes into the fragment, #token=..., which no server log ever sees.

import { by } from "./dom.js";
import { Link } from "./link.js";
import { watch } from "./whip.js";

const FROZEN_MS = 8_000;
const LOOK_MS = 2_000;

const query = new URLSearchParams(location.search);
const stage = location.pathname.split("/").pop();
const video = by("result");
const pictures = new MediaStream();
const link = new Link(() => watch(`/whep/${stage}`, show), () => false); // it tries for ever
let shown = { frames: 0, at: 0 };

begin();

function begin() {
  document.title = `${stage} · Omote`;
  by("title").textContent = `Stage ${stage}`;
  by("screen").classList.toggle("cover", query.get("fit") === "cover");
  by("screen").classList.toggle("black", query.get("background") === "black");
  video.muted = query.get("sound") !== "1";
  link.addEventListener("change", refresh);
  for (const event of ["playing", "resize", "emptied"]) video.addEventListener(event, refresh);
  addEventListener("pagehide", () => link.close());
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  setInterval(look, LOOK_MS);
  link.open();
}

function show(track) {
  for (const old of pictures.getTracks()) if (old.kind === track.kind) pictures.removeTrack(old);
  pictures.addTrack(track);
  video.srcObject ??= pictures;
  video.play().catch(playSilently);
}

/** A browser that wants a click before it makes a sound gets the picture at least. */
function playSilently() {
  video.muted = true;
  video.play().catch(() => {});
}

/** A session that is up but shows nothing new for long is begun anew. */
function look() {
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  const now = performance.now();
  if (frames !== shown.frames || link.state !== "on") shown = { frames, at: now };
  else if (!document.hidden && now - shown.at > FROZEN_MS) {
    shown = { frames, at: now };
    link.open();
  }
}

function refresh() {
  by("screen").classList.toggle("playing", link.state === "on" && video.videoWidth > 0);
  const words = { on: "Watching", connecting: "Connecting …", waiting: link.error?.message ?? "Connecting again …" };
  by("words").textContent = words[link.state] ?? "";
  by("words").hidden = query.get("debug") !== "1";
}
