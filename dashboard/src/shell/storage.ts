// Web storage that never throws. An embedded page, or one whose user blocks storage, works without it.

type Kind = "localStorage" | "sessionStorage";

/** Return a stored text, or null if there is none or storage is blocked. */
export function readStored(kind: Kind, key: string): string | null {
  try {
    return window[kind].getItem(key);
  } catch {
    return null;
  }
}

/** Store a text, or remove it if it is null. Return false if storage is blocked or full. */
export function store(kind: Kind, key: string, value: string | null): boolean {
  try {
    if (value === null) window[kind].removeItem(key);
    else window[kind].setItem(key, value);
    return true;
  } catch {
    return false;
  }
}
