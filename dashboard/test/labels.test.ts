// Texts: comparisons, list titles, totals, breakdown labels; and sparkline paths.

import { describe, expect, it } from "vitest";
import { figureColumns, matchingRows, rowChange } from "../src/breakdown/columns";
import { valueLabel } from "../src/breakdown/labels";
import { wholeIntervals } from "../src/breakdown/series";
import { sparklinePath } from "../src/breakdown/Sparkline";
import { makeFormats } from "../src/formats";
import { type Listing, conversations, formatListing, items, runs } from "../src/location/listing";
import { type Dimension } from "../src/location/options";
import { addedText, listTitle, retentionText, totalsTexts, updatesText } from "../src/records/labels";
import { changeText } from "../src/usage/change";

const formats = makeFormats(["en-US"]);
const TODAY = "2026-11-25";
const ROW = {
  value: "a-1",
  name: "Reception",
  share: 1,
  series: null,
  comparison: null,
  total_calls: 11,
  voice_calls: 11,
  chat_calls: 0,
  inbound_calls: 11,
  outbound_calls: 0,
  timed_calls: 11,
  live_calls: 0,
  voice_minutes: 22,
  chat_minutes: 0,
  avg_call_duration_sec: 120,
  voice_duration_ms: 1_320_000,
  chat_duration_ms: 0,
};
const plain = (text: string) => text.replaceAll(/\s/gu, " ");

describe("a comparison", () => {
  const textOf = (change: number, percent: number | null, then = 12_320) =>
    changeText({ now: then + change, then, change, change_percent: percent }, formats.count, formats);

  it("has the change in percent, with a true minus, and the earlier figure", () => {
    expect(textOf(12, 12.4)).toEqual({ percent: "+12.4%", direction: "up", earlier: "was 12,320" });
    expect(textOf(-12, -4.2)).toEqual({ percent: "\u22124.2%", direction: "down", earlier: "was 12,320" });
    expect(textOf(0, 0)).toEqual({ percent: "0.0%", direction: "same", earlier: "was 12,320" });
  });

  it("has no percentage if the earlier figure is too small for one", () => {
    expect(textOf(35_753, 155_447.8, 23)).toEqual({ percent: null, direction: "up", earlier: "from 23" });
    expect(textOf(12, null, 0)).toEqual({ percent: null, direction: "up", earlier: "was 0" });
  });

  it("uses the browser's locale for numbers, with Latin digits", () => {
    expect(plain(makeFormats(["de-DE"]).change(12.4))).toBe("+12,4 %");
    expect(makeFormats(["ar-EG"]).count(12)).toBe("12");
  });
});

describe("a list's title", () => {
  const range = { from: "2026-11-01", to: "2026-11-22" };
  it.each<[Listing, string | null, string]>([
    [conversations(), null, "Calls, Nov 1 – 22"],
    [conversations({ agent: "a" }), "Reception", "Calls of Reception, Nov 1 – 22"],
    [conversations({ agent: "a" }), null, "Calls of a, Nov 1 – 22"],
    [conversations({ agent: "" }), null, "Calls without an agent, Nov 1 – 22"],
    [conversations({ day: "2026-11-03", modality: "voice" }), null, "Voice calls, Nov 3"],
    [conversations({ modality: "chat", channel: "email" }), null, "Chat sessions by email, Nov 1 – 22"],
    [conversations({ direction: "inbound" }), null, "Inbound calls, Nov 1 – 22"],
    [conversations({ has_duration: "true" }), null, "Calls with a duration, Nov 1 – 22"],
    [conversations({ live: "true" }), null, "Calls in progress, Nov 1 – 22"],
    [conversations({ stale: "true" }), null, "Silent calls, Nov 1 – 22"],
    [conversations({ number: "+1312" }), "Main line", "Calls on Main line, Nov 1 – 22"],
    [runs({ status: "failed" }), null, "Workflow runs that failed, Nov 1 – 22"],
    [runs({ workflow: "" }), null, "Workflow runs without a workflow, Nov 1 – 22"],
    [items("phone_number", { shared: "true" }), null, "Phone numbers on the shared pool"],
    [items("dataset", { active: "true" }), null, "Knowledge bases that are active"],
    [items("web_widget"), null, "Chat widgets"],
  ])("of %j names the list", (listing, name, title) => {
    expect(plain(listTitle(listing, name, range, TODAY, formats))).toBe(title);
  });
});

