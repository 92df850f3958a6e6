// Starts the page: style sheets, CSP nonce, providers, root.

// The sheets of the Mantine components in the first bundle. A missing sheet fails silently,
// so test/styles.test.ts compares the sheets with the imported components.
import "@mantine/core/styles/baseline.css";
import "@mantine/core/styles/default-css-variables.css";
import "@mantine/core/styles/global.css";
import "@mantine/core/styles/UnstyledButton.css";
import "@mantine/core/styles/Loader.css";
import "@mantine/core/styles/Button.css";
import "@mantine/core/styles/Alert.css";
import "@mantine/core/styles/CloseButton.css";
import "@mantine/core/styles/Anchor.css";
import "@mantine/core/styles/Input.css";
import "@mantine/core/styles/Paper.css";
import "@mantine/core/styles/Skeleton.css";
import "@mantine/core/styles/Text.css";
import "@mantine/core/styles/Title.css";
import "./colors.css";
import "./page.css";
import "./header.css";
import "./figures.css";
import "./charts.css";
import "./screens.css";
import "./operator/operator.css";
import "./narrow.css";
import "./print.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { forgetEarly } from "./api/early";
import { App } from "./App";
import { queryClient } from "./queries";
import { reloadOnMissingChunk } from "./reload";
import { captureSignInLink } from "./session/signInLink";
import { colorSchemeManager } from "./shell/colorScheme";
import { cssVariables, theme } from "./theme";

const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
setNonce(nonce);
reloadOnMissingChunk();
captureSignInLink();

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={cssVariables}
        defaultColorScheme="auto"
        colorSchemeManager={colorSchemeManager}
        getStyleNonce={() => nonce}
      >
        <QueryClientProvider client={queryClient}>
          <App />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
  // The first render takes them.
  setTimeout(forgetEarly, 5_000);
}
