// What the page says of itself: a few words in the head, and a notice when something is wrong.

import { Refused, Unreachable } from "./api.js";
import { by, write } from "./dom.js";
import { isFilmed } from "./figures.js";

/** Bring the words in line with what is so. */
export function showStatus(facts) {
  const [mood, words] = statusWords(facts);
  by("status").dataset.mood = mood;
  write(by("status"), words);
  showNotice(facts);
}

function statusWords({ wire, publication: { stream, link }, state }) {
  if (wire.trouble instanceof Unreachable) return ["bad", "Server away, trying again"];
  if (wire.trouble) return ["bad", "Refused"];
  if (wire.mode === "removed") return ["bad", "Removed"];
  if (stream && link.state === "on") return ["good", "Live"];
  if (stream && link.state === "refused") return ["bad", "Not live"];
  if (stream) return ["busy", link.state === "waiting" ? "Connecting again" : "Connecting"];
  if (isFilmed(state)) return ["good", "Live from elsewhere"];
  return ["quiet", "Ready"];
}

function showNotice({ wire, publication, screen, stage }) {
  const { link } = publication;
  const occupied = link.error instanceof Refused && link.error.status === 409;
  const error = publication.error ?? wire.trouble ?? link.error ?? screen.link.error;
  const words = noticeWords({ occupied, removed: wire.mode === "removed", error, stage });
  by("notice").hidden = !words;
  write(by("notice-text"), words);
  by("take-over").hidden = !occupied;
  by("make-again").hidden = wire.mode !== "removed";
  by("token-form").hidden = !(error instanceof Refused && error.wantsToken);
  by("asking").hidden = wire.mode !== "asking";
}

function noticeWords({ occupied, removed, error, stage }) {
  if (removed) return `The stage “${stage}” was deleted.`;
  if (occupied) return `Somebody else publishes on the stage “${stage}” already.`;
  if (error instanceof Unreachable) return "The server does not answer. Is it running? This page tries again every few seconds.";
  return error?.message ?? "";
}
