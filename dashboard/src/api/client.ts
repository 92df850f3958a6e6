// The API client: the requests that the page begins with, each answer passed through its validator; lists.ts has the rest.

import * as v from "valibot";
import { type Compare } from "../range/options";
import { type Range, queryOf } from "../range/range";
import { Misunderstood, Refused, Unreachable } from "./errors";
import { Problem, Scopes, Session, Summary } from "./shapes";

export function getSession(signal?: AbortSignal): Promise<Session> {
  return ask("/session", Session, { signal });
}

/** Begins a session with the secret of a one-time link. */
export function signInWithLink(secret: string): Promise<Session> {
  const body = JSON.stringify({ link: secret });
  return ask("/session", Session, { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

/** Begins a session with a credential that was pasted. */
export function signInWithKey(key: string): Promise<Session> {
  return ask("/session", Session, { method: "POST", headers: { Authorization: `Bearer ${key}` } });
}

export function signOut(): Promise<Session> {
  return ask("/session", Session, { method: "DELETE" });
}

export function getScopes(organization: string, signal?: AbortSignal): Promise<readonly string[]> {
  return ask(address("/admin/members/me/scopes", { organization_id: organization }), Scopes, { signal });
}

export function getSummary(
  organization: string,
  range: Range,
  compare: Compare,
  signal?: AbortSignal,
): Promise<Summary> {
  const parameters = { ...queryOf(range), compare, organization_id: organization };
  return ask(address("/admin/usage/summary", parameters), Summary, { signal });
}

export function address(path: string, parameters: Record<string, string>): string {
  return `${path}?${new URLSearchParams(parameters).toString()}`;
}

type Request = Omit<RequestInit, "signal"> & { signal?: AbortSignal | undefined };

export async function ask<Shape extends v.GenericSchema>(
  path: string,
  shape: Shape,
  request: Request,
): Promise<v.InferOutput<Shape>> {
  const response = await send(path, request);
  const answer = v.safeParse(shape, await json(response));
  if (!answer.success) throw new Misunderstood();
  return answer.output;
}

async function send(path: string, { signal, ...request }: Request): Promise<Response> {
  const response = await fetch(path, { ...request, signal: signal ?? null }).catch((error: unknown) => {
    throw isAborted(error) ? error : new Unreachable();
  });
  if (!response.ok) throw new Refused(response.status, await sentence(response));
  return response;
}

/** The problem's `detail`, or a sentence of ours where something else than our server answered. */
async function sentence(response: Response): Promise<string> {
  const problem = v.safeParse(Problem, await json(response));
  return problem.success ? problem.output.detail : `The server answered with the error ${response.status}.`;
}

async function json(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    if (isAborted(error)) throw error;
    return undefined;
  }
}

function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
