// The person's camera and microphone, and what stands in their way in words.

import { make } from "./dom.js";

/** Something keeps us from the camera; the message says what to do. */
class NoCamera extends Error {}

const REASONS = {
  NotAllowedError: "The browser may not use your camera. Allow it beside the address, then press Start again.",
  NotFoundError: "No camera was found. Plug one in, then press Start again.",
  NotReadableError: "The camera is in use by another program. Close it, then press Start again.",
  AbortError: "The camera did not start. Unplug it and plug it in again, then press Start.",
  OverconstrainedError: "This camera is not there any more. Choose another one, then press Start again.",
};
const NO_MICROPHONE = "No microphone was found. Plug one in, or turn the microphone off, then press Start again.";
const INSECURE =
  "Browsers open cameras only for pages from this machine or over https. Start the server with --tls self-signed, or open this page at localhost.";

/** A stream of the wanted devices, size and frames a second, or `NoCamera`. */
export async function openCamera({ device, width, height, rate, microphone, sound }) {
  if (!navigator.mediaDevices) throw new NoCamera(INSECURE);
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: rate, max: rate } };
  if (device) video.deviceId = { exact: device };
  const audio = microphone && (sound ? { deviceId: { exact: sound } } : true);
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio });
    for (const track of stream.getVideoTracks()) track.contentHint = "motion";
    return stream;
  } catch (error) {
    throw new NoCamera(await reason(error, microphone));
  }
}

/** Fill a select with the devices of a kind, keeping the choice; gives how many there are. */
export async function listDevices(kind, select, name) {
  if (!navigator.mediaDevices) return 0;
  const all = await navigator.mediaDevices.enumerateDevices();
  const devices = all.filter((device) => device.kind === kind && device.deviceId);
  if (!devices.length) return 0;
  const chosen = select.value;
  const options = devices.map(({ deviceId, label }, index) =>
    make("option", { value: deviceId }, label || `${name} ${index + 1}`),
  );
  select.replaceChildren(...options);
  if (devices.some(({ deviceId }) => deviceId === chosen)) select.value = chosen;
  return devices.length;
}

async function reason(error, microphone) {
  if (error.name === "NotFoundError" && microphone) {
    const all = await navigator.mediaDevices.enumerateDevices();
    if (all.some(({ kind }) => kind === "videoinput")) return NO_MICROPHONE;
  }
  return REASONS[error.name] ?? `The camera could not be opened: ${error.message}`;
}
