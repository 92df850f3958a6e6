// The Mantine theme.

import { type CSSVariablesResolver, createTheme } from "@mantine/core";

/** The height in pixels of a chart, its skeleton and its table. */
export const CHART_HEIGHT = 180;

export const theme = createTheme({
  primaryColor: "blue",
  primaryShade: 8,
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: { fontWeight: "600" },
  colors: {
    // One family of tints for dark surfaces, lines and texts.
    dark: [
      "#f1f3f5",
      "#c3cad3",
      "#a6adb5",
      "#7b838d",
      "#40454d",
      "#33363c",
      "#26292e",
      "#1f2125",
      "#17181b",
      "#101113",
    ],
  },
  defaultRadius: "md",
  cursorType: "pointer",
});

/** Text colors meet WCAG AA on page and cards. colors.css has the page's own colors. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-text": "#16191d",
    "--mantine-color-dimmed": "#5c636a",
    "--mantine-color-error": "#c92a2a",
  },
  dark: {
    "--mantine-color-text": "#f1f3f5",
    "--mantine-color-dimmed": "#a6adb5",
    "--mantine-color-error": "#ff8787",
  },
});
