// What the values of a split are called, pure.

import { type By } from "../range/options";
import { type Listing, conversations, runs } from "../range/listing";

const WITHOUT: Readonly<Record<By, string>> = {
  agent: "Without an agent",
  number: "Without a number",
  widget: "Without a widget",
  workflow: "Without a workflow",
  channel: "Without a channel",
};
const CHANNELS: Readonly<Record<string, string>> = {
  telephone: "Telephone",
  webrtc: "Web call or chat (WebRTC)",
  text: "Text messages",
  email: "Email",
};

export function channelWords(channel: string): string {
  return CHANNELS[channel] ?? channel;
}

/** A row's name: that of the inventory, the value itself, or that there is none. */
export function valueWords(by: By, value: string | null, name: string | null): string {
  if (value === null) return WITHOUT[by];
  return by === "channel" ? channelWords(value) : (name ?? value);
}

/** The records of one value. */
export function recordsOf(by: By, value: string | null): Listing {
  const only = value ?? "";
  return by === "workflow" ? runs({ workflow: only }) : conversations({ [by]: only });
}
