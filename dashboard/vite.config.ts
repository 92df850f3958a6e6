// Builds the page into the Python package, with hashed file names and without source maps; configures Vitest.

import react from "@vitejs/plugin-react";
import { resolve } from "node:path";
import { type Plugin, build } from "vite";
import { defineConfig } from "vitest/config";

const NONCE = "__TALKMETER_NONCE__";
const SERVER = process.env["TALKMETER_PUBLIC_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), earlyScript()],
  base: "/",
  // The server replaces this with a new nonce in each response.
  html: { cspNonce: NONCE },
  build: {
    outDir: process.env["TALKMETER_PAGE_DIR"] ?? "../src/talkmeter/page",
    emptyOutDir: true,
    // The server and tests/browser/test_weight.py read it.
    manifest: "manifest.json",
    // data: URLs would need an exception in the content security policy.
    assetsInlineLimit: 0,
    target: "es2023",
    // Browsers of this target know `rel=modulepreload`.
    modulePreload: { polyfill: false },
    // All that the page needs first in one file: browsers load six files of a server at a time.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "first", tags: ["$initial"] }] } } },
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: Object.fromEntries(
      ["/admin", "/operator/", "/session", "/metering"].map((path) => [path, SERVER]),
    ),
  },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    css: false,
    // The default of 5 seconds is too short on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

/** Puts src/early.ts into the HTML, before the style sheet, for which a script would wait. */
function earlyScript(): Plugin {
  return {
    name: "early-script",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      async handler(html) {
        const code = await buildScript("src/early.ts");
        return html.replace("<!-- early.ts -->", () => `<script nonce="${NONCE}">${code}</script>`);
      },
    },
  };
}

async function buildScript(file: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "warn",
    build: {
      write: false,
      target: "es2023",
      rolldownOptions: { input: resolve(import.meta.dirname, file), output: { format: "iife" } },
    },
  });
  if (!("output" in result)) throw new Error(`${file} was not built.`);
  return result.output[0].code.trim();
}
