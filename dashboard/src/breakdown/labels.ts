// Labels of breakdown values. Pure functions.

import { type Dimension } from "../location/options";

const MISSING_LABELS: Readonly<Record<Dimension, string>> = {
  agent: "Without an agent",
  number: "Without a number",
  widget: "Without a widget",
  workflow: "Without a workflow",
  channel: "Without a channel",
};
/** Singular and plural of a dimension's values. */
export const DIMENSION_NOUNS: Readonly<Record<Dimension, readonly [string, string]>> = {
  agent: ["agent", "agents"],
  number: ["number", "numbers"],
  widget: ["widget", "widgets"],
  workflow: ["workflow", "workflows"],
  channel: ["channel", "channels"],
};
/** The head of the column of names. */
export const COLUMN_NOUNS: Readonly<Record<Dimension, string>> = {
  agent: "Agent",
  number: "Number",
  widget: "Widget",
  workflow: "Workflow",
  channel: "Channel",
};
const CHANNEL_LABELS: Readonly<Record<string, string>> = {
  telephone: "Telephone",
  webrtc: "Web (WebRTC)",
  text: "Text messages",
  email: "Email",
};

export function channelLabel(channel: string): string {
  return CHANNEL_LABELS[channel] ?? channel;
}

/** Return the inventory name of a value, else the value itself; a label for null. */
export function valueLabel(by: Dimension, value: string | null, name: string | null): string {
  if (value === null) return MISSING_LABELS[by];
  return by === "channel" ? channelLabel(value) : (name ?? value);
}
