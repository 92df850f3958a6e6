// Words: how figures compare, what is listed, what it adds up to, what values are called; and the small lines.

import { describe, expect, it } from "vitest";
import { pathOf } from "../src/drives/Sparkline";
import { recordsOf, valueWords } from "../src/drives/words";
import { makeFormats } from "../src/format";
import { type Listing, conversations, formatListing, items, runs } from "../src/range/listing";
import { addsWords, keptWords, statesWords, titleOf, totalsWords } from "../src/records/words";
import { deltaWords } from "../src/usage/delta";

const formats = makeFormats(["en-US"]);
const TODAY = "2026-11-25";
const plain = (text: string) => text.replaceAll(/\s/gu, " ");

describe("a comparison", () => {
  const then = { from: "2026-10-01T00:00:00Z", to: "2026-10-23T00:00:00Z" };
  const cut = { from: "2026-10-01T00:00:00Z", to: "2026-10-25T06:00:00Z" };
  const words = (change: number, percent: number | null, days = then) => {
    const delta = { now: 0, then: 0, change, change_percent: percent };
    const said = deltaWords(delta, "calls", { then: days }, TODAY, formats);
    return plain(`${said.change} ${said.days}`);
  };

  it("says by how much, and names the days", () => {
    expect(words(12, 12.4)).toBe("+12.4% against Oct 1 – 22");
    expect(words(-12, -100)).toBe("-100.0% against Oct 1 – 22");
    expect(words(1, 0)).toBe("+0.0% against Oct 1 – 22");
  });

  it("names the hour where a day is cut", () => {
    expect(words(12, 12.4, cut)).toBe("+12.4% against Oct 1 – Oct 25, 06:00 UTC");
  });

  it("names the year where it is another", () => {
    const year = { from: "2025-10-01T00:00:00Z", to: "2025-10-25T06:00:00Z" };
    expect(words(12, 12.4, year)).toBe("+12.4% against Oct 1, 2025 – Oct 25, 2025, 06:00 UTC");
  });

  it("has words where there is no percentage, and where nothing changed", () => {
    expect(words(12, null)).toBe("no calls Oct 1 – 22");
    expect(words(0, 0)).toBe("no change against Oct 1 – 22");
  });

  it("follows the reader's language in its numbers", () => {
    expect(plain(makeFormats(["de-DE"]).change(12.4))).toBe("+12,4 %");
  });
});

describe("a list's title", () => {
  const range = { from: "2026-11-01", to: "2026-11-22" };
  it.each<[Listing, string | null, string]>([
    [conversations(), null, "Conversations, Nov 1 – 22"],
    [conversations({ agent: "a" }), "Reception", "Conversations of Reception, Nov 1 – 22"],
    [conversations({ agent: "a" }), null, "Conversations of a, Nov 1 – 22"],
    [conversations({ agent: "" }), null, "Conversations without an agent, Nov 1 – 22"],
    [conversations({ day: "2026-11-03", modality: "voice" }), null, "Voice calls, Nov 3"],
    [conversations({ modality: "chat", channel: "email" }), null, "Chat sessions by email, Nov 1 – 22"],
    [conversations({ direction: "inbound" }), null, "Inbound conversations, Nov 1 – 22"],
    [conversations({ has_duration: "true" }), null, "Conversations with a duration, Nov 1 – 22"],
    [conversations({ live: "true" }), null, "Live conversations, Nov 1 – 22"],
    [conversations({ stale: "true" }), null, "Silent conversations, Nov 1 – 22"],
    [conversations({ number: "+1312" }), "Main line", "Conversations on Main line, Nov 1 – 22"],
    [runs({ status: "failed" }), null, "Workflow runs that failed, Nov 1 – 22"],
    [runs({ workflow: "" }), null, "Workflow runs without a workflow, Nov 1 – 22"],
    [items("phone_number", { shared: "true" }), null, "Phone numbers on the shared pool"],
    [items("dataset", { active: "true" }), null, "Knowledge bases that are active"],
    [items("web_widget"), null, "Chat widgets"],
  ])("of %j says what is listed", (listing, name, title) => {
    expect(plain(titleOf(listing, name, range, TODAY, formats))).toBe(title);
  });
});

describe("sums", () => {
  const calls = {
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
  const found = {
    workflow_runs_total: 1,
    workflow_runs_success: 0,
    workflow_runs_failed: 1,
    live_runs: 0,
  };

  it("are the API's, with the exact milliseconds beside the minutes", () => {
    expect(totalsWords(calls, formats)).toEqual([
      "42 calls",
      "31.20 voice minutes (exactly 1,872,000 ms)",
      "39 with a duration",
    ]);
    expect(totalsWords(found, formats)).toEqual(["1 run", "0 succeeded", "1 failed"]);
  });

  it("say what one record adds, in words", () => {
    expect(addsWords({ total_calls: 1, voice_duration_ms: 95_000 }, formats)).toBe(
      "1 call, 95,000 ms of voice",
    );
    expect(addsWords({}, formats)).toBe("nothing");
  });

  it("say how long states are kept", () => {
    expect([null, 0, 1, 30].map(keptWords)).toEqual([
      "Every state that ever arrived is kept.",
      "No history is kept: only the state that counts.",
      "States that do not count are kept for 1 day.",
      "States that do not count are kept for 30 days.",
    ]);
  });

  it("says how many states there are, none of which counts where another record does", () => {
    expect(statesWords(1, null, formats)).toBe("1 state, the one that counts.");
    expect(statesWords(1_200, null, formats)).toBe("1,200 states, the one that counts first.");
    expect(statesWords(1, "vapi:call-9", formats)).toBe("1 state, the current one.");
    expect(statesWords(2, "vapi:call-9", formats)).toBe("2 states, the current one first.");
  });
});

describe("a value of a split", () => {
  it("is called by its name, by itself, or by what is missing", () => {
    expect(valueWords("agent", "agent_x", "Reception")).toBe("Reception");
    expect(valueWords("agent", "agent_x", null)).toBe("agent_x");
    expect(valueWords("agent", null, null)).toBe("Without an agent");
    expect(valueWords("channel", "telephone", null)).toBe("Telephone");
    expect(valueWords("channel", "pigeon", null)).toBe("pigeon");
  });

  it("leads to its records", () => {
    expect(formatListing(recordsOf("number", "+1312"))).toBe("conversation:number=%2B1312");
    expect(formatListing(recordsOf("agent", null))).toBe("conversation:agent=");
    expect(formatListing(recordsOf("workflow", "w"))).toBe("workflow_execution:workflow=w");
  });
});

it("a small line begins at 0, and one day alone is level", () => {
  expect(pathOf([0, 5, 10])).toBe("M2.0 26.0L60.0 14.0L118.0 2.0");
  expect(pathOf([7])).toBe("M2.0 2.0L118.0 2.0");
  expect(pathOf([0, 0])).toBe("M2.0 26.0L118.0 26.0");
  expect(pathOf([])).toBe("");
});
