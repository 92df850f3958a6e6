// How the page is built: into the Python package, hashed, without source maps; and how it is tested.

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const SERVER = process.env["TALKMETER_PUBLIC_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  base: "/",
  // The server replaces this with a value that is new for every answer.
  html: { cspNonce: "__TALKMETER_NONCE__" },
  build: {
    outDir: process.env["TALKMETER_PAGE_DIR"] ?? "../src/talkmeter/page",
    emptyOutDir: true,
    // Next to index.html, where the server and the weight test read it.
    manifest: "manifest.json",
    // A data: address would need an exception in the content security policy.
    assetsInlineLimit: 0,
    target: "es2023",
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
  },
});
