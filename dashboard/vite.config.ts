// Builds the page into the Python package, with hashed file names and without source maps; configures Vitest.

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const SERVER = process.env["TALKMETER_PUBLIC_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  base: "/",
  // The server replaces this with a new nonce in each response.
  html: { cspNonce: "__TALKMETER_NONCE__" },
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
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: Object.fromEntries(["/admin", "/session", "/metering"].map((path) => [path, SERVER])),
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
