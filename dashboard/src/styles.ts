// The style sheets of the Mantine components that the page uses at once; a missing one fails silently,
// so test/styles.test.ts compares this list with what is imported.

import "@mantine/core/styles/baseline.css";
import "@mantine/core/styles/default-css-variables.css";
import "@mantine/core/styles/global.css";
import "@mantine/core/styles/UnstyledButton.css";
import "@mantine/core/styles/Loader.css";
import "@mantine/core/styles/Button.css";
import "@mantine/core/styles/CloseButton.css";
import "@mantine/core/styles/Alert.css";
import "@mantine/core/styles/Anchor.css";
import "@mantine/core/styles/Input.css";
import "@mantine/core/styles/Paper.css";
import "@mantine/core/styles/Skeleton.css";
import "@mantine/core/styles/Text.css";
import "@mantine/core/styles/Title.css";
import "./page.css";
import "./figures.css";
import "./charts.css";
import "./screens.css";
import "./narrow.css";
import "./print.css";
