/** Writes docs/conformance.md. */
import { writeFileSync } from "node:fs";
import { DOCUMENT, documentText } from "./document.ts";

writeFileSync(DOCUMENT, documentText());
