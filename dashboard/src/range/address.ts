// The page's address, pure: which organization and which range it names, and the address that names others.

import { type Day } from "./days";
import { type Choice, DEFAULT, formatChoice, parseChoice } from "./range";

export interface Place {
  readonly organization: string | null;
  readonly choice: Choice;
  /** What was wrong with the address, where it was; the choice is the default then. */
  readonly wrong: string | null;
}

const ORGANIZATION = "organization_id";
const RANGE = "range";

export function readPlace(search: string, today: Day): Place {
  const parameters = new URLSearchParams(search);
  const organization = parameters.get(ORGANIZATION) ?? "";
  const text = parameters.get(RANGE);
  const read = text === null ? { choice: DEFAULT } : parseChoice(text, today);
  return {
    organization: organization === "" ? null : organization,
    choice: "choice" in read ? read.choice : DEFAULT,
    wrong: "wrong" in read ? read.wrong : null,
  };
}

/** The query part that names a place; what else stands in the address stays. */
export function writePlace(search: string, organization: string | null, choice: Choice): string {
  const parameters = new URLSearchParams(search);
  if (organization === null) parameters.delete(ORGANIZATION);
  else parameters.set(ORGANIZATION, organization);
  if (choice === DEFAULT) parameters.delete(RANGE);
  else parameters.set(RANGE, formatChoice(choice));
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}
