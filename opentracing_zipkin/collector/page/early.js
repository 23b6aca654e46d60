// The first search starts here, while the rest of the page is still being loaded.

import { state } from "./address.js";
import * as api from "./api.js";

/** The answer to what the address asked for when the page was opened; null where that was a file. */
export const early = state().file ? null : api.traces(api.searchOf(state(), Date.now()));

early?.catch(() => {}); // it is the searcher who says so
