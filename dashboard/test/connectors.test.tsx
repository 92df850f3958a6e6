// The Connectors page: the server's sample response is parsed and rendered; texts and warnings.

import { readFileSync } from "node:fs";
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen, within } from "@testing-library/react";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { type Connector, Connectors } from "../src/api/connectors";
import { ConnectorCard } from "../src/connectors/ConnectorCard";
import {
  OUTCOMES,
  OUTCOME_TEXTS,
  columnParts,
  connectorWarnings,
  headline,
  nonZeroOutcomes,
  providerLabel,
  timeAgo,
} from "../src/connectors/labels";
import { formats } from "../src/formats";

const NOW = Date.parse("2026-03-15T12:00:00Z");
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const NO_WEBHOOKS = {
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
  outcomes: NO_WEBHOOKS,
  days: [],
  ignored_types: [],
  assumed_values: [],
  open_conversations: 0,
  silent_hours: null,
};

function sample(): unknown {
  return JSON.parse(readFileSync("../tests/contract/connectors.json", "utf8"));
}

describe("the sample response", () => {
  it("is valid, and changed copies are not", () => {
    expect(v.safeParse(Connectors, sample()).issues).toBeUndefined();
    const connectors = v.parse(Connectors, sample());
    expect(v.safeParse(Connectors, { ...connectors, connectors: [{}] }).success).toBe(false);
    expect(v.safeParse(Connectors, { ...connectors, as_of: null }).success).toBe(false);
  });

  it("is rendered: each connector with its provider, id and a count per outcome that occurred", () => {
    const { connectors, as_of } = v.parse(Connectors, sample());
    expect(connectors.length).toBeGreaterThan(0);
    for (const connector of connectors) {
      render(
        <MantineProvider>
          <ConnectorCard connector={connector} now={Date.parse(as_of)} operator />
        </MantineProvider>,
      );
      const card = screen.getByRole("article", { name: new RegExp(providerLabel(connector.provider)) });
      expect(within(card).getByRole("heading").textContent).toContain(connector.id);
      const rows = [...card.querySelectorAll(".connector-outcomes > div")].map((row) => row.textContent);
      nonZeroOutcomes(connector.outcomes).forEach((outcome, index) => {
        const { name, help } = OUTCOME_TEXTS[outcome];
        expect(rows[index]).toContain(`${name}${formats.count(connector.outcomes[outcome])}${help}`);
      });
      for (const { type } of connector.ignored_types) expect(card.textContent).toContain(type);
      cleanup();
    }
  });
});

describe("a connector with assumed values", () => {
  it("names what webhooks do not say", () => {
    const assumed_values = [{ missing: "channel, direction", messages: 3, last_at: "2026-03-15T11:00:00Z" }];
    render(
      <MantineProvider>
        <ConnectorCard
          connector={{ ...CONNECTOR, assumed_values, outcomes: { ...NO_WEBHOOKS, accepted: 3 } }}
          now={Date.parse("2026-03-15T12:00:00Z")}
          operator
        />
      </MantineProvider>,
    );
    expect(screen.getByText(/channel, direction assumed: 3/)).toBeTruthy();
  });
});

describe("timeAgo", () => {
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
  ])("%d ms is %s", (elapsed, text) => {
    expect(timeAgo(NOW - elapsed, NOW)).toBe(text);
  });
});

describe("connectorWarnings", () => {
  const titles = (changes: Partial<Connector>) =>
    connectorWarnings({ ...CONNECTOR, ...changes }).map(({ title }) => title);

  it("returns nothing for a healthy connector", () => {
    expect(titles({})).toEqual([]);
  });

  it("warns of silence, with the hours and a command", () => {
    const [warning] = connectorWarnings({ ...CONNECTOR, silent_hours: 31 });
    expect(warning?.title).toBe("No webhooks for 31 hours");
    expect(warning?.text).toContain("Vapi");
    expect(warning?.remedy).toBe("This command prints the URL:");
    expect(warning?.command).toBe("talkmeter connectors show c-1");
  });

  it("warns of rejections only if no webhook was accepted since", () => {
    expect(titles({ last_rejected_at: "2026-03-15T10:59:59Z" })).toEqual([]);
    expect(titles({ last_rejected_at: "2026-03-15T11:00:01Z" })).toEqual(["Webhooks are being rejected"]);
    expect(titles({ last_rejected_at: "2026-03-15T10:00:00Z", last_event_at: null })).toEqual([
      "Webhooks are being rejected",
    ]);
  });

  it("returns nothing for a disabled connector", () => {
    const disabled = { disabled_at: "2026-03-15T11:30:00Z", last_rejected_at: "2026-03-15T11:20:00Z" };
    expect(titles(disabled)).toEqual([]);
  });
});

describe("the headline", () => {
  it.each([
    [{}, null],
    [{ accepted: 412 }, "All 412 messages counted"],
    [{ accepted: 1 }, "1 message counted"],
    [{ accepted: 400, duplicate: 12 }, "400 of 412 messages counted; the others add nothing"],
    [{ accepted: 400, duplicate: 11, quarantined: 1 }, "1 of 412 messages needs attention"],
    [{ accepted: 400, rejected: 12 }, "12 of 412 messages need attention"],
  ])("of %j is %s", (outcomes, text) => {
    expect(headline({ ...NO_WEBHOOKS, ...outcomes }, formats)).toBe(text);
  });
});

describe("columnParts", () => {
  it("counts every webhook in exactly one part", () => {
    const outcomes = Object.fromEntries(
      OUTCOMES.map((name, index) => [name, 10 ** index]),
    ) as typeof NO_WEBHOOKS;
    const { counted, harmless, attention } = columnParts(outcomes);
    expect(counted).toBe(outcomes.accepted);
    expect(attention).toBe(outcomes.conflicting + outcomes.quarantined + outcomes.rejected);
    expect(counted + harmless + attention).toBe(1_111_111);
  });
});

it("an unknown provider keeps its id as its name", () => {
  expect(providerLabel("elevenlabs")).toBe("ElevenLabs");
  expect(providerLabel("bland")).toBe("bland");
});
