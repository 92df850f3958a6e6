// Which chart has the pointer or the focus. Only that one shows its tooltip; the others show a cursor line.

import { createContext } from "react";
import { type Chart } from "./series";

interface Pointed {
  readonly pointed: Chart["field"] | null;
  readonly point: (field: Chart["field"] | null) => void;
}

export const PointedContext = createContext<Pointed>({ pointed: null, point: () => undefined });
