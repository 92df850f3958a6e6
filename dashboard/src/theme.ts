// The Mantine theme and the page's color variables.

import { type CSSVariablesResolver, createTheme } from "@mantine/core";

/** The height in pixels of a chart, its skeleton and its table. */
export const CHART_HEIGHT = 240;

export const theme = createTheme({
  primaryColor: "blue",
  primaryShade: 8,
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: { fontWeight: "600" },
  defaultRadius: "md",
  cursorType: "pointer",
});

/** Text colors meet WCAG AA on page and cards; chart colors have a contrast of at least 3:1. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: { "--page-width": "100rem", "--chart-height": `${CHART_HEIGHT}px` },
  light: {
    "--mantine-color-dimmed": "#5c636a",
    "--mantine-color-error": "#c92a2a",
    "--page-background": "#f6f7f9",
    "--page-line": "#dfe3e8",
    "--page-accent": "#1864ab",
    "--chart-voice": "#1864ab",
    "--chart-chat": "#087f5b",
    "--chart-calls": "#1971c2",
    "--chart-runs": "#9c36b5",
    "--chart-grid": "#e3e6ea",
    "--chart-no-data": "#868e96",
  },
  dark: {
    "--mantine-color-dimmed": "#b0b0b0",
    "--mantine-color-error": "#ff8787",
    "--page-background": "#1a1b1e",
    "--page-line": "#3b3d42",
    "--page-accent": "#74c0fc",
    "--chart-voice": "#4dabf7",
    "--chart-chat": "#38d9a9",
    "--chart-calls": "#4dabf7",
    "--chart-runs": "#da77f2",
    "--chart-grid": "#36383d",
    "--chart-no-data": "#868e96",
  },
});
