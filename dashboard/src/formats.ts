// The formats of this browser's languages.

import { makeFormats } from "./format";

export const formats = makeFormats(navigator.languages);
