// How each figure is counted, in the words of docs/reference/counting.md.

/** The documentation of the figures, which every Talkmeter server has. */
export const DOCUMENTATION_URL = "/docs#getUsageSummary";

export const HELP = {
  voice_minutes:
    "The durations of all voice calls, added up in milliseconds and rounded once to 0.01 minutes. A call counts in full on the UTC day it began. A call without a duration adds nothing.",
  chat_minutes:
    "The durations of all chat sessions, added up in milliseconds and rounded once to 0.01 minutes. Web, text and email conversations are chat, unless the sender says that they are voice.",
  total_calls:
    "Every phone call and chat session that began in the range, also unanswered, failed and live ones. The average is the mean duration of calls with a duration.",
  workflow_runs_total:
    "Every workflow run that began in the range. Running, waiting and cancelled runs are in the total only.",
  total_agents: "All agents that exist now. Deleting one does not change past figures.",
  total_phone_numbers: "All phone numbers that exist now, including those of the shared pool.",
  total_web_widgets: "All chat widgets that exist now.",
  total_datasets: "All knowledge bases that exist now. Active ones are those that agents can use.",
} as const;
export type HelpName = keyof typeof HELP;
