// The first search starts here, while the rest of the page is still being loaded.

import { state } from "./address.js";
import * as api from "./api.js";

/** The answer to the search of the address with which the page was opened; null where the address names a file. */
export const early = state().file ? null : api.traces(api.searchOf(state(), Date.now()));

early?.catch(() => {}); // the code that uses the answer reports the error
