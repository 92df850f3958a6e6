// Amounts and quantities as text: no digit changes, in any currency and locale.

import { describe, expect, it } from "vitest";
import { isNegative, isZero, makeMoney, makeQuantity } from "../src/costs/money";

describe("amounts", () => {
  it.each([
    ["en-US", "USD", 2, "2010.00", "$2,010.00"],
    ["en-US", "USD", 2, "-9.96", "−$9.96"],
    ["en-US", "USD", 2, "-0.01", "−$0.01"],
    ["en-US", "USD", 2, "0.00", "$0.00"],
    ["en-US", "USD", 2, "123456789012.34", "$123,456,789,012.34"],
    ["en-US", "USD", 2, "90071992547409931.07", "$90,071,992,547,409,931.07"],
    ["en-US", "JPY", 0, "12", "¥12"],
    ["en-US", "JPY", 0, "-123456789012", "−¥123,456,789,012"],
    ["en-US", "KWD", 3, "12.345", "KWD 12.345"],
    ["en-US", "KWD", 3, "123456789012.345", "KWD 123,456,789,012.345"],
    ["de-DE", "EUR", 2, "-1234.50", "−1.234,50 €"],
    ["ar-EG", "USD", 2, "12.34", "12.34"],
  ])("%s %s with %i digits: %s is %s", (language, currency, digits, text, shown) => {
    const { amount } = makeMoney([language], currency, digits);
    expect(amount(text).replaceAll(/\p{Zs}/gu, " ")).toContain(shown);
  });

  it("the API's digits count, not those that the browser knows", () => {
    // ISO 4217 gives the Iraqi dinar three digits, browsers show none by default.
    expect(makeMoney(["en"], "IQD", 3).amount("1.250")).toContain("1.250");
  });

  it("an unknown or invalid language does not fail", () => {
    expect(makeMoney(["not a language", "en-US"], "USD", 2).amount("1.00")).toBe("$1.00");
  });
});

describe("prices and forecasts", () => {
  const money = makeMoney(["en-US"], "USD", 2);

  it("a price has all its digits, and at least those of the currency", () => {
    expect(money.price("0.0035")).toBe("$0.0035");
    expect(money.price("2")).toBe("$2.00");
    expect(money.price("0.123456789012")).toBe("$0.123456789012");
  });

  it("a forecast of three or more digits has no decimals", () => {
    expect(money.rough("1476.30")).toBe("$1,476");
    expect(money.rough("1476.50")).toBe("$1,477");
    expect(money.rough("14.76")).toBe("$14.76");
  });

  it("axis labels are short", () => {
    expect(money.tick(1500)).toBe("$1.5K");
    expect(money.tick(-0.05)).toBe("−$0.05");
  });
});

it("quantities have up to six digits after the point", () => {
  expect(makeQuantity(["en"], 6)("12300")).toBe("12,300");
  expect(makeQuantity(["en"], 6)("535.066667")).toBe("535.066667");
  expect(makeQuantity(["en"], 6)("123456789012.000001")).toBe("123,456,789,012.000001");
  expect(makeQuantity(["en"], 2)("1035.066667")).toBe("1,035.07");
});

it("zero and negative are read from the digits", () => {
  expect(["0", "0.00", "-0.00", "0.01", "-1"].map(isZero)).toEqual([true, true, true, false, false]);
  expect(["1", "-1.00"].map(isNegative)).toEqual([false, true]);
});
