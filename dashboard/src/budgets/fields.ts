// What every field of the form gets.

import { type Day } from "../range/days";
import { type Draft } from "./draft";

export interface FieldProps {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  /** The sentence to show at the field. */
  readonly error: string | undefined;
}

export interface DataFieldProps extends FieldProps {
  readonly organization: string;
  readonly today: Day;
}
