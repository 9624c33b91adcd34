// WHIP (RFC 9725) and WHEP: one session each, and how it is kept up.

import { ask, Unreachable } from "./api.js";

const GATHERING_MS = 300;
const CONNECTING_MS = 10_000;
const PATIENCE_MS = 3_000;
const VIDEO_LIMIT = 4_000_000;
const START_BITS_PER_PIXEL = 0.09;

/** Send `stream` to `url`; resolves to a session once media flows. */
export async function publish(url, stream) {
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const track of stream.getTracks()) {
    const transceiver = peer.addTransceiver(track, { direction: "sendonly", streams: [stream] });
    if (track.kind !== "video") continue;
    preferH264(transceiver, RTCRtpSender);
    await limit(transceiver.sender);
  }
  const { width, height, frameRate } = stream.getVideoTracks()[0].getSettings();
  const start = Math.round((width * height * (frameRate || 30) * START_BITS_PER_PIXEL) / 1_000);
  return connect(peer, url, (answer) => startingAt(start, answer));
}

/** Receive from `url`; tracks are handed to `onTrack(track)` as they come. */
export async function watch(url, onTrack) {
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const kind of ["video", "audio"]) {
    const transceiver = peer.addTransceiver(kind, { direction: "recvonly" });
    if (kind === "video") preferH264(transceiver, RTCRtpReceiver);
    lowDelay(transceiver.receiver);
  }
  peer.ontrack = ({ track }) => onTrack(track);
  return connect(peer, url);
}

/** Frame rate matters more than sharpness when bandwidth or processor time run short. */
async function limit(sender) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = "maintain-framerate";
  for (const encoding of parameters.encodings) encoding.maxBitrate = VIDEO_LIMIT;
  await sender.setParameters(parameters);
}

function lowDelay(receiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
  else receiver.playoutDelayHint = 0;
}

/** Baseline H.264 first: it costs the browser less than half of what VP8 does; all stay offered. */
function preferH264(transceiver, { getCapabilities }) {
  const rank = ({ mimeType, sdpFmtpLine = "" }) => {
    if (mimeType !== "video/H264") return 2;
    return /packetization-mode=1/.test(sdpFmtpLine) && /profile-level-id=42e0/.test(sdpFmtpLine) ? 0 : 1;
  };
  const codecs = getCapabilities("video").codecs.sort((one, other) => rank(one) - rank(other));
  transceiver.setCodecPreferences?.(codecs);
}

/**
 * The answer with Chromium's own parameter for the first bitrate, kbit/s. Without it Chromium
 * starts at 300, at a quarter of the picture's size, and stays there for half a minute.
 */
function startingAt(bitrate, answer) {
  const [, type] = /^m=video \d+ \S+ (\d+)/m.exec(answer) ?? [];
  if (!type) return answer;
  const parameter = `x-google-start-bitrate=${bitrate}`;
  const format = new RegExp(`^a=fmtp:${type} .*$`, "m");
  if (format.test(answer)) return answer.replace(format, `$&;${parameter}`);
  const codec = new RegExp(`^a=rtpmap:${type} .*$`, "m");
  return answer.replace(codec, `$&\r\na=fmtp:${type} ${parameter}`);
}

async function connect(peer, url, edit = (answer) => answer) {
  const session = new Session(peer);
  try {
    await session.negotiate(url, edit);
    await session.connected();
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

class Session {
  #resource = null;
  #closing = null;

  constructor(peer) {
    this.peer = peer;
  }

  async negotiate(url, edit) {
    await this.peer.setLocalDescription();
    await gathered(this.peer);
    const response = await ask(url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: this.peer.localDescription.sdp,
    });
    this.#resource = new URL(response.headers.get("Location"), response.url);
    await this.peer.setRemoteDescription({ type: "answer", sdp: edit(await response.text()) });
  }

  async connected() {
    const came = await until(this.peer, () => isUp(this.peer), CONNECTING_MS);
    if (!came) throw new Error(whyNot(this.peer));
  }

  /** Resolves when the connection is lost for good or for longer than a hiccup. */
  async lost() {
    do {
      await until(this.peer, () => !isUp(this.peer));
      await until(this.peer, () => this.peer.connectionState !== "disconnected", PATIENCE_MS);
    } while (isUp(this.peer));
  }

  /** Leave, and resolve once the server knows or cannot be reached; then it may be called again. */
  close() {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end() {
    try {
      if (this.#resource) await ask(this.#resource, { method: "DELETE", keepalive: true });
      this.#resource = null;
    } catch (error) {
      if (error instanceof Unreachable) this.#closing = null;
      else this.#resource = null; // it has forgotten us already
    } finally {
      this.peer.close();
    }
  }
}

function gathered(peer) {
  const done = () => peer.iceGatheringState === "complete";
  return until(peer, done, GATHERING_MS);
}

/** Whether media can flow; a server that leaves closes DTLS, which Chromium's peer does not show. */
function isUp(peer) {
  return peer.connectionState === "connected" && !transports(peer).some(({ state }) => state === "closed");
}

const transports = (peer) => peer.getSenders().map(({ transport }) => transport).filter(Boolean);

/** True once `met()` holds, false after `milliseconds`; looks at each change of the peer's states. */
function until(peer, met, milliseconds) {
  if (met()) return Promise.resolve(true);
  return new Promise((resolve) => {
    const watched = new AbortController();
    const end = () => {
      watched.abort();
      clearTimeout(timer);
      resolve(met());
    };
    const timer = milliseconds && setTimeout(end, milliseconds);
    const look = () => met() && end();
    for (const source of [peer, ...transports(peer)]) {
      for (const event of ["connectionstatechange", "icegatheringstatechange", "statechange"]) {
        source.addEventListener(event, look, { signal: watched.signal });
      }
    }
  });
}

function whyNot(peer) {
  const candidates = peer.localDescription?.sdp.includes("a=candidate");
  if (candidates) return "No media connection to the server: is UDP blocked between it and you?";
  return "The browser offers no network address. On a machine without any network, start Chromium with --allow-loopback-in-peer-connection.";
}
