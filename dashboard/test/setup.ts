// Stubs for APIs that jsdom lacks. Each test starts with an empty page.

import { cleanup, configure } from "@testing-library/react";
import { afterEach, vi } from "vitest";

vi.stubGlobal("matchMedia", () => ({
  matches: false,
  addEventListener: vi.fn(),
  removeEventListener: vi.fn(),
}));
// How long findBy and waitFor wait. The default of 1 second is too short on a busy machine.
configure({ asyncUtilTimeout: 20_000 });
afterEach(cleanup);
