// Sample responses of breakdown, records, history and inventory are parsed with the page's schemas and rendered.

import { readFileSync } from "node:fs";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, within } from "@testing-library/react";
import * as v from "valibot";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Breakdown } from "../src/api/breakdown";
import { RecordHistory, RecordsPage } from "../src/api/records";
import { BreakdownTable } from "../src/breakdown/BreakdownTable";
import { formats } from "../src/formats";
import { HistoryView } from "../src/records/HistoryView";
import { addedText } from "../src/records/labels";
import { RecordList } from "../src/records/RecordList";

const RANGE = { from: "2026-02-28", to: "2026-03-03" };
const TODAY = "2026-03-15";

function sample(name: string): unknown {
  return JSON.parse(readFileSync(`../tests/contract/${name}.json`, "utf8"));
}

function renderPage(element: React.ReactNode) {
  return render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient()}>{element}</QueryClientProvider>
    </MantineProvider>,
  );
}

/** Answer every request with a sample, with some fields changed. */
function mockResponse(name: string, changes: object = {}) {
  vi.stubGlobal(
    "fetch",
    vi.fn(() => Promise.resolve(Response.json({ ...(sample(name) as object), ...changes }))),
  );
}

beforeEach(() => {
  window.history.replaceState(null, "", "/organization/usage?organization_id=acme");
});

describe("the schemas accept the samples", () => {
  it.each([
    ["breakdown", Breakdown],
    ["records", RecordsPage],
    ["inventory", RecordsPage],
    ["history", RecordHistory],
  ])("%s", (name, shape) => {
    expect(v.safeParse(shape, sample(name)).issues).toBeUndefined();
  });

  it("changed samples are invalid", () => {
    const page = sample("records") as Record<string, unknown>;
    expect(v.safeParse(RecordsPage, { ...page, kind: "agent" }).success).toBe(false);
    expect(v.safeParse(RecordsPage, { ...page, records: null }).success).toBe(false);
    expect(v.safeParse(Breakdown, { ...(sample("breakdown") as object), rows: [{}] }).success).toBe(false);
  });
});

describe("rendering the samples", () => {
  it("each breakdown row has its figures, with a link for those that are not zero", () => {
    const breakdown = v.parse(Breakdown, sample("breakdown"));
    renderPage(
      <BreakdownTable
        by="agent"
        order="calls"
        breakdown={breakdown}
        rows={breakdown.rows}
        drawn={[]}
        interval="day"
        costs={null}
        sort={{ id: "calls", desc: true }}
        sortBy={() => undefined}
      />,
    );
    breakdown.rows.forEach((row) => {
      const label = row.value === null ? "Without an agent" : (row.name ?? row.value);
      const shown = within(screen.getByRole("row", { name: new RegExp(`^${label}`) }));
      if (!("total_calls" in row)) throw new Error("The sample has runs.");
      expect(
        shown.getByRole("link", { name: `${label}, Calls: ${row.total_calls}, show calls` }),
      ).toBeDefined();
      expect(shown.getByText(formats.share(row.share))).toBeDefined();
      expect(shown.getByText(formats.minutes(row.voice_minutes))).toBeDefined();
    });
  });

  it("a list shows the API's rows and totals", async () => {
    const page = v.parse(RecordsPage, sample("records"));
    if (page.kind !== "conversation" || page.totals === null) throw new Error("unexpected sample");
    mockResponse("records");
    const listing = { kind: "conversation", filter: {} } as const;
    renderPage(
      <RecordList organization="acme" range={RANGE} today={TODAY} listing={listing} opened={null} />,
    );
    const rows = within(await screen.findByRole("table")).getAllByRole("row");
    expect(rows).toHaveLength(page.records.length + 1);
    page.records.forEach((record, index) => {
      const link = rows[index + 1]?.querySelector("a");
      expect(link?.getAttribute("aria-label")).toContain(`show the history of ${record.id}`);
      if (record.duration_ms === null) expect(rows[index + 1]?.textContent).toContain("–");
    });
    const totals = screen.getByRole("status").textContent;
    expect(totals).toContain(`${formats.count(page.totals.total_calls)} calls`);
    expect(totals).toContain(`exactly ${formats.count(page.totals.voice_duration_ms)} ms`);
    expect(totals).toContain(`showing ${page.records.length}`);
    expect(screen.getByRole("button", { name: "Load more" })).toBeTruthy();
  });

  it("a list says from which day on records are stored", async () => {
    mockResponse("records", { records_from: "2026-03-02" });
    const listing = { kind: "conversation", filter: {} } as const;
    renderPage(
      <RecordList organization="acme" range={RANGE} today={TODAY} listing={listing} opened={null} />,
    );
    expect(await screen.findByText(/^Records before Mon, Mar 2, 2026 \(UTC\) were deleted/)).toBeTruthy();
  });

  it("an inventory list shows the API's total", async () => {
    mockResponse("inventory");
    const listing = { kind: "phone_number", filter: {} } as const;
    renderPage(
      <RecordList organization="acme" range={RANGE} today={TODAY} listing={listing} opened={null} />,
    );
    await screen.findByRole("table");
    expect(screen.getByRole("status").textContent).toContain("2 phone numbers");
    expect(screen.queryByRole("link", { name: "Export as CSV" })).toBeNull();
  });

  it("a history says why each update counts or not, and what the first adds", async () => {
    const history = v.parse(RecordHistory, sample("history"));
    mockResponse("history");
    renderPage(<HistoryView organization="acme" record={{ kind: "conversation", id: history.id }} />);
    const states = await screen.findAllByRole("article");
    expect(states).toHaveLength(history.states.length);
    history.states.forEach(({ why, adds, event }, index) => {
      const text = states[index]?.textContent ?? "";
      expect(text).toContain(why);
      expect(text).toContain(event.id);
      expect(text.includes("Adds")).toBe(index === 0);
      if (index === 0) expect(text).toContain(addedText(adds, formats));
    });
    expect(screen.queryByRole("link")).toBeNull();
  });

  it("the history of a call counted elsewhere links there and counts nothing", async () => {
    mockResponse("history", { linked_to: "vapi:call-9" });
    renderPage(<HistoryView organization="acme" record={{ kind: "conversation", id: "call-1" }} />);
    const link = await screen.findByRole("link", { name: "vapi:call-9, show its history" });
    expect(link.getAttribute("href")).toContain("record=conversation:vapi%253Acall-9");
    const text = screen.getByRole("region", { name: "History" }).textContent;
    expect(text).toContain(
      "This is the other side of call vapi:call-9, which is counted instead. It adds nothing.",
    );
    expect(text).toContain("the current one first");
    expect(text).not.toContain("counts");
  });

  it("the history of the counted call links to the other sides", async () => {
    mockResponse("history", { linked: ["twilio:CA1", "twilio:CA2"] });
    renderPage(<HistoryView organization="acme" record={{ kind: "conversation", id: "call-1" }} />);
    await screen.findByText("The same call was also reported as:");
    const links = screen.getAllByRole("link").map((link) => link.textContent);
    expect(links).toEqual(["twilio:CA1", "twilio:CA2"]);
  });
});
