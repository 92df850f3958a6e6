// "On course for 12,300 min, $1,476 (±4%)": the forecast of the current month. Nothing if there is none.

import { useQuery } from "@tanstack/react-query";
import { formats } from "../formats";
import { moneyOf, percent, wholeQuantity } from "./money";
import { forecastQuery } from "./query";

export function ForecastLine({ organization }: { organization: string }) {
  const { data: forecast } = useQuery(forecastQuery(organization));
  const cost = forecast?.cost;
  if (forecast?.currency == null || cost == null) return null;
  const money = moneyOf(forecast.currency, cost.projected);
  const minutes = forecast.meters.find(({ meter }) => meter === "voice_minutes")?.projected ?? null;
  const month = formats.month(`${forecast.month}-01`, true);
  // A larger error says only that the usage of the last months was of another size.
  const pastError = Number(cost.past_error ?? Infinity);
  const error = pastError <= 1 ? pastError : null;
  return (
    <div className="forecast">
      <p>
        On course for{" "}
        <strong>
          {minutes !== null && `${wholeQuantity(minutes)} min, `}
          {money.rough(cost.projected)}
        </strong>
        {error !== null && ` (±${percent(error)})`} in {month}
      </p>
      <p className="forecast-note">
        {`Likely from ${money.rough(cost.low)} to ${money.rough(cost.high)}. `}
        {error !== null &&
          `At this day of the last months, the forecast was ${percent(error)} off on average.`}
      </p>
    </div>
  );
}
