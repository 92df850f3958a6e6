// The filter of the whole page: one agent, number, widget, channel or workflow. In the URL: `filter=agent:ID`, with the id
// percent-encoded, and `filter=agent:` for calls without an agent. Pure functions.

import { CHANNELS } from "./listing";
import { DIMENSION_LABELS, type Dimension, type Grain, isKeyOf } from "./options";

export interface PageFilter {
  readonly by: Dimension;
  /** Empty for calls or runs without a value. */
  readonly value: string;
}

export function formatFilter({ by, value }: PageFilter): string {
  return `${by}:${value}`;
}

/** Parse a filter; null if the text is invalid. */
export function parseFilter(text: string): PageFilter | null {
  const colon = text.indexOf(":");
  const by = text.slice(0, Math.max(colon, 0));
  const value = text.slice(colon + 1);
  if (!isKeyOf(DIMENSION_LABELS, by)) return null;
  if (by === "channel" && value !== "" && !CHANNELS.includes(value)) return null;
  return { by, value };
}

/** Return the API's parameter of a filter. */
export function filterParameters(filter: PageFilter | null): Record<string, string> {
  return filter === null ? {} : { [filter.by]: filter.value };
}

/** Whether the summary does not have the figures of a selection: another grain than days, or a filter. */
export function needsSeries(grain: Grain, filter: PageFilter | null): boolean {
  return grain !== "day" || filter !== null;
}

/** Whether the filter selects workflow runs; the others select calls. */
export function filtersRuns({ by }: PageFilter): boolean {
  return by === "workflow";
}
