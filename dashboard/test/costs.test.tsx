// The Cost section, rendered: the server's sample, and the arithmetic of the charges.

import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { Costs, type MonthCosts } from "../src/api/costs";
import { Allowances } from "../src/costs/Allowances";
import { ChargeTable } from "../src/costs/ChargeTable";
import { CostTable } from "../src/costs/CostTable";
import { makeMoney } from "../src/costs/money";
import { Months } from "../src/costs/Months";
import { costSeries } from "../src/costs/series";
import { isWhole, lastOfMonth } from "../src/costs/words";
import { NOVEMBER, costs } from "./costSamples";

const MONEY = makeMoney(["en-US"], "USD", 2);

function renderRows(element: React.ReactNode): string[] {
  render(<MantineProvider>{element}</MantineProvider>);
  const rows = screen.getAllByRole("row").map((row) =>
    [...row.querySelectorAll("th, td")]
      .map(({ textContent }) => textContent.replaceAll("\u00a0", " "))
      .filter((text) => text !== "")
      .join(" | "),
  );
  cleanup();
  return rows;
}

describe("the server's sample", () => {
  it("is valid, and a number instead of a decimal string is not", () => {
    expect(v.safeParse(Costs, { ...costs, total: 16.66 }).success).toBe(false);
    expect(v.safeParse(Costs, { ...costs, total: "16,66" }).success).toBe(false);
  });

  it("its table ends with the API's total", () => {
    const series = costSeries(costs, "2026-04-01");
    const rows = renderRows(<CostTable series={series} total={costs.total ?? ""} money={MONEY} />);
    expect(rows.slice(1)).toEqual([
      "Sat, Feb 28, 2026 | No plan | – | – | – | – | –",
      "Sun, Mar 1, 2026 | $15.12 | $0.07 | $0.05 | $3.00 | $2.00 | $10.00",
      "Mon, Mar 2, 2026 | $0.00 | – | – | – | – | –",
      "Tue, Mar 3, 2026 | $1.54 | – | $0.04 | −$0.50 | $2.00 | –",
      "Whole range | $16.66",
    ]);
  });

  it("a volume tier says that its price applies to all units", () => {
    const [, march] = costs.months;
    const rows = renderRows(<ChargeTable month={march ?? NOVEMBER} label="March" money={MONEY} />);
    expect(rows[5]).toContain("The price above 3 calls applies to all of them | 5 calls | 5 × $0.50 | $2.50");
  });
});

it("the charges of a month can be calculated line by line", () => {
  expect(renderRows(<ChargeTable month={NOVEMBER} label="November" money={MONEY} />)).toEqual([
    "Charge | Quantity | Included | Billed × price | Amount",
    "Outbound voiceEach call is rounded up to whole minutes | 12,300 minutes | 500 | 11,800 × $0.12 | $1,416.00",
    "Chat sessions | 1,300 sessions | $62.00",
    "First 1,000 sessions | 1,000 × $0.05 | $50.00",
    "1,000 to 10,000 sessions | 300 × $0.04 | $12.00",
    "Workflow runs | 2,500 runs | 3 packages of 1,000 × $2.00 | $6.00",
    "Shared phone numbers60 item-days ÷ 30 daysCounted from Tue, Nov 3, 2026; earlier days are not known | 2 items | 2 × $1.15 | $2.30",
    "Monthly feeOn the first day of the month | $10.00",
    "Minimum chargeThe charges are below the minimum of the plan; this is the difference | $513.70",
    "Total | $2,010.00",
  ]);
});

describe("months", () => {
  function text(months: readonly MonthCosts[]): string {
    const { container } = render(
      <MantineProvider>
        <Months months={months} today="2026-12-05" money={MONEY} />
      </MantineProvider>,
    );
    return container.textContent;
  }

  it.each([
    ["3.60", "makes it $3.60 more"],
    ["-2.40", "makes it $2.40 less"],
    ["0.00", "which is its present cost"],
  ])("a closed month with the difference %s", (difference, sentence) => {
    expect(text([{ ...NOVEMBER, difference }])).toContain(sentence);
  });

  it("months without a plan in a row are one line", () => {
    const none = { ...NOVEMBER, plan: null, version: null, total: null, charges: [] };
    const before = [
      { ...none, month: "2026-09", from: "2026-09-10", to: "2026-10-01" },
      { ...none, month: "2026-10", from: "2026-10-01", to: "2026-11-01" },
    ];
    expect(text([...before, NOVEMBER]).match(/No plan/g)).toHaveLength(1);
    expect(isWhole(NOVEMBER)).toBe(true);
    expect(isWhole({ ...NOVEMBER, to: "2026-11-30" })).toBe(false);
    expect(["2028-02", "2026-02", "2026-12"].map(lastOfMonth)).toEqual([
      "2028-02-29",
      "2026-02-28",
      "2026-12-31",
    ]);
  });
});

it("allowances show what is used, included and billed", () => {
  const { container } = render(
    <MantineProvider>
      <Allowances months={[NOVEMBER, { ...NOVEMBER, month: "2026-12", charges: [] }]} />
    </MantineProvider>,
  );
  expect(container.textContent).toContain("Included in Nov 2026");
  expect(container.textContent).toContain("12,300 of 500 minutes used, 11,800 billed");
  expect(container.querySelectorAll("li")).toHaveLength(1);
});
