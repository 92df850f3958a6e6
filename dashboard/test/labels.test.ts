// Texts: comparisons, list titles, totals, breakdown labels; and sparkline paths.

import { describe, expect, it } from "vitest";
import { recordsOfValue, valueLabel } from "../src/breakdown/labels";
import { sparklinePath } from "../src/breakdown/Sparkline";
import { makeFormats } from "../src/formats";
import { type Listing, conversations, formatListing, items, runs } from "../src/location/listing";
import { addedText, listTitle, retentionText, totalsTexts, updatesText } from "../src/records/labels";
import { changeText } from "../src/usage/change";

const formats = makeFormats(["en-US"]);
const TODAY = "2026-11-25";
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
    expect(totalsTexts(callFigures, formats)).toEqual([
      "42 calls",
      "31.20 voice minutes (exactly 1,872,000 ms)",
      "39 with a duration",
    ]);
    expect(totalsTexts(runFigures, formats)).toEqual(["1 run", "0 succeeded", "1 failed"]);
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

  it("links to its calls or runs", () => {
    expect(formatListing(recordsOfValue("number", "+1312"))).toBe("conversation:number=%2B1312");
    expect(formatListing(recordsOfValue("agent", null))).toBe("conversation:agent=");
    expect(formatListing(recordsOfValue("workflow", "w"))).toBe("workflow_execution:workflow=w");
  });
});

it("a sparkline starts at 0, and a single value is a horizontal line", () => {
  expect(sparklinePath([0, 5, 10])).toBe("M2.0 26.0L60.0 14.0L118.0 2.0");
  expect(sparklinePath([7])).toBe("M2.0 2.0L118.0 2.0");
  expect(sparklinePath([0, 0])).toBe("M2.0 26.0L118.0 26.0");
  expect(sparklinePath([])).toBe("");
});
