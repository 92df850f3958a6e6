// Decimal strings of the API as text. Intl.NumberFormat reads the digits of a string exactly; a number would round them.

import { formats, isSupported } from "../formats";

type Digits = `${number}`;

export interface Money {
  /** An amount with the currency's digits: `$2,010.00`, `−$9.96`. */
  readonly amount: (text: string) => string;
  /** An amount with a sign: `+$3.60`. */
  readonly change: (text: string) => string;
  /** A unit price with all its digits, at least those of the currency: `$0.0035`. */
  readonly price: (text: string) => string;
  /** An amount in whole units of the currency, if it has three or more digits: `$1,476`. */
  readonly rough: (text: string) => string;
  /** A short axis label: `$1.5K`. */
  readonly tick: (value: number) => string;
}

/** Return the formats of a currency that has this many digits after the point. */
export function makeMoney(languages: readonly string[], currency: string, digits: number): Money {
  const known = languages.filter(isSupported);
  const format = (least: number, most: number, options: Intl.NumberFormatOptions = {}) => {
    const number = new Intl.NumberFormat(known, {
      style: "currency",
      currency,
      numberingSystem: "latn",
      minimumFractionDigits: least,
      maximumFractionDigits: most,
      ...options,
    });
    return (value: string | number) => withMinus(number.format(value as Digits | number));
  };
  const amount = format(digits, digits);
  const change = format(digits, digits, { signDisplay: "exceptZero" });
  const whole = format(0, 0);
  const tick = format(0, 2, { notation: "compact" });
  return {
    amount,
    change,
    price: (text) => {
      const all = Math.max(digits, decimalsOf(text));
      return format(all, all)(text);
    },
    rough: (text) => (/^-?\d{3}/.test(text) ? whole(text) : amount(text)),
    tick,
  };
}

const cache = new Map<string, Money>();

/** Return the formats of amounts like `sample` in this browser. */
export function moneyOf(currency: string, sample: string): Money {
  const digits = decimalsOf(sample);
  const key = `${currency} ${digits}`;
  const money = cache.get(key) ?? makeMoney(navigator.languages, currency, digits);
  cache.set(key, money);
  return money;
}

/** Return the format of quantities with up to `digits` after the point. */
export function makeQuantity(languages: readonly string[], digits: number): (text: string) => string {
  const known = languages.filter(isSupported);
  const number = new Intl.NumberFormat(known, { numberingSystem: "latn", maximumFractionDigits: digits });
  return (text) => number.format(text as Digits);
}

/** Formats of this browser. */
export const quantity = makeQuantity(navigator.languages, 6);
export const shortQuantity = makeQuantity(navigator.languages, 2);
export const wholeQuantity = makeQuantity(navigator.languages, 0);

/** A fraction as a percentage, with a decimal if it has one: `4%`, `83.4%`. */
export function percent(fraction: number): string {
  return formats.share(fraction).replace(/[.,]0(?=\D*$)/u, "");
}

export function isZero(text: string): boolean {
  return !/[1-9]/.test(text);
}

export function isNegative(text: string): boolean {
  return text.startsWith("-");
}

function decimalsOf(text: string): number {
  return text.split(".")[1]?.length ?? 0;
}

function withMinus(text: string): string {
  return text.replace("-", "\u2212");
}
