// A script in the HTML itself: it requests the session and the figures while the page's script loads, so that the figures
// are there after two round trips. vite.config.ts puts it into index.html.

import { requestEarly } from "./api/early";
import { seriesPath, sessionPath, summaryPath } from "./api/paths";
import { needsSeries } from "./location/filter";
import { availableComparison, grainOf } from "./location/options";
import { USAGE_PATH, parseUrl } from "./location/url";
import { utcDay } from "./range/days";
import { resolveRange } from "./range/range";
import { openedByLink } from "./session/signInLink";
import { isAccessKnown } from "./shell/knownAccess";

const today = utcDay(Date.now());
const { organization, choice, grain, filter, ...location } = parseUrl(window.location.search, today);
// A sign-in link starts another session.
if (!openedByLink) requestEarly(sessionPath(organization));
if (window.location.pathname === USAGE_PATH && organization !== null && isAccessKnown(organization)) {
  const range = resolveRange(choice, today);
  const compare = availableComparison(range, location.compare);
  const interval = grainOf(range, grain);
  requestEarly(summaryPath(organization, range, compare));
  if (needsSeries(interval, filter))
    requestEarly(seriesPath(organization, range, { interval, compare, filter }));
}
