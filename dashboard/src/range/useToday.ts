// Today's UTC date, as React reads it: renewed when a UTC day begins, when the tab is seen again, and on request.

import { useCallback, useEffect, useState } from "react";
import { type Day, addDays, dayAt, startOf } from "./days";

export function useToday(): { today: Day; renew: () => Day } {
  const [today, setToday] = useState(() => dayAt(Date.now()));
  const renew = useCallback(() => {
    const now = dayAt(Date.now());
    setToday(now);
    return now;
  }, []);
  useEffect(() => {
    const timer = setTimeout(renew, startOf(addDays(today, 1)) - Date.now() + 50);
    document.addEventListener("visibilitychange", renew);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", renew);
    };
  }, [today, renew]);
  return { today, renew };
}
