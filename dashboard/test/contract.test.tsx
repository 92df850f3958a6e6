// Sample responses written by the server's tests are parsed with the page's schemas and rendered.

import { readFileSync } from "node:fs";
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen, within } from "@testing-library/react";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { Series } from "../src/api/series";
import { MemberOrganizations } from "../src/api/subtree";
import { Problem, Scopes, Session, Summary } from "../src/api/shapes";
import { ChartTable } from "../src/charts/ChartTable";
import { chartPoints, chartsOf, partTotals } from "../src/charts/series";
import { formats } from "../src/formats";
import { toSessionState } from "../src/queries";
import { figuresOfSeries, figuresOfSummary } from "../src/usage/figures";
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
    ["summary-compared", Summary],
    ["summary-empty", Summary],
    ["series", Series],
    ["series-hours", Series],
    ["series-agent", Series],
    ["series-workflow", Series],
    ["session", Session],
    ["session-signed-out", Session],
    ["organizations", MemberOrganizations],
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
  const figures = figuresOfSummary(summary);
  const now = Date.parse("2026-03-15T12:00:00Z");
  const number = (value: number) => new Intl.NumberFormat(navigator.languages).format(value);

  it("cards show the API's figures", () => {
    renderPage(<SummaryCards figures={figures} now={now} />);
    const card = (name: string) => within(screen.getByRole("group", { name }));
    const minutes = new Intl.NumberFormat(navigator.languages, { minimumFractionDigits: 2 });
    const text = (name: string) => screen.getByRole("group", { name }).textContent;
    expect(text("Voice Minutes")).toContain(minutes.format(summary.voice_minutes));
    expect(text("Chat Minutes")).toContain(minutes.format(summary.chat_minutes));
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
    for (const chart of chartsOf(figures)) {
      const points = chartPoints(figures, chart, now, formats);
      renderPage(
        <ChartTable
          chart={chart}
          points={points}
          grain="day"
          total={summary[chart.total]}
          parts={partTotals(chart, figures)}
          earlierTotal={null}
        />,
      );
      const rows = screen.getAllByRole("row");
      expect(rows).toHaveLength(summary.daily.length + 2);
      expect(rows.at(-1)?.querySelector("th")?.textContent).toBe("Whole range");
      cleanup();
    }
  });

  it("workflow runs have a chart only if there were any", () => {
    const titles = (runs: number) =>
      chartsOf({ ...figures, totals: { ...figures.totals, workflow_runs_total: runs } }).map(({ title }) =>
        title("day"),
      );
    expect(titles(1)).toEqual(["Voice Minutes", "Chat Minutes", "Calls per day", "Workflow runs per day"]);
    expect(titles(0)).toEqual(["Voice Minutes", "Chat Minutes", "Calls per day"]);
  });

  it("a filter leaves out the cards of what it does not select", () => {
    const series = (name: string) => figuresOfSeries(v.parse(Series, sample(name)));
    renderPage(<SummaryCards figures={series("series-agent")} now={now} />);
    expect(screen.getAllByRole("group").map((card) => card.querySelector("h2")?.textContent)).toEqual([
      "Voice Minutes",
      "Chat Minutes",
      "Total Calls",
    ]);
    cleanup();
    renderPage(<SummaryCards figures={series("series-workflow")} now={now} />);
    expect(screen.getByRole("group").querySelector("h2")?.textContent).toBe("Workflow Runs");
  });
});
