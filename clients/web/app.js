// The page: one stage, its publisher (this camera) and its result.

import { askJson, Refused, Unreachable } from "./api.js";
import { listCameras, openCamera } from "./camera.js";
import { Controls } from "./controls.js";
import { by } from "./dom.js";
import { Figures, isFilmed } from "./figures.js";
import { Orders } from "./orders.js";
import { Link, publish, watch } from "./whip.js";

const POLL_MS = 500;
const HIDDEN_POLL_MS = 3_000;

const query = new URLSearchParams(location.search);
const stage = query.get("stage") || "live";
const viewOnly = query.has("view") && query.get("view") !== "0";

let camera = null;
let takeover = false;
let cameraTrouble = null;
let serverTrouble = null;
let known = false;
let state = {};

const result = new MediaStream();
const publishing = new Link(() => {
  const address = `/whip/${stage}${takeover ? "?takeover=true" : ""}`;
  takeover = false;
  return publish(address, camera);
});
const watching = new Link(() => watch(`/whep/${stage}`, showTrack));
const orders = new Orders(stage);
const controls = new Controls(orders);
const figures = new Figures();

begin();

function begin() {
  document.title = `Omote · ${stage}`;
  document.body.classList.toggle("view", viewOnly);
  by("stage-name").textContent = stage;
  for (const link of [publishing, watching]) link.addEventListener("change", refresh);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  for (const event of ["playing", "resize", "emptied"]) by("result").addEventListener(event, refresh);
  if (viewOnly) watching.open();
  else beginControls();
  refresh();
  poll();
}

function beginControls() {
  by("start").addEventListener("click", () => (camera ? stop() : start()));
  by("take-over").addEventListener("click", takeOver);
  by("snapshot").addEventListener("click", snapshot);
  by("full-screen").addEventListener("click", () => by("screen").requestFullscreen());
  by("listen").addEventListener("change", () => (by("result").muted = !by("listen").checked));
  by("mirror").addEventListener("change", () => by("preview").classList.toggle("mirrored", by("mirror").checked));
  for (const id of ["camera", "size", "microphone"]) by(id).addEventListener("change", () => camera && start());
  orders.addEventListener("answer", ({ detail }) => showState(detail.state));
  navigator.mediaDevices?.addEventListener("devicechange", () => listCameras(by("camera")));
  listCameras(by("camera"));
  drawControls();
}

/** Open the chosen camera and publish it; also when already live, to change the camera. */
async function start() {
  by("start").disabled = true;
  try {
    const opened = await openCamera(chosenCamera());
    useCamera(opened);
    cameraTrouble = null;
    publishing.open();
    if (watching.state !== "on") watching.open();
    listCameras(by("camera"));
  } catch (error) {
    cameraTrouble = error;
  }
  by("start").disabled = false;
  refresh();
}

function stop() {
  publishing.close();
  watching.close();
  useCamera(null);
  cameraTrouble = null;
  follow.seen = 0;
  refresh();
}

function takeOver() {
  takeover = true;
  publishing.open();
}

function leave() {
  publishing.close();
  watching.close();
}

function chosenCamera() {
  const [width, height] = by("size").value.split("x").map(Number);
  return { device: by("camera").value, width, height, microphone: by("microphone").checked };
}

function useCamera(opened) {
  for (const track of camera?.getTracks() ?? []) track.stop();
  camera = opened;
  by("preview").srcObject = opened;
  by("preview").parentElement.classList.toggle("off", !opened);
  const [track] = opened?.getVideoTracks() ?? [];
  track?.addEventListener("ended", () => {
    if (camera !== opened) return;
    stop();
    cameraTrouble = new Error("The camera was unplugged or turned off.");
    refresh();
  });
}

function showTrack(track) {
  for (const old of result.getTracks()) if (old.kind === track.kind) result.removeTrack(old);
  result.addTrack(track);
  // Not earlier: a video without a track would keep the page from ever being loaded.
  by("result").srcObject ??= result;
}

async function poll() {
  try {
    // PUT makes the stage if nobody has named it yet, also after the server forgot it.
    const answer = await askJson(`/stages/${stage}`, { method: known ? "GET" : "PUT" });
    if (serverTrouble) drawControls();
    known = true;
    serverTrouble = null;
    showState(answer.state);
    figures.show(answer.state, answer.stats);
    controls.count(answer.stats.effect_errors ?? {});
    follow();
  } catch (error) {
    known = false;
    serverTrouble = error;
    figures.show({}, {});
  }
  refresh();
  setTimeout(poll, document.hidden ? HIDDEN_POLL_MS : POLL_MS);
}

/** Watch whatever is published here, ours or not; notice when the server has forgotten us. */
function follow() {
  const there = isFilmed(state);
  follow.seen = there ? follow.seen + 1 : 0;
  if (follow.seen > 2 && watching.state === "off") watching.open();
  if (!there && !camera && !viewOnly && watching.state !== "off") watching.close();
  if (state.publisher === "connected" || publishing.state !== "on") follow.missed = 0;
  else if ((follow.missed += 1) > 6) publishing.open();
}
follow.missed = follow.seen = 0;

async function drawControls() {
  if (viewOnly) return;
  try {
    controls.draw((await askJson("/effects")).effects);
    controls.show(state);
  } catch (error) {
    serverTrouble = error;
  }
}

function showState(current) {
  state = current ?? state;
  controls.show(state);
}

function snapshot() {
  const video = by("result");
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((picture) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(picture);
    link.download = `omote-${stage}-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}

/** Bring every word on the page in line with what is so. */
function refresh() {
  const video = by("result");
  const playing = watching.state === "on" && video.videoWidth > 0;
  by("screen").classList.toggle("playing", playing);
  by("blank-text").textContent = blankWords();
  by("result-caption").textContent = playing ? `Result · ${video.videoWidth} × ${video.videoHeight}` : "Result";
  by("snapshot").disabled = !playing;
  by("start").textContent = camera ? "Stop" : "Start";
  by("start").classList.toggle("primary", !camera);
  showStatus();
  showNotice();
}

function blankWords() {
  if (watching.state === "connecting") return "Connecting …";
  if (viewOnly) return watching.error?.message ?? "Waiting for the camera.";
  return camera ? "Waiting for the first frame …" : "Press Start to see yourself here.";
}

function showStatus() {
  const [mood, words] = statusWords();
  by("status").dataset.mood = mood;
  if (by("status").textContent !== words) by("status").textContent = words;
}

function statusWords() {
  if (serverTrouble instanceof Unreachable) return ["bad", "Server away, trying again"];
  if (serverTrouble) return ["bad", "Refused"];
  if (camera && publishing.state === "on") return ["good", "Live"];
  if (camera && publishing.state === "refused") return ["bad", "Not live"];
  if (camera) return ["busy", publishing.state === "waiting" ? "Connecting again" : "Connecting"];
  if (isFilmed(state)) return ["good", "Live from elsewhere"];
  return ["quiet", "Ready"];
}

function showNotice() {
  const occupied = publishing.error instanceof Refused && publishing.error.status === 409;
  const words = occupied
    ? `Somebody else publishes on the stage “${stage}” already.`
    : (cameraTrouble ?? serverTrouble ?? publishing.error ?? watching.error)?.message ?? "";
  by("notice").hidden = !words;
  if (by("notice-text").textContent !== words) by("notice-text").textContent = words;
  by("take-over").hidden = !occupied;
}
