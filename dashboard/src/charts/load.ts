// Loads the code of the charts, which is large, in parallel with the summary.

import { lazyPart } from "../shell/lazyPart";

export const Drawing = lazyPart(() => import("./Drawing"));
export const loadCharts = Drawing.preload;
