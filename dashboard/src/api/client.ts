// The API client. Each response is validated by a schema. The requests of the first screen are here; others have a module each.

import * as v from "valibot";
import { type ComparisonMode } from "../location/options";
import { type Range } from "../range/range";
import { takeEarly } from "./early";
import { ApiError, InvalidResponseError, NetworkError } from "./errors";
import { sessionPath, summaryPath, withParameters } from "./paths";
import { Problem, Scopes, Session, Summary } from "./shapes";

/** Return the session, with its scopes in an organization; with null in its first one. */
export function getSession(organization: string | null, signal?: AbortSignal): Promise<Session> {
  return request(sessionPath(organization), Session, { signal });
}

/** Start a session with the secret of a one-time link. */
export function signInWithLink(secret: string): Promise<Session> {
  const body = JSON.stringify({ link: secret });
  return request("/session", Session, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });
}

/** Start a session with a pasted key or token. */
export function signInWithKey(key: string): Promise<Session> {
  return request("/session", Session, { method: "POST", headers: { Authorization: `Bearer ${key}` } });
}

export function signOut(): Promise<Session> {
  return request("/session", Session, { method: "DELETE" });
}

export function getScopes(organization: string, signal?: AbortSignal): Promise<readonly string[]> {
  return request(withParameters("/admin/members/me/scopes", { organization_id: organization }), Scopes, {
    signal,
  });
}

export function getSummary(
  organization: string,
  range: Range,
  compare: ComparisonMode,
  signal?: AbortSignal,
): Promise<Summary> {
  return request(summaryPath(organization, range, compare), Summary, { signal });
}

type RequestOptions = Omit<RequestInit, "signal"> & { signal?: AbortSignal | undefined };

export async function request<Shape extends v.GenericSchema>(
  path: string,
  shape: Shape,
  options: RequestOptions,
): Promise<v.InferOutput<Shape>> {
  const response = await sendRequest(path, options);
  const body = v.safeParse(shape, await readJson(response));
  if (!body.success) throw new InvalidResponseError();
  return body.output;
}

async function sendRequest(path: string, { signal, ...options }: RequestOptions): Promise<Response> {
  const early = options.method === undefined ? takeEarly(path) : undefined;
  const sent = early ?? fetch(path, { ...options, signal: signal ?? null });
  const response = await sent.catch((error: unknown) => {
    throw isAborted(error) ? error : new NetworkError();
  });
  if (!response.ok) {
    const body = await readJson(response);
    throw new ApiError(response.status, errorMessage(response, body), retryAfterSec(response), body);
  }
  return response;
}

/** Return the seconds of `Retry-After`; null if it is absent or a date. */
function retryAfterSec({ headers }: Response): number | null {
  const text = headers.get("Retry-After") ?? "";
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** Return the `detail` of a problem response, or a generic sentence if a proxy answered. */
function errorMessage({ status }: Response, body: unknown): string {
  const problem = v.safeParse(Problem, body);
  return problem.success ? problem.output.detail : `The server returned error ${status}.`;
}

async function readJson(response: Response): Promise<unknown> {
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
