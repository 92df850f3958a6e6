// Sample responses written by the server's tests are parsed with the page's schemas and rendered.

import { readFileSync } from "node:fs";
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen, within } from "@testing-library/react";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { Problem, Scopes, Session, Summary } from "../src/api/shapes";
import { ChartTable } from "../src/charts/ChartTable";
import { chartPoints, chartsOf } from "../src/charts/series";
import { toSessionState } from "../src/queries";
import { Inventory } from "../src/usage/Inventory";
import { SummaryCards } from "../src/usage/SummaryCards";

function sample(name: string): unknown {
  return JSON.parse(readFileSync(`../tests/contract/${name}.json`, "utf8"));
}

function renderPage(element: React.ReactNode) {
  return render(<MantineProvider>{element}</MantineProvider>);
}

describe("the schemas accept the samples", () => {
  it.each([
    ["summary", Summary],
    ["summary-empty", Summary],
    ["session", Session],
    ["session-signed-out", Session],
    ["scopes", Scopes],
    ["scopes-viewer", Scopes],
    ["problem", Problem],
    ["problem-forbidden", Problem],
  ])("%s", (name, shape) => {
    expect(v.safeParse(shape, sample(name)).issues).toBeUndefined();
  });

  it("changed samples are invalid", () => {
    const summary = sample("summary") as Record<string, unknown>;
    expect(v.safeParse(Summary, { ...summary, total_calls: "12" }).success).toBe(false);
    expect(v.safeParse(Summary, { ...summary, daily: null }).success).toBe(false);
    expect(v.safeParse(Summary, { ...summary, voice_minutes: -1 }).success).toBe(false);
  });

  it("the session tells signed in from signed out", () => {
    expect(toSessionState(v.parse(Session, sample("session-signed-out"))).signedIn).toBe(false);
    expect(toSessionState(v.parse(Session, sample("session"))).signedIn).toBe(true);
  });
});

describe("rendering the samples", () => {
  const summary = v.parse(Summary, sample("summary"));
  const number = (value: number) => new Intl.NumberFormat(navigator.languages).format(value);

  it("cards show the API's figures", () => {
    renderPage(<SummaryCards summary={summary} today="2026-03-15" />);
    const card = (name: string) => within(screen.getByRole("group", { name }));
    const minutes = new Intl.NumberFormat(navigator.languages, { minimumFractionDigits: 2 });
    expect(card("Voice Minutes").getByText(minutes.format(summary.voice_minutes))).toBeTruthy();
    expect(card("Chat Minutes").getByText(minutes.format(summary.chat_minutes))).toBeTruthy();
    expect(card("Total Calls").getByText(number(summary.total_calls))).toBeTruthy();
    expect(card("Total Calls").getByText(`${number(summary.inbound_calls)} in`)).toBeTruthy();
    expect(card("Workflow Runs").getByText(`${number(summary.workflow_runs_failed)} failed`)).toBeTruthy();
  });

  it("the shared pool is shown only above zero", () => {
    renderPage(<Inventory summary={{ ...summary, shared_phone_numbers: 0 }} />);
    expect(screen.queryByText(/shared pool/)).toBeNull();
    cleanup();
    renderPage(<Inventory summary={{ ...summary, shared_phone_numbers: 2 }} />);
    expect(screen.getByText("2 on the shared pool (billable)")).toBeTruthy();
  });

  it("each chart's table has a row per day and ends with the card's figure", () => {
    for (const chart of chartsOf(summary)) {
      const points = chartPoints(summary.daily, chart.field, "2026-03-01");
      renderPage(<ChartTable chart={chart} points={points} total={summary[chart.total]} />);
      const rows = screen.getAllByRole("row");
      expect(rows).toHaveLength(summary.daily.length + 2);
      expect(rows.at(-1)?.querySelector("th")?.textContent).toBe("Whole range");
      cleanup();
    }
  });

  it("workflow runs have a chart only if there were any", () => {
    const titles = (runs: number) =>
      chartsOf({ ...summary, workflow_runs_total: runs }).map(({ title }) => title);
    expect(titles(1)).toEqual(["Voice Minutes", "Chat Minutes", "Calls per day", "Workflow runs per day"]);
    expect(titles(0)).toEqual(["Voice Minutes", "Chat Minutes", "Calls per day"]);
  });
});
