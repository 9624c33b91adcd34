// The person's camera and microphone, and what stands in their way in words.

import { make } from "./dom.js";

/** Something keeps us from the camera; the message says what to do. */
export class NoCamera extends Error {}

const REASONS = {
  NotAllowedError: "The browser may not use your camera. Allow it beside the address, then press Start again.",
  NotFoundError: "No camera was found. Plug one in, then press Start again.",
  NotReadableError: "The camera is in use by another program. Close it, then press Start again.",
};

/** A stream of the wanted device and size, or `NoCamera`. */
export async function openCamera({ device, width, height, microphone }) {
  if (!navigator.mediaDevices) throw new NoCamera(insecure());
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30, max: 30 } };
  if (device) video.deviceId = { exact: device };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio: microphone });
    for (const track of stream.getVideoTracks()) track.contentHint = "motion";
    return stream;
  } catch (error) {
    throw new NoCamera(REASONS[error.name] ?? `The camera could not be opened: ${error.message}`);
  }
}

/** Fill a select with the cameras there are, keeping the choice. */
export async function listCameras(select) {
  if (!navigator.mediaDevices) return;
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput" && device.deviceId);
  if (!cameras.length) return;
  const chosen = select.value;
  const options = cameras.map(({ deviceId, label }, index) =>
    make("option", { value: deviceId }, label || `Camera ${index + 1}`),
  );
  select.replaceChildren(...options);
  if (cameras.some((camera) => camera.deviceId === chosen)) select.value = chosen;
}

function insecure() {
  return "Browsers open cameras only for pages from this machine or over https. Start the server with --tls self-signed, or open this page at localhost.";
}
