import { later, option, optional } from "../option.ts";
import { wordList } from "../type/list.ts";
import { integer } from "../type/number.ts";
import { enumeration } from "../type/text.ts";

const KEYS = later("API keys");
const MANAGEMENT = later("the management API");
const PUBLISHING = later("publishing over HTTP");
const mode = enumeration("apikey", "noauth");

/** The HTTP interface, apart from its listeners. */
export const http = {
  http_modules: option(
    wordList,
    "[vmq_metrics_http,vmq_http_mgmt_api, vmq_status_http, vmq_health_http, vmq_http_v2_api]",
    {
      doc: "What HTTP listeners serve that have no list of their own. What this version lacks (vmq_http_mgmt_api, vmq_status_http, vmq_http_v2_api, vmq_http_pub, vmq_web_ui) may be named.",
    },
  ),
  "http_module.$name.auth.mode": option(mode, "noauth", {
    doc: "Whether a module of the HTTP interface asks for an API key (apikey) or serves everyone (noauth). This version has no API keys: it does not serve a module that asks for one.",
  }),
  "http_module.vmq_http_mgmt_api.auth.mode": option(mode, "apikey", {
    doc: "Whether the management API asks for an API key.",
    status: MANAGEMENT,
  }),
  "http_module.vmq_http_pub.auth.mode": option(mode, "apikey", {
    doc: "Whether publishing over HTTP asks for an API key.",
    status: PUBLISHING,
  }),
  "http_module.vmq_http_v2_api.auth.mode": option(mode, "apikey", {
    doc: "Whether the second version of the management API asks for an API key.",
    status: MANAGEMENT,
  }),
  min_apikey_length: option(integer({ min: 0 }), "0", {
    doc: "The shortest API key that may be added.",
    status: KEYS,
  }),
  max_apikey_expiry_days: optional(integer({ min: 1 }), {
    doc: "The longest life of an API key.",
    unit: "days",
    status: KEYS,
  }),
};
