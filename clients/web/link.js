// A link: one WHIP or WHEP session and the next, for as long as it is wanted.

import { Refused } from "./api.js";
import { pause } from "./pause.js";

const PAUSES_MS = [500, 1_000, 2_000, 4_000];
const BREATH_MS = 300; // after a loss: the news that the stage was removed may be on its way

/**
 * Keeps a session up: connects, and after a loss or a failure tries again with growing pauses,
 * until it is closed or the server refuses in a way that trying again cannot mend.
 * Events: `change`; then look at `state` (off, connecting, on, waiting, refused) and `error`.
 */
export class Link extends EventTarget {
  state = "off";
  error = null;
  #session = null;
  #turn = 0;
  #connect;
  #isFinal;

  constructor(connect, isFinal = cannotBeMended) {
    super();
    this.#connect = connect;
    this.#isFinal = isFinal;
  }

  /** Start, or start again at once. */
  async open() {
    const turn = this.#leave();
    for (let failures = 0; turn === this.#turn && this.state !== "refused"; failures += 1) {
      this.#become(failures ? "waiting" : "connecting", this.error);
      if (failures) await pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1]);
      if (turn === this.#turn && (await this.#attempt(turn))) failures = 0;
    }
  }

  close() {
    this.#leave();
    this.#become("off", null);
  }

  /** One session from its start to its end; true when it once was up. */
  async #attempt(turn) {
    try {
      await this.#session?.close(); // or the stage would be occupied, by ourselves
      const session = await this.#connect();
      if (turn !== this.#turn) return await session.close();
      this.#session = session;
      this.#become("on", null);
      await session.lost();
      if (turn === this.#turn) this.#become("waiting", null);
      await pause(BREATH_MS);
      return true;
    } catch (error) {
      if (turn === this.#turn) this.#become(this.#isFinal(error) ? "refused" : "waiting", error);
      return false;
    }
  }

  #leave() {
    this.#session?.close();
    this.#become("off", null);
    this.#turn += 1;
    return this.#turn;
  }

  #become(state, error) {
    this.state = state;
    this.error = error;
    this.dispatchEvent(new Event("change"));
  }
}

/** Trying again helps when nobody answers, when the server is busy, or comes up. */
function cannotBeMended(error) {
  return error instanceof Refused && error.status < 500 && error.status !== 404 && error.status !== 429;
}
