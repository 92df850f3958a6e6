// The samples of breakdowns, records, histories and inventories: parsed by the page's own validators, and rendered.

import { readFileSync } from "node:fs";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, within } from "@testing-library/react";
import * as v from "valibot";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Breakdown, History, RecordsPage } from "../src/api/lists";
import { Rows } from "../src/drives/Rows";
import { formats } from "../src/formats";
import { HistoryView } from "../src/records/HistoryView";
import { List } from "../src/records/List";
import { addsWords } from "../src/records/words";

const RANGE = { from: "2026-02-28", to: "2026-03-03" };
const TODAY = "2026-03-15";

function sample(name: string): unknown {
  return JSON.parse(readFileSync(`../tests/contract/${name}.json`, "utf8"));
}

function show(element: React.ReactNode) {
  return render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient()}>{element}</QueryClientProvider>
    </MantineProvider>,
  );
}

/** The server answers everything with one sample, parts of it perhaps changed. */
function answer(name: string, changed: object = {}) {
  vi.stubGlobal(
    "fetch",
    vi.fn(() => Promise.resolve(Response.json({ ...(sample(name) as object), ...changed }))),
  );
}

beforeEach(() => {
  window.history.replaceState(null, "", "/organization/usage?organization_id=acme");
});

describe("the validators take what the server writes", () => {
  it.each([
    ["breakdown", Breakdown],
    ["records", RecordsPage],
    ["inventory", RecordsPage],
    ["history", History],
  ])("%s", (name, shape) => {
    expect(v.safeParse(shape, sample(name)).issues).toBeUndefined();
  });

  it("and refuse what it never writes", () => {
    const page = sample("records") as Record<string, unknown>;
    expect(v.safeParse(RecordsPage, { ...page, kind: "agent" }).success).toBe(false);
    expect(v.safeParse(RecordsPage, { ...page, records: null }).success).toBe(false);
    expect(v.safeParse(Breakdown, { ...(sample("breakdown") as object), rows: [{}] }).success).toBe(false);
  });
});

describe("the samples are rendered", () => {
  it("every value of a breakdown is a link to its records, with its figure and share", () => {
    const breakdown = v.parse(Breakdown, sample("breakdown"));
    show(<Rows by="agent" order="calls" breakdown={breakdown} />);
    const links = screen.getAllByRole("link");
    expect(links).toHaveLength(breakdown.rows.length);
    breakdown.rows.forEach((row, index) => {
      const text = links[index]?.textContent ?? "";
      expect(text).toContain(row.value === null ? "Without an agent" : (row.name ?? row.value));
      expect(text).toContain(formats.share(row.share));
      expect(text).toContain("total_calls" in row ? formats.count(row.total_calls) : "");
      expect(links[index]?.getAttribute("href")).toContain(`records=conversation:agent=${row.value ?? ""}`);
    });
  });

  it("a list shows the API's rows and, at its foot, the API's sums", async () => {
    const page = v.parse(RecordsPage, sample("records"));
    if (page.kind !== "conversation" || page.totals === null) throw new Error("the sample is another one");
    answer("records");
    const listing = { kind: "conversation", filter: {} } as const;
    show(<List organization="acme" range={RANGE} today={TODAY} listing={listing} opened={null} />);
    const rows = within(await screen.findByRole("table")).getAllByRole("row");
    expect(rows).toHaveLength(page.records.length + 1);
    page.records.forEach((record, index) => {
      expect(rows[index + 1]?.textContent).toContain(record.id);
      if (record.duration_ms === null) expect(rows[index + 1]?.textContent).toContain("–");
    });
    const sum = screen.getByRole("status").textContent;
    expect(sum).toContain(`${formats.count(page.totals.total_calls)} calls`);
    expect(sum).toContain(`exactly ${formats.count(page.totals.voice_duration_ms)} ms`);
    expect(sum).toContain(`${page.records.length} rows are shown`);
    expect(screen.getByRole("button", { name: "Load more" })).toBeTruthy();
  });

  it("an inventory's list ends with the API's total", async () => {
    answer("inventory");
    const listing = { kind: "phone_number", filter: {} } as const;
    show(<List organization="acme" range={RANGE} today={TODAY} listing={listing} opened={null} />);
    await screen.findByRole("table");
    expect(screen.getByRole("status").textContent).toContain("2 phone numbers");
    expect(screen.queryByRole("link", { name: "Export as CSV" })).toBeNull();
  });

  it("a history says of every state why it counts or not, and what the first one adds", async () => {
    const history = v.parse(History, sample("history"));
    answer("history");
    show(<HistoryView organization="acme" record={{ kind: "conversation", id: history.id }} />);
    const states = await screen.findAllByRole("article");
    expect(states).toHaveLength(history.states.length);
    history.states.forEach(({ why, adds, event }, index) => {
      const text = states[index]?.textContent ?? "";
      expect(text).toContain(why);
      expect(text).toContain(event.id);
      expect(text.includes("Adds")).toBe(index === 0);
      if (index === 0) expect(text).toContain(addsWords(adds, formats));
    });
    expect(screen.queryByRole("link")).toBeNull();
  });

  it("the history of a call that is counted as another one leads to that one, and none of its states counts", async () => {
    answer("history", { linked_to: "vapi:call-9" });
    show(<HistoryView organization="acme" record={{ kind: "conversation", id: "call-1" }} />);
    const link = await screen.findByRole("link", { name: "vapi:call-9, show its history" });
    expect(link.getAttribute("href")).toContain("record=conversation:vapi%253Acall-9");
    const said = screen.getByRole("region", { name: "History" }).textContent;
    expect(said).toContain(
      "This is the other side of a call that is counted as vapi:call-9; it adds nothing.",
    );
    expect(said).toContain("the current one first");
    expect(said).not.toContain("counts");
  });

  it("the history of the one that is counted leads to every other one", async () => {
    answer("history", { linked: ["twilio:CA1", "twilio:CA2"] });
    show(<HistoryView organization="acme" record={{ kind: "conversation", id: "call-1" }} />);
    await screen.findByText("The same call was also told of as:");
    const links = screen.getAllByRole("link").map((link) => link.textContent);
    expect(links).toEqual(["twilio:CA1", "twilio:CA2"]);
  });
});
