// A button that switches the color scheme: system, light, dark.

import { useMantineColorScheme } from "@mantine/core";
import { SCHEME_LABELS } from "./colorScheme";
import { IconButton } from "./IconButton";
import { MoonIcon, ScreenIcon, SunIcon } from "./icons";

const NEXT = { auto: "light", light: "dark", dark: "auto" } as const;
const ICONS = { auto: ScreenIcon, light: SunIcon, dark: MoonIcon } as const;

export function ColorSchemeButton() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Icon = ICONS[colorScheme];
  const next = NEXT[colorScheme];
  return (
    <IconButton
      label={`Colors: ${SCHEME_LABELS[colorScheme]}. Switch to ${SCHEME_LABELS[next]}`}
      quiet
      onClick={() => {
        setColorScheme(next);
      }}
    >
      <Icon />
    </IconButton>
  );
}
