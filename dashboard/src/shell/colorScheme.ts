// The color scheme: light, dark, or as the system has it. The choice is remembered in this browser.

import { type MantineColorScheme, type MantineColorSchemeManager } from "@mantine/core";
import { readStored, store } from "./storage";

const KEY = "talkmeter-color-scheme";
export const SCHEME_LABELS = { auto: "system", light: "light", dark: "dark" } as const;

function isScheme(text: string | null): text is MantineColorScheme {
  return text !== null && Object.hasOwn(SCHEME_LABELS, text);
}

let stopListening: () => void = () => undefined;

/** Remembers the choice, and follows it in the other tabs. */
export const colorSchemeManager: MantineColorSchemeManager = {
  get: (standard) => {
    const stored = readStored("localStorage", KEY);
    return isScheme(stored) ? stored : standard;
  },
  set: (value) => {
    store("localStorage", KEY, value === "auto" ? null : value);
  },
  subscribe: (onUpdate) => {
    const listener = ({ key, newValue }: StorageEvent) => {
      if (key === KEY) onUpdate(isScheme(newValue) ? newValue : "auto");
    };
    window.addEventListener("storage", listener);
    stopListening = () => {
      window.removeEventListener("storage", listener);
    };
  },
  unsubscribe: () => {
    stopListening();
  },
  clear: () => {
    store("localStorage", KEY, null);
  },
};
