// Mantine's style sheets are imported one by one. A missing sheet fails silently, so these tests look for one.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, it } from "vitest";

const CORE = resolve("node_modules/@mantine/core");
const COMPONENTS = join(CORE, "esm/components");

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => readFileSync(join(folder, name), "utf8"));
}

/** Return a component's folder in esm/components, or null if the name is not a component. */
function folderOf(component: string): string | null {
  return existsSync(join(COMPONENTS, component)) ? component : null;
}

/** Return a component and all components it uses, by the imports of its files. */
function closure(component: string, seen = new Set<string>()): Set<string> {
  const folder = folderOf(component);
  if (folder === null || seen.has(folder)) return seen;
  seen.add(folder);
  const files = readdirSync(join(COMPONENTS, folder), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".mjs"))) {
    const path = join(COMPONENTS, folder, file);
    for (const [, target = ""] of readFileSync(path, "utf8").matchAll(/from "(\.[^"]+)"/g)) {
      const relativePath = resolve(dirname(path), target).slice(COMPONENTS.length + 1);
      if (resolve(dirname(path), target).startsWith(COMPONENTS))
        closure(relativePath.split("/")[0] ?? "", seen);
    }
  }
  return seen;
}

/** Imported, but not rendered: NativeSelect uses Combobox's chevron, Modal can have a ScrollArea. */
const NOT_RENDERED = new Set(["Combobox", "ScrollArea", "Checkbox"]);

const code = sources("src");
const imported = new Set(
  code.flatMap((text) =>
    [...text.matchAll(/import \{([^}]+)\} from "@mantine\/core"/g)].flatMap(([, names = ""]) =>
      names.split(",").map((name) => name.trim().replace(/^type /, "")),
    ),
  ),
);
const sheets = new Set(
  code.flatMap((text) =>
    [...text.matchAll(/@mantine\/core\/styles\/(\w+)\.css/g)].map(([, name = ""]) => name),
  ),
);

it.each([...imported].filter((name) => folderOf(name) !== null))(
  "%s and the components it uses have their sheets",
  (name) => {
    const needed = [...closure(name)].filter(
      (part) => !NOT_RENDERED.has(part) && existsSync(join(CORE, "styles", `${part}.css`)),
    );
    expect(needed.filter((part) => !sheets.has(part))).toEqual([]);
  },
);

it("no sheet is unused", () => {
  const needed = new Set([...imported].flatMap((name) => [...closure(name)]));
  const base = ["baseline", "default", "global"];
  expect([...sheets].filter((sheet) => !needed.has(sheet) && !base.includes(sheet))).toEqual([]);
});
