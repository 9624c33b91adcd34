// The wire to a stage: its state at each change, its figures each second, and our orders.

import { askJson, order, Refused, Unreachable } from "./api.js";
import { pause } from "./pause.js";
import { subprotocols } from "./token.js";

const PAUSES_MS = [500, 1_000, 2_000, 3_000];
const ASK_MS = 1_000;
const ASK_TIMES = 15; // between two tries of the WebSocket
const SILENCE_MS = 6_000; // figures come each second: after this long nobody is there
const REMOVED = "the stage was removed";

/**
 * A WebSocket to `/stages/{name}/control`; where none opens, a question each second instead.
 * Events: `state` and `stats` with what came as `detail`; `change`, then look at `mode` (away,
 * told, asking, removed) and `trouble`, the error that keeps us away.
 */
export class Wire extends EventTarget {
  mode = "away";
  trouble = null;
  #stage;
  #socket = null;
  #turn = 0;
  #number = 0;
  #waiting = new Map();

  constructor(stage) {
    super();
    this.#stage = stage;
  }

  /** Stay in touch from now on; called again, start anew at once. */
  async open() {
    const turn = this.close();
    let failures = 0;
    while (turn === this.#turn && this.mode !== "removed") {
      const entered = await this.#ask("PUT"); // makes the stage, also after the server forgot it
      if (turn !== this.#turn) return;
      const told = entered && (await this.#listen(turn));
      if (entered && !told) await this.#keepAsking(turn);
      failures = entered ? 0 : failures + 1;
      if (this.mode !== "removed") await pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]);
    }
  }

  close() {
    this.#socket?.close();
    if (this.mode === "removed") this.mode = "away";
    this.#turn += 1;
    return this.#turn;
  }

  /** Send an order; gives the state after it, or throws `Refused` or `Unreachable`. */
  async send(patch) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return (await order(this.#stage, patch)).state;
    const id = `page-${(this.#number += 1)}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ ...patch, id }));
    });
  }

  /** One question; true when it was answered. */
  async #ask(method) {
    try {
      const { state, stats } = await askJson(`/stages/${this.#stage}`, { method });
      if (this.trouble) this.#become(this.mode, null);
      this.#tell("state", state);
      this.#tell("stats", stats);
      return true;
    } catch (error) {
      this.#become("away", error);
      return false;
    }
  }

  async #keepAsking(turn) {
    for (let times = 0; times < ASK_TIMES && turn === this.#turn; times += 1) {
      this.#become("asking", null);
      await pause(ASK_MS);
      if (!(await this.#ask("GET"))) return;
    }
  }

  /** One WebSocket from its start to its end; false when it did not even open. */
  #listen(turn) {
    const address = new URL(`/stages/${this.#stage}/control`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(address, subprotocols()));
    return new Promise((resolve) => {
      let opened = false;
      let patience = 0;
      const end = ({ reason = "" } = {}) => {
        clearTimeout(patience);
        if (turn === this.#turn && opened) this.#become(reason === REMOVED ? "removed" : "away", null);
        this.#lose(socket);
        resolve(opened);
      };
      const heard = () => {
        clearTimeout(patience);
        patience = setTimeout(end, SILENCE_MS);
      };
      heard();
      socket.addEventListener("open", () => {
        opened = true;
        this.#become("told", null);
      });
      socket.addEventListener("message", ({ data }) => {
        heard();
        this.#take(JSON.parse(data));
      });
      socket.addEventListener("close", end);
    });
  }

  #take(message) {
    if ("state" in message && !("ok" in message)) this.#tell("state", message.state);
    else if ("stats" in message) this.#tell("stats", message.stats);
    else this.#settle(message);
  }

  #settle({ id, ok, state, errors }) {
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (ok) resolve?.(state);
    else reject?.(new Refused(422, { errors, detail: errors[0]?.message }));
  }

  #lose(socket) {
    socket.close();
    if (this.#socket === socket) this.#socket = null;
    for (const { reject } of this.#waiting.values()) reject(new Unreachable("The server does not answer."));
    this.#waiting.clear();
  }

  #become(mode, trouble) {
    if (mode === this.mode && trouble === this.trouble) return;
    this.mode = mode;
    this.trouble = trouble;
    this.dispatchEvent(new Event("change"));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
