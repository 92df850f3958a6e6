// The sample of connectors: parsed by the page's own validator, and rendered; and the words of that page.

import { readFileSync } from "node:fs";
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen, within } from "@testing-library/react";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { type Connector, Connectors } from "../src/api/connectors";
import { OneConnector } from "../src/connectors/Connector";
import { NAMES, OUTCOMES, agoWords, columnOf, providerWords, warningsOf } from "../src/connectors/words";
import { formats } from "../src/formats";

const NOW = Date.parse("2026-03-15T12:00:00Z");
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const NOTHING = {
  accepted: 0,
  duplicate: 0,
  conflicting: 0,
  stale: 0,
  quarantined: 0,
  ignored: 0,
  rejected: 0,
};
const CONNECTOR: Connector = {
  id: "c-1",
  provider: "vapi",
  created_at: "2026-03-01T00:00:00Z",
  disabled_at: null,
  last_event_at: "2026-03-15T11:00:00Z",
  last_rejected_at: null,
  outcomes: NOTHING,
  days: [],
  ignored_types: [],
  open_conversations: 0,
  silent_hours: null,
};

function sample(): unknown {
  return JSON.parse(readFileSync("../tests/contract/connectors.json", "utf8"));
}

describe("the sample", () => {
  it("is taken by the validator, which refuses what the server never writes", () => {
    expect(v.safeParse(Connectors, sample()).issues).toBeUndefined();
    const connectors = v.parse(Connectors, sample());
    expect(v.safeParse(Connectors, { ...connectors, connectors: [{}] }).success).toBe(false);
    expect(v.safeParse(Connectors, { ...connectors, as_of: null }).success).toBe(false);
  });

  it("is rendered: each connector with its stack, its id and a number for every outcome", () => {
    const { connectors, as_of } = v.parse(Connectors, sample());
    expect(connectors.length).toBeGreaterThan(0);
    for (const connector of connectors) {
      render(
        <MantineProvider>
          <OneConnector connector={connector} now={Date.parse(as_of)} />
        </MantineProvider>,
      );
      const shown = screen.getByRole("article", { name: new RegExp(providerWords(connector.provider)) });
      expect(within(shown).getByRole("heading").textContent).toContain(connector.id);
      const rows = [...shown.querySelectorAll(".connector-outcomes > div")].map((row) => row.textContent);
      NAMES.forEach((outcome, index) => {
        const { name, help } = OUTCOMES[outcome];
        expect(rows[index]).toContain(`${name}${formats.count(connector.outcomes[outcome])}${help}`);
      });
      for (const { type } of connector.ignored_types) expect(shown.textContent).toContain(type);
      cleanup();
    }
  });
});

describe("how long ago", () => {
  it.each([
    [0, "just now"],
    [-5 * SECOND, "just now"],
    [59 * SECOND, "just now"],
    [60 * SECOND, "1 minute ago"],
    [HOUR - SECOND, "59 minutes ago"],
    [HOUR, "1 hour ago"],
    [47.9 * HOUR, "47 hours ago"],
    [48 * HOUR, "2 days ago"],
    [24 * 30 * HOUR, "30 days ago"],
  ])("%d ms: %s", (past, words) => {
    expect(agoWords(NOW - past, NOW)).toBe(words);
  });
});

describe("what somebody should look after", () => {
  const titles = (changed: Partial<Connector>) =>
    warningsOf({ ...CONNECTOR, ...changed }).map(({ title }) => title);

  it("nothing, where all is well", () => {
    expect(titles({})).toEqual([]);
  });

  it("silence, with its hours and a command to run", () => {
    const [warning] = warningsOf({ ...CONNECTOR, silent_hours: 31 });
    expect(warning?.title).toBe("Silent for 31 hours");
    expect(warning?.text).toContain("Vapi");
    expect(warning?.command).toBe("talkmeter connectors show c-1");
  });

  it("rejections, but only where nothing was taken since", () => {
    expect(titles({ last_rejected_at: "2026-03-15T10:59:59Z" })).toEqual([]);
    expect(titles({ last_rejected_at: "2026-03-15T11:00:01Z" })).toEqual(["Messages are rejected"]);
    expect(titles({ last_rejected_at: "2026-03-15T10:00:00Z", last_event_at: null })).toEqual([
      "Messages are rejected",
    ]);
  });

  it("nothing of a connector that takes no more messages", () => {
    const disabled = { disabled_at: "2026-03-15T11:30:00Z", last_rejected_at: "2026-03-15T11:20:00Z" };
    expect(titles(disabled)).toEqual([]);
  });
});

describe("a day's column", () => {
  it("has every message in exactly one of its parts", () => {
    const each = Object.fromEntries(NAMES.map((name, index) => [name, 10 ** index])) as typeof NOTHING;
    const { counted, harmless, wrong } = columnOf(each);
    expect(counted).toBe(each.accepted);
    expect(wrong).toBe(each.conflicting + each.quarantined + each.rejected);
    expect(counted + harmless + wrong).toBe(1_111_111);
  });
});

it("a stack that is not known has its own name", () => {
  expect(providerWords("elevenlabs")).toBe("ElevenLabs");
  expect(providerWords("bland")).toBe("bland");
});