describe("totals", () => {
  const callFigures = {
    total_calls: 42,
    voice_calls: 40,
    chat_calls: 0,
    inbound_calls: 42,
    outbound_calls: 0,
    timed_calls: 39,
    live_calls: 0,
    voice_minutes: 31.2,
    chat_minutes: 0,
    avg_call_duration_sec: 48,
    voice_duration_ms: 1_872_000,
    chat_duration_ms: 0,
  };
  const runFigures = {
    workflow_runs_total: 1,
    workflow_runs_success: 0,
    workflow_runs_failed: 1,
    live_runs: 0,
  };

  it("are the API's figures, with exact milliseconds", () => {
    expect(totalsTexts(callFigures, formats)).toEqual({
      figures: ["42 calls", "31.20 voice minutes"],
      details: ["exactly 1,872,000 ms of voice", "39 with a duration"],
    });
    expect(totalsTexts(runFigures, formats).figures).toEqual(["1 run", "0 succeeded", "1 failed"]);
  });

  it("can be of one record", () => {
    expect(addedText({ total_calls: 1, voice_duration_ms: 95_000 }, formats)).toBe(
      "1 call, 95,000 ms of voice",
    );
    expect(addedText({}, formats)).toBe("nothing");
  });

  it("history texts say how long updates are kept", () => {
    expect([null, 0, 1, 30].map((days) => retentionText(days, 2))).toEqual([
      "All updates are kept.",
      "Only the current update is kept.",
      "Earlier updates are kept for 1 day.",
      "Earlier updates are kept for 30 days.",
    ]);
    expect(retentionText(null, 1)).toBe("");
  });

  it("history texts say how many updates were received", () => {
    expect(updatesText(1, formats)).toBe("1 update received.");
    expect(updatesText(1_200, formats)).toBe("1,200 updates received, the current one first.");
  });
});

describe("a breakdown value", () => {
  it("is labelled by its name, its id, or what is missing", () => {
    expect(valueLabel("agent", "agent_x", "Reception")).toBe("Reception");
    expect(valueLabel("agent", "agent_x", null)).toBe("agent_x");
    expect(valueLabel("agent", null, null)).toBe("Without an agent");
    expect(valueLabel("channel", "telephone", null)).toBe("Telephone");
    expect(valueLabel("channel", "pigeon", null)).toBe("pigeon");
  });
});

describe("a breakdown column", () => {
  const open = (by: Dimension, id: string, value: string) => {
    const column = figureColumns(by).find((known) => known.id === id);
    return column === undefined ? "" : formatListing(column.records(by, value));
  };

  it("links a figure to its calls or runs", () => {
    expect(open("number", "calls", "+1312")).toBe("conversation:number=%2B1312");
    expect(open("agent", "voice", "")).toBe("conversation:agent=,modality=voice");
    expect(open("agent", "average", "a")).toBe("conversation:agent=a,has_duration=true");
    expect(open("workflow", "failed", "w")).toBe("workflow_execution:workflow=w,status=failed");
  });

  it.each([
    [{ now: 11, then: 10, change: 1, change_percent: 10 }, "+10.0%", "was 10", 10],
    [{ now: 5, then: 0, change: 5, change_percent: null }, null, "was 0", Infinity],
    [{ now: 0, then: 0, change: 0, change_percent: null }, null, "was 0", 0],
  ])("of %j is sorted by its percentage, and last without one", (delta, percent, earlier, value) => {
    const row = { ...ROW, comparison: { total_calls: delta } };
    expect(rowChange(row, "calls", formats)).toMatchObject({ percent, earlier, value });
  });

  it("finds rows by name and by id", () => {
    const rows = [ROW, { ...ROW, value: "b-2", name: "Sales" }, { ...ROW, value: null, name: null }];
    expect(matchingRows(rows, "agent", " RECEP ").map(({ value }) => value)).toEqual(["a-1"]);
    expect(matchingRows(rows, "agent", "b-").map(({ value }) => value)).toEqual(["b-2"]);
    expect(matchingRows(rows, "agent", "without")).toHaveLength(1);
    expect(matchingRows(rows, "agent", "")).toHaveLength(3);
  });
});

describe("a sparkline", () => {
  it("starts at 0, and one value has no line", () => {
    expect(sparklinePath([0, 5, 10])).toBe("M2.0 26.0L60.0 14.0L118.0 2.0");
    expect(sparklinePath([0, 0])).toBe("M2.0 26.0L118.0 26.0");
    expect(sparklinePath([7])).toBe("");
    expect(sparklinePath([])).toBe("");
  });

  it("leaves out partial weeks and the day that is not over", () => {
    const weeks = ["2026-02-23", "2026-03-02", "2026-03-09"];
    const march = { from: "2026-03-01T00:00:00Z", to: "2026-03-13T00:00:00Z" };
    expect(wholeIntervals(weeks, "week", march, "2026-04-01")).toEqual([false, true, false]);
    const days = ["2026-03-14", "2026-03-15"];
    const now = { from: "2026-03-14T00:00:00Z", to: "2026-03-16T00:00:00Z" };
    expect(wholeIntervals(days, "day", now, "2026-03-15")).toEqual([true, false]);
  });
});
